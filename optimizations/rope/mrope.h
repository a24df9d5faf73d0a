/* mrope.h: the decoder's angles: every slot of a head turns with one of three positions.
 *
 * Slot i of head / 2 turns by position[axis[i]] * theta^(-2 i / head); the axes (time, height,
 * width) take turns through the slots as far as their sections reach (interleaved M-RoPE), time
 * takes the rest. Source: harness/model/README.md#positions and #interleaved-rotary. Positions
 * stay integers until they are multiplied in f32.
 */
#ifndef VLT_MROPE_H
#define VLT_MROPE_H

#include <stdint.h>

enum { VLT_MROPE_SLOTS_MAX = 2048 };

/* Made once per model; immutable. */
typedef struct vlt_mrope {
    int64_t slots;                           /* head / 2 */
    float frequency[VLT_MROPE_SLOTS_MAX];    /* theta^(-2 i / head) */
    unsigned char axis[VLT_MROPE_SLOTS_MAX]; /* 0 time, 1 height, 2 width */
} vlt_mrope;

/* head is even and at most 2 * VLT_MROPE_SLOTS_MAX; the three sections add up to head / 2. */
void vlt_mrope_init(vlt_mrope *rope, int64_t head, double theta, const int64_t section[3]);

/* cos_table, sin_table [rows, slots]; axis a of row r is position[a * stride + r]. */
void vlt_mrope_rows(const vlt_mrope *rope, const int32_t *position, int64_t stride, int64_t rows,
                    float *cos_table, float *sin_table);

/* One row at the same position on all axes. */
void vlt_mrope_row(const vlt_mrope *rope, int64_t position, float *cos_row, float *sin_row);

#endif

/* positions.h: where every token and patch stands: M-RoPE positions, rope tables, learned grid.
 *
 * Text token: the counter on all three axes, which then grows by 1. A visual run (an image, or one
 * temporal group of a video) of H x W merged cells: cell (R, C) has (next, next + R, next + C);
 * afterwards next grows by max(H, W). A generated token at cache length n stands at n + delta on
 * all axes. Positions stay integers until they are multiplied in f32.
 * Source: harness/model/README.md#learned-positions, #vision-rotary, #positions and
 * #interleaved-rotary.
 */
#ifndef VLT_HARNESS_POSITIONS_H
#define VLT_HARNESS_POSITIONS_H

#include "harness/model/config.h"
#include "optimizations/core/matrix.h"

/* An image or a video of the prompt, in order of appearance. */
typedef struct vlt_grid {
    bool video;
    int64_t t, h, w; /* patches; h and w are multiples of merge */
} vlt_grid;

/* Patches and visual tokens of a grid. */
int64_t vlt_grid_patches(const vlt_grid *grid);
int64_t vlt_grid_tokens(const vlt_grid *grid, int64_t merge);

/* position[3 * count]: the axes time, height, width one behind the other. visual_row[count]: the
 * row among the visual tokens of all grids, in order of appearance, or -1 for text. INPUT when the
 * pads in ids are not exactly those of the grids, in their order. */
vlt_status vlt_positions_of_prompt(const vlt_model_config *config, const int32_t *ids,
                                   int64_t count, const vlt_grid *grid, int grid_count,
                                   int32_t *position, int32_t *visual_row, int64_t *delta,
                                   vlt_error *err);

/* Frequencies and axis of every angle slot of the decoder; made once per model. */
enum { VLT_ROPE_SLOTS_MAX = 2048 };
typedef struct vlt_text_rope {
    int64_t slots;                          /* head / 2 */
    float frequency[VLT_ROPE_SLOTS_MAX];    /* theta^(-2 i / head) */
    unsigned char axis[VLT_ROPE_SLOTS_MAX]; /* 0 time, 1 height, 2 width: interleaved */
} vlt_text_rope;

void vlt_text_rope_init(vlt_text_rope *rope, const vlt_text_config *text);

/* cos, sin [rows, slots] of rows first .. first + rows - 1; position as above with `count` tokens.
 */
void vlt_text_rope_rows(const vlt_text_rope *rope, const int32_t *position, int64_t count,
                        int64_t first, int64_t rows, float *cos_table, float *sin_table);

/* One row at the same position on all axes. */
void vlt_text_rope_row(const vlt_text_rope *rope, int64_t position, float *cos_row, float *sin_row);

/* cos, sin [patches, head / 2] of one grid in patch order (2 x 2 blocks), equal for every t. */
void vlt_vision_rope(const vlt_vision_config *vision, const vlt_grid *grid, float *cos_table,
                     float *sin_table);

/* x[patches, width] += the learned position embedding, bilinear with aligned corners: f32 weights,
 * products and sum in the order of the reference (5.x). Rows [first, end) of the grid. */
void vlt_vision_position_add(const vlt_vision_config *vision, const vlt_matrix *embedding,
                             const vlt_grid *grid, int64_t first, int64_t end, float *x);

#endif

/* rope.h: rotary position embedding, half-split pairing, in place.
 *
 *   x[r,h,i]          = x[r,h,i] * cos[r,i] - x[r,h,i+half] * sin[r,i]
 *   x[r,h,i+half]     = x[r,h,i+half] * cos[r,i] + x[r,h,i] * sin[r,i]      i < half = head / 2
 * The tables are made by the caller (harness/infer): 2-D angles for the vision tower, interleaved
 * M-RoPE for the decoder. Source: harness/model/README.md#vision-rotary and
 * #interleaved-rotary.
 *
 * An odd head leaves its last element alone (half rounds down).
 *
 * Tolerance: 1e-6. Cost: 3 flops an element (4 products, 2 sums for 2 elements); bytes: x twice,
 * tables once.
 */
#ifndef VLT_ROPE_H
#define VLT_ROPE_H

#include "optimizations/core/plan.h"

enum { VLT_ROPE_DIM_ROWS, VLT_ROPE_DIM_HEADS, VLT_ROPE_DIM_HEAD };

typedef struct vlt_rope_args {
    float *x;         /* element (row, head, i) at row * x_row + head * x_head + i */
    const float *cos; /* [rows, head / 2] */
    const float *sin; /* [rows, head / 2] */
    int64_t rows;     /* <= the problem's rows */
    int64_t x_row;
    int64_t x_head;
} vlt_rope_args;

extern const vlt_op vlt_op_rope;

/* For workloads: cosines[count] and sines[count] of random angles, owned by the workload. */
vlt_status vlt_rope_random_angles(vlt_workload *workload, size_t count, struct vlt_random *random,
                                  const float **cosines, const float **sines, vlt_error *err);

static inline vlt_problem vlt_rope_problem(int64_t rows, int64_t heads, int64_t head)
{
    return (vlt_problem){.op = &vlt_op_rope, .dim = {rows, heads, head}};
}

#endif

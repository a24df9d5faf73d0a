/* vision_block.h: one block of the vision tower, composite.
 *
 *   h = h + proj(attention(LN1(h)))          within one segment (image or frame) at a time
 *   h = h + fc2(gelu_tanh(fc1(LN2(h))))
 * The baseline prepares child plans (norm, linear, rope, attention); a fused variant replaces the
 * whole. Source: harness/model/README.md#vision-rotary, #vision-attention and #vision-block.
 * Tolerance: 1e-4.
 */
#ifndef VLT_VISION_BLOCK_H
#define VLT_VISION_BLOCK_H

#include "optimizations/attention/attention.h"

#define VLT_VISION_BLOCK_TOLERANCE 1e-4
#define VLT_VISION_BLOCK_EPSILON   1e-6f /* of every LayerNorm of the tower; no file says it */

enum {
    VLT_VISION_BLOCK_DIM_ROWS,    /* patches of all segments, at most */
    VLT_VISION_BLOCK_DIM_SEGMENT, /* patches of the largest segment */
    VLT_VISION_BLOCK_DIM_WIDTH,
    VLT_VISION_BLOCK_DIM_HEADS,
    VLT_VISION_BLOCK_DIM_INNER,  /* intermediate size */
    VLT_VISION_BLOCK_DIM_WEIGHTS /* vlt_format of most of the weights; any matrix may differ */
};

/* Matrices [out, in], vectors f32. */
typedef struct vlt_vision_block_constants {
    const float *norm1_weight, *norm1_bias, *norm2_weight, *norm2_bias; /* [width] */
    vlt_matrix qkv_weight;                                              /* [3 width, width] */
    const float *qkv_bias;                                              /* [3 width] */
    vlt_matrix proj_weight;                                             /* [width, width] */
    const float *proj_bias;
    vlt_matrix fc1_weight; /* [inner, width] */
    const float *fc1_bias;
    vlt_matrix fc2_weight; /* [width, inner] */
    const float *fc2_bias;
} vlt_vision_block_constants;

typedef struct vlt_vision_block_args {
    float *hidden;               /* [rows, width], in place */
    const float *cos;            /* [rows, head / 2] */
    const float *sin;            /* [rows, head / 2] */
    const int64_t *segment_rows; /* [segments], their sum is rows */
    int segments;
    int64_t rows;
} vlt_vision_block_args;

extern const vlt_op vlt_op_vision_block;

/* The `applicable` of every variant: width must be a multiple of heads, a head at least 2. */
bool vlt_vision_block_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason);

/* For workloads: random constants whose sums keep their size; buffers of the workload. */
vlt_status vlt_vision_block_random(vlt_workload *workload, int64_t width, int64_t inner,
                                   vlt_format format, struct vlt_random *random,
                                   vlt_vision_block_constants *out, vlt_error *err);

/* Attention within the segment of `rows` rows at `first`: from qkv [.., 3 width] to out [..,
 * width]. */
static inline vlt_attention_args vlt_vision_block_attention(const float *qkv, float *out,
                                                            int64_t first, int64_t rows,
                                                            int64_t width, int64_t head)
{
    const float *q = qkv + first * 3 * width;
    return (vlt_attention_args){.q = q,
                                .k = vlt_kv_view_f32(q + width, 3 * width, head),
                                .v = vlt_kv_view_f32(q + 2 * width, 3 * width, head),
                                .out = out + first * width,
                                .q_rows = rows,
                                .kv_rows = rows,
                                .q_row = 3 * width,
                                .q_head = head,
                                .out_row = width,
                                .out_head = head};
}

#endif

/* decoder_block_parts.h: what the variants of decoder_block share: the constants and child plans of
 * the layer's steps, and the steps that they order differently. */
#ifndef VLT_DECODER_BLOCK_PARTS_H
#define VLT_DECODER_BLOCK_PARTS_H

#include "optimizations/core/children.h"
#include "optimizations/decoder_block/decoder_block.h"
#include "optimizations/linear/linear_step.h"
#include "optimizations/norm/norm.h"

enum {
    VLT_DECODER_INPUT_NORM,
    VLT_DECODER_Q,
    VLT_DECODER_K,
    VLT_DECODER_V,
    VLT_DECODER_Q_NORM,
    VLT_DECODER_K_NORM,
    VLT_DECODER_Q_ROPE,
    VLT_DECODER_K_ROPE,
    VLT_DECODER_ATTENTION,
    VLT_DECODER_O,
    VLT_DECODER_POST_NORM,
    VLT_DECODER_GATE,
    VLT_DECODER_UP,
    VLT_DECODER_SILU,
    VLT_DECODER_DOWN,
    VLT_DECODER_CHILDREN
};

typedef struct vlt_decoder_block_parts {
    vlt_norm_constants input_norm, post_norm, q_norm, k_norm;
    vlt_linear_constants q, k, v, o, gate, up, down;
    int64_t rows, width, heads, kv_heads, head, inner; /* of the problem */
    int64_t q_width, kv_width;                         /* heads * head, kv_heads * head */
    vlt_plan *child[VLT_DECODER_CHILDREN];
    vlt_linear_step qkv_step, inner_step; /* from a norm to q, k, v; to gate, up and silu */
    vlt_plan *step; /* attention of one row, for steps of several sequences; NULL: rows is 1 */
} vlt_decoder_block_parts;

/* Constants, sizes and children: attention over all rows in the plan's context, the other steps
 * for `rows` rows in `context`. On failure _release is still to be called. */
vlt_status vlt_decoder_block_parts_init(vlt_decoder_block_parts *parts, vlt_plan *plan,
                                        vlt_context *context, int64_t rows, vlt_error *err);
/* From now on a step's children run as one as far as they can. */
void vlt_decoder_block_parts_join(vlt_decoder_block_parts *parts);
/* What the children may lose adds to the plan's loss. */
void vlt_decoder_block_parts_adopt(const vlt_decoder_block_parts *parts, vlt_plan *plan);
void vlt_decoder_block_parts_release(vlt_decoder_block_parts *parts);

/* The deepest child but attention; the deeper plan of attention. */
size_t vlt_decoder_block_parts_scratch(const vlt_decoder_block_parts *parts);
size_t vlt_decoder_block_attention_scratch(const vlt_decoder_block_parts *parts);

/* The pieces of a run of `rows` rows of hidden states, from row `row` of the arguments on. */
typedef struct vlt_decoder_block_rows {
    const vlt_decoder_block_args *args;
    int64_t row, rows;
    float *x;         /* [rows, width], for normalised rows */
    float *k, *v;     /* [rows, kv_width], before attention */
    float *up, *gate; /* [rows, inner], after it: they may take the place of the others */
} vlt_decoder_block_rows;

/* Norm, q, k, v, head norms, rope; k and v into the caches, q[rows, q_width] left where it is. */
vlt_status vlt_decoder_block_before(const vlt_decoder_block_parts *parts, vlt_frame frame,
                                    const vlt_decoder_block_rows *rows, float *q, vlt_error *err);

/* All rows: from q[rows, q_width] and the caches to mixed[rows, q_width], the slots together: a
 * row that is all of its slot is computed as if it were alone. */
vlt_status vlt_decoder_block_attend(const vlt_decoder_block_parts *parts, vlt_frame frame,
                                    const vlt_decoder_block_args *args, const float *q,
                                    float *mixed, vlt_error *err);

/* From the attention's output mixed[rows, q_width]: o, norm, gate, up, silu, down. */
vlt_status vlt_decoder_block_after(const vlt_decoder_block_parts *parts, vlt_frame frame,
                                   const vlt_decoder_block_rows *rows, const float *mixed,
                                   vlt_error *err);

#endif

/* vision_block_parts.h: what the variants of vision_block share: the constants and child plans of
 * the block's steps, and the steps that they order differently. */
#ifndef VLT_VISION_BLOCK_PARTS_H
#define VLT_VISION_BLOCK_PARTS_H

#include "optimizations/core/children.h"
#include "optimizations/linear/linear_step.h"
#include "optimizations/norm/norm.h"
#include "optimizations/vision_block/vision_block.h"

enum {
    VLT_VISION_NORM1,
    VLT_VISION_QKV,
    VLT_VISION_ROPE,
    VLT_VISION_ATTENTION,
    VLT_VISION_PROJ,
    VLT_VISION_NORM2,
    VLT_VISION_FC1,
    VLT_VISION_GELU,
    VLT_VISION_FC2,
    VLT_VISION_CHILDREN
};

typedef struct vlt_vision_block_parts {
    vlt_norm_constants norm1, norm2;
    vlt_linear_constants qkv, proj, fc1, fc2;
    int64_t rows, width, heads, head, inner; /* of the problem */
    vlt_plan *child[VLT_VISION_CHILDREN];
    vlt_linear_step qkv_step, fc1_step; /* from norm1; from norm2 to gelu */
} vlt_vision_block_parts;

/* Constants, sizes and children: attention within a segment in the plan's context, the other steps
 * for `rows` rows in `context`. On failure _release is still to be called. */
vlt_status vlt_vision_block_parts_init(vlt_vision_block_parts *parts, vlt_plan *plan,
                                       vlt_context *context, int64_t rows, vlt_error *err);
/* From now on a step's children run as one as far as they can. */
void vlt_vision_block_parts_join(vlt_vision_block_parts *parts);
/* What the children may lose adds to the plan's loss. */
void vlt_vision_block_parts_adopt(const vlt_vision_block_parts *parts, vlt_plan *plan);
void vlt_vision_block_parts_release(vlt_vision_block_parts *parts);

/* The deepest child but attention. */
size_t vlt_vision_block_parts_scratch(const vlt_vision_block_parts *parts);

/* Rows [row, row + rows) of the arguments: norm, qkv and rope into qkv[rows, 3 width], through
 * narrow[rows, width]. */
vlt_status vlt_vision_block_before(const vlt_vision_block_parts *parts, vlt_frame frame,
                                   const vlt_vision_block_args *args, int64_t row, int64_t rows,
                                   float *narrow, float *qkv, vlt_error *err);

/* All rows: from qkv[rows, 3 width] to mixed[rows, width], one segment after the other. */
vlt_status vlt_vision_block_attend(const vlt_vision_block_parts *parts, vlt_frame frame,
                                   const vlt_vision_block_args *args, const float *qkv,
                                   float *mixed, vlt_error *err);

/* Rows [row, row + rows), of which mixed[rows, width] is the attention's output: proj, norm, fc1,
 * gelu, fc2, through narrow[rows, width], which may be mixed, and wide[rows, inner]. */
vlt_status vlt_vision_block_after(const vlt_vision_block_parts *parts, vlt_frame frame,
                                  const vlt_vision_block_args *args, int64_t row, int64_t rows,
                                  const float *mixed, float *narrow, float *wide, vlt_error *err);

#endif

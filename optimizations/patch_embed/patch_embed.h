/* patch_embed.h: patches of still images, as bytes, through the first layer of the vision tower;
 * composite.
 *
 *   out[r] = W x[r] + b      x: the row that patchify.h makes of the bytes, every pixel normalised
 *                            and once for each frame of the patch
 * The table of every channel c is a straight line, x = table_c(v), and a still image is the same in
 * every frame; so a variant may as well compute
 *   out[r] = F (v[r] - 128) + b',    F = the sum of W over the frames, times the slope of table_c,
 *                                    b' = b + the sum of W table_c(128)
 * with half the products where a patch has two frames.
 *
 * Tolerance: 4e-5 (two orders of summation). Cost: 2 rows width values flops; bytes: the bytes of
 * the patches, W and out once.
 */
#ifndef VLT_PATCH_EMBED_H
#define VLT_PATCH_EMBED_H

#include "optimizations/linear/linear.h"
#include "optimizations/patchify/patchify.h"

#define VLT_PATCH_EMBED_TOLERANCE 4e-5

enum {
    VLT_PATCH_EMBED_DIM_ROWS, /* at most */
    VLT_PATCH_EMBED_DIM_WIDTH,
    VLT_PATCH_EMBED_DIM_VALUES, /* of a patch: 3 * temporal * side * side */
    VLT_PATCH_EMBED_DIM_TEMPORAL,
    VLT_PATCH_EMBED_DIM_WEIGHTS /* vlt_format of W */
};

typedef struct vlt_patch_embed_constants {
    const vlt_linear_constants *linear;   /* [width, values] */
    const vlt_patchify_constants *pixels; /* straight lines, as vlt_patchify_constants_init makes */
} vlt_patch_embed_constants;

typedef struct vlt_patch_embed_args {
    const uint8_t *pixels; /* [rows, values / temporal] */
    float *out;            /* [rows, width] */
    int64_t rows;          /* 1 .. the problem's */
} vlt_patch_embed_args;

extern const vlt_op vlt_op_patch_embed;

static inline vlt_problem vlt_patch_embed_problem(int64_t rows, int64_t temporal,
                                                  const vlt_patch_embed_constants *constants)
{
    const vlt_matrix *w = &constants->linear->weight;
    return (vlt_problem){.op = &vlt_op_patch_embed,
                         .dim = {rows, w->rows, w->columns, temporal, w->format},
                         .constants = constants};
}

/* Bytes of a patch. */
static inline int64_t vlt_patch_embed_pixels(const vlt_problem *problem)
{
    return problem->dim[VLT_PATCH_EMBED_DIM_VALUES] / problem->dim[VLT_PATCH_EMBED_DIM_TEMPORAL];
}

#endif

/* preprocess.h: decoded RGB images -> patch rows: resize, then patchify; composite.
 *
 * All images of a problem have one shape; every variant gives the baseline's bits.
 * Source: harness/model/README.md#image-sizes, #video-sizes, #resampling, #normalisation and
 * #patch-rows. Cost: those of the children.
 */
#ifndef VLT_PREPROCESS_H
#define VLT_PREPROCESS_H

#include "optimizations/patchify/patchify.h"
#include "optimizations/resize/resize.h"

enum {
    VLT_PREPROCESS_DIM_IMAGES, /* groups of `frames` images, at most */
    VLT_PREPROCESS_DIM_FRAMES, /* distinct frames of a group: 1 for a still image, else temporal */
    VLT_PREPROCESS_DIM_SRC_H,
    VLT_PREPROCESS_DIM_SRC_W,
    VLT_PREPROCESS_DIM_DST_H,
    VLT_PREPROCESS_DIM_DST_W,
    VLT_PREPROCESS_DIM_ARITHMETIC,
    VLT_PREPROCESS_DIM_PATCH,
    VLT_PREPROCESS_DIM_TEMPORAL,
    VLT_PREPROCESS_DIM_MERGE
};

/* constants of the problem: vlt_patchify_constants */

typedef struct vlt_preprocess_args {
    const uint8_t *const *src; /* [images * frames] pointers to [src_h, src_w, 3] */
    int64_t src_stride;        /* bytes */
    int64_t images;            /* 1 .. the problem's images */
    float *out;                /* [images * patches, 3 * temporal * patch * patch] */
} vlt_preprocess_args;

extern const vlt_op vlt_op_preprocess;

/* Frames of a group that lie in memory: 1 for a still image, else `temporal`. */
typedef struct vlt_preprocess_shape {
    int64_t images, frames;
    int64_t src_h, src_w, dst_h, dst_w;
    vlt_arithmetic arithmetic;
    int64_t patch, temporal, merge;
} vlt_preprocess_shape;

static inline vlt_problem vlt_preprocess_problem(const vlt_preprocess_shape *s,
                                                 const vlt_patchify_constants *constants)
{
    return (vlt_problem){.op = &vlt_op_preprocess,
                         .dim = {s->images, s->frames, s->src_h, s->src_w, s->dst_h, s->dst_w,
                                 s->arithmetic, s->patch, s->temporal, s->merge},
                         .constants = constants};
}

#endif

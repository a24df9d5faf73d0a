/* preprocess.h: decoded RGB images -> patch rows: resize, then patchify; composite.
 *
 * All images of a problem have one shape; every variant gives the baseline's bits.
 * Source: reference/qwen3vl.md 3.2 to 3.5. Cost: those of the children.
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

#endif

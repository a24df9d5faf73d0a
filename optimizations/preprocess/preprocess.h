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
    VLT_PREPROCESS_DIM_MERGE,
    VLT_PREPROCESS_DIM_BYTES /* 1: rows are bytes (patchify.h), of still images alone */
};

/* constants of the problem: vlt_patchify_constants */

typedef struct vlt_preprocess_args {
    const uint8_t *const *src; /* [images * frames] pointers to [src_h, src_w, 3] */
    int64_t src_stride;        /* bytes */
    int64_t images;            /* 1 .. the problem's images */
    void *out;                 /* [images * patches] rows as patchify gives them */
} vlt_preprocess_args;

extern const vlt_op vlt_op_preprocess;

/* A still image that comes row by row, so that there is never all of it. */
typedef struct vlt_preprocess_rows {
    /* The next `count` rows, from top to bottom, to rgb[count, src_w, 3], rows `stride` bytes
     * apart; by one thread at a time, not always the same. A failure ends the run. */
    vlt_status (*read)(void *user, int64_t count, uint8_t *rgb, int64_t stride, vlt_error *err);
    void *user;
    void *out; /* of one image */
} vlt_preprocess_rows;

/* Variants that work in bands can take the rows of one image of one frame as they are decoded, in
 * strips: while one thread decodes the next strip the others resize the last one and cut it into
 * patches. The frame has vlt_preprocess_rows_scratch bytes: at most 3.5 MB where both widths are
 * up to 8,192 pixels and nothing is shrunk more than fifteenfold, linear in the width above,
 * whatever the height. The same bits as a run. */
bool vlt_preprocess_has_rows(const vlt_plan *plan);
size_t vlt_preprocess_rows_scratch(const vlt_plan *plan);
vlt_status vlt_preprocess_run_rows(const vlt_plan *plan, vlt_frame frame,
                                   const vlt_preprocess_rows *rows, vlt_error *err);

/* Frames of a group that lie in memory: 1 for a still image, else `temporal`. */
typedef struct vlt_preprocess_shape {
    int64_t images, frames;
    int64_t src_h, src_w, dst_h, dst_w;
    vlt_arithmetic arithmetic;
    int64_t patch, temporal, merge;
    bool bytes;
} vlt_preprocess_shape;

static inline vlt_problem vlt_preprocess_problem(const vlt_preprocess_shape *s,
                                                 const vlt_patchify_constants *constants)
{
    return (vlt_problem){.op = &vlt_op_preprocess,
                         .dim = {s->images, s->frames, s->src_h, s->src_w, s->dst_h, s->dst_w,
                                 s->arithmetic, s->patch, s->temporal, s->merge, s->bytes},
                         .constants = constants};
}

#endif

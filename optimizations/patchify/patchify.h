/* patchify.h: RGB frames -> patch rows in the model's order, normalised f32 or bytes.
 *
 * Row n = ((R * (gw/merge) + C) * merge + i) * merge + j covers patch cell (merge*R+i, merge*C+j);
 * column e = ((c * temporal + tau) * patch + y) * patch + x. Values through a table of 256 floats
 * per channel (normalisation is exactly a table). A still image passes the same frame `temporal`
 * times. Source: harness/model/README.md#normalisation and #patch-rows.
 *
 * As bytes a row of a still image is its pixels as they are, each once: column (c * patch + y) *
 * patch + x, an eighth of the memory where a patch has two frames. vlt_patchify_widen makes the
 * f32 row of it.
 * Tolerance: none (bit-equal).
 * Cost: 0 flops; bytes: frames once, output once.
 */
#ifndef VLT_PATCHIFY_H
#define VLT_PATCHIFY_H

#include "optimizations/core/plan.h"

enum {
    VLT_PATCHIFY_DIM_H, /* pixels, a multiple of patch * merge */
    VLT_PATCHIFY_DIM_W,
    VLT_PATCHIFY_DIM_PATCH,
    VLT_PATCHIFY_DIM_TEMPORAL,
    VLT_PATCHIFY_DIM_MERGE,
    VLT_PATCHIFY_DIM_BYTES /* 1: rows are bytes, of frame[0] alone */
};

enum { VLT_PATCHIFY_TEMPORAL_MAX = 8 };

/* The table decides. How it was made is a hint for variants that compute instead of looking up:
 * ((float)(v * factor) - mean) / std. They check it against the table for every byte and look up
 * where it does not hold; all zero says nothing. */
typedef struct vlt_patchify_constants {
    float table[3][256]; /* normalised value of byte v of channel c */
    double factor;
    float mean[3], std[3];
} vlt_patchify_constants;

typedef struct vlt_patchify_args {
    const uint8_t *frame[VLT_PATCHIFY_TEMPORAL_MAX]; /* [h, w, 3], rows `stride` bytes apart */
    int64_t stride;
    void *out; /* [(h/patch) * (w/patch)] rows of vlt_patchify_row_bytes */
} vlt_patchify_args;

extern const vlt_op vlt_op_patchify;

/* Of float[3 * temporal * patch * patch], or of uint8_t[3 * patch * patch]. */
static inline int64_t vlt_patchify_row_bytes(const vlt_problem *problem)
{
    const int64_t *dim = problem->dim;
    int64_t pixels = dim[VLT_PATCHIFY_DIM_PATCH] * dim[VLT_PATCHIFY_DIM_PATCH];
    return dim[VLT_PATCHIFY_DIM_BYTES]
               ? 3 * pixels
               : 3 * dim[VLT_PATCHIFY_DIM_TEMPORAL] * pixels * (int64_t)sizeof(float);
}

/* constants: vlt_patchify_constants; rows are f32. */
static inline vlt_problem vlt_patchify_problem(int64_t h, int64_t w, int64_t patch,
                                               int64_t temporal, int64_t merge,
                                               const vlt_patchify_constants *constants)
{
    return (vlt_problem){
        .op = &vlt_op_patchify, .dim = {h, w, patch, temporal, merge}, .constants = constants};
}

/* Fills the table from factor, mean and std, in f32 after the product. */
void vlt_patchify_constants_init(vlt_patchify_constants *constants, double factor,
                                 const float *mean, const float *std);

/* out[rows, values], values = 3 * temporal * patch * patch, from rows of bytes: the bits of a run
 * that gives f32. */
void vlt_patchify_widen(const vlt_patchify_constants *constants, int64_t temporal, int64_t values,
                        const uint8_t *bytes, int64_t rows, float *out);

#endif

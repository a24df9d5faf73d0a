/* patchify.h: RGB frames -> normalised f32 patch rows in the model's order.
 *
 * Row n = ((R * (gw/merge) + C) * merge + i) * merge + j covers patch cell (merge*R+i, merge*C+j);
 * column e = ((c * temporal + tau) * patch + y) * patch + x. Values through a table of 256 floats
 * per channel (normalisation is exactly a table). A still image passes the same frame `temporal`
 * times. Source: harness/model/README.md#normalisation and #patch-rows.
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
    VLT_PATCHIFY_DIM_MERGE
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
    float *out; /* [(h/patch) * (w/patch), 3 * temporal * patch * patch] */
} vlt_patchify_args;

extern const vlt_op vlt_op_patchify;

/* constants: vlt_patchify_constants */
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

#endif

/* patchify_internal.h: what the variants of patchify share: the walk over patches and threads, and
 * the check that arithmetic gives the table. */
#ifndef VLT_PATCHIFY_INTERNAL_H
#define VLT_PATCHIFY_INTERNAL_H

#include "optimizations/device/device_kernel.h"
#include "optimizations/patchify/patchify.h"

/* The table as arithmetic, all in f32, division as product with the inverse and one correction:
 *   x = fma(v, high, v * low);  u = x - mean;  q = u * inverse;
 *   result = fma(fma(-std, q, u), inverse, q) */
typedef struct vlt_patchify_formula {
    bool exact; /* gives the table for every byte and channel, bit by bit */
    float high, low;
    float mean[3], std[3], inverse[3];
} vlt_patchify_formula;

void vlt_patchify_formula_init(vlt_patchify_formula *formula,
                               const vlt_patchify_constants *constants);

typedef struct vlt_patchify_state vlt_patchify_state;

/* One patch: frame[t] points at its first pixel, distinct frames as `frames` says (1: all are
 * frame[0]); out is its row; stream only where out is aligned. */
typedef void vlt_patchify_patch(const vlt_patchify_state *state, const uint8_t *const *frame,
                                int frames, int64_t stride, bool stream, void *out);

struct vlt_patchify_state {
    vlt_patchify_formula formula;
    const vlt_patchify_constants *constants;
    int64_t patch, temporal, merge, grid_h, grid_w, row_bytes;
    vlt_patchify_patch *body;
    int threads; /* at most; 0: all */
    bool stream; /* wanted: stores around the cache */
};

/* Knobs of the vector variants, in this order. */
extern const vlt_knob vlt_patchify_knobs[];
enum { VLT_PATCHIFY_KNOB_THREADS, VLT_PATCHIFY_KNOB_STORES, VLT_PATCHIFY_KNOBS };

/* For variants that work on 16 pixels at a time. */
bool vlt_patchify_applicable_16(const vlt_problem *problem, const vlt_caps *caps, char *reason);

/* LIMIT or USAGE when the size is no multiple of patch * merge. */
vlt_status vlt_patchify_check(const vlt_problem *problem, vlt_error *err);

/* The variant `device`: patchify_device(pixels, table, out, h, w, frames). */
extern const vlt_kernel_source vlt_patchify_device_source;

/* The bodies for rows of f32 and of bytes. */
vlt_status vlt_patchify_prepare(vlt_plan *plan, vlt_patchify_patch *f32, vlt_patchify_patch *bytes,
                                vlt_error *err);
vlt_status vlt_patchify_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                            vlt_error *err);
void vlt_patchify_release(vlt_plan *plan);

#endif

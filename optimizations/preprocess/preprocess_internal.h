/* preprocess_internal.h: one image after the other through the child plans, for every variant. */
#ifndef VLT_PREPROCESS_INTERNAL_H
#define VLT_PREPROCESS_INTERNAL_H

#include "optimizations/core/memory.h"
#include "optimizations/preprocess/preprocess.h"

typedef struct vlt_preprocess_whole {
    vlt_plan *resize; /* NULL where the size stays */
    vlt_plan *patchify;
    int64_t frames, frame_bytes, dst_stride, temporal, out_bytes;
} vlt_preprocess_whole;

/* Plans the children of the plan's problem, which adopts them. On failure _release is still to be
 * called. */
vlt_status vlt_preprocess_whole_init(vlt_preprocess_whole *whole, vlt_plan *plan, vlt_error *err);
void vlt_preprocess_whole_release(vlt_preprocess_whole *whole);

/* Image number `image` of the arguments; the frame has vlt_preprocess_whole_scratch bytes. */
vlt_status vlt_preprocess_whole_run(const vlt_preprocess_whole *whole, vlt_frame frame,
                                    const vlt_preprocess_args *args, int64_t image, vlt_error *err);
size_t vlt_preprocess_whole_scratch(const vlt_preprocess_whole *whole);

/* preprocess_strips.c: what a picture that comes in rows needs. Token columns are divided into
 * slabs, which know nothing of each other: each has a window of source rows (resized horizontally
 * already, where that is the first pass) and a band of one row of tokens. */
typedef struct vlt_preprocess_strips vlt_preprocess_strips;

/* resize: the plan whose tables are used (vlt_resize_has_rows), or NULL where the size stays; it
 * outlives the strips. single: a context without threads, of the plans for slabs. threads: at most,
 * 0: all. */
vlt_status vlt_preprocess_strips_create(const vlt_plan *plan, const vlt_plan *resize,
                                        vlt_context *single, int threads,
                                        vlt_preprocess_strips **out, vlt_error *err);
void vlt_preprocess_strips_destroy(vlt_preprocess_strips *strips); /* NULL is fine */
size_t vlt_preprocess_strips_scratch(const vlt_preprocess_strips *strips);
vlt_status vlt_preprocess_strips_run(const vlt_preprocess_strips *strips, vlt_frame frame,
                                     const vlt_preprocess_rows *rows, vlt_error *err);

/* Of the variant `fused`: NULL where it has none. */
const vlt_preprocess_strips *vlt_preprocess_fused_strips(const vlt_plan *plan);

/* Of the rows, for each pixel of the result. */
int64_t vlt_preprocess_pixel_bytes(const vlt_problem *problem);

/* USAGE unless frames is 1 or, of f32, temporal. */
vlt_status vlt_preprocess_check(const vlt_problem *problem, vlt_error *err);

/* The children's problems. */
vlt_problem vlt_preprocess_resize_problem(const vlt_problem *problem);
vlt_problem vlt_preprocess_patchify_problem(const vlt_problem *problem);

#endif

/* preprocess_internal.h: one image after the other through the child plans, for every variant. */
#ifndef VLT_PREPROCESS_INTERNAL_H
#define VLT_PREPROCESS_INTERNAL_H

#include "optimizations/core/memory.h"
#include "optimizations/preprocess/preprocess.h"

typedef struct vlt_preprocess_whole {
    vlt_plan *resize; /* NULL where the size stays */
    vlt_plan *patchify;
    int64_t frames, frame_bytes, dst_stride, temporal, out_values;
} vlt_preprocess_whole;

/* Plans the children of the plan's problem, which adopts them. On failure _release is still to be
 * called. */
vlt_status vlt_preprocess_whole_init(vlt_preprocess_whole *whole, vlt_plan *plan, vlt_error *err);
void vlt_preprocess_whole_release(vlt_preprocess_whole *whole);

/* Image number `image` of the arguments; the frame has vlt_preprocess_whole_scratch bytes. */
vlt_status vlt_preprocess_whole_run(const vlt_preprocess_whole *whole, vlt_frame frame,
                                    const vlt_preprocess_args *args, int64_t image, vlt_error *err);
size_t vlt_preprocess_whole_scratch(const vlt_preprocess_whole *whole);

/* USAGE unless frames is 1 or temporal. */
vlt_status vlt_preprocess_check(const vlt_problem *problem, vlt_error *err);

/* The children's problems. */
vlt_problem vlt_preprocess_resize_problem(const vlt_problem *problem);
vlt_problem vlt_preprocess_patchify_problem(const vlt_problem *problem);

#endif

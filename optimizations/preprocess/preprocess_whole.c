#include "optimizations/core/children.h"
#include "optimizations/preprocess/preprocess_internal.h"

vlt_problem vlt_preprocess_resize_problem(const vlt_problem *problem)
{
    const int64_t *dim = problem->dim;
    return vlt_resize_problem(dim[VLT_PREPROCESS_DIM_SRC_H], dim[VLT_PREPROCESS_DIM_SRC_W],
                              dim[VLT_PREPROCESS_DIM_DST_H], dim[VLT_PREPROCESS_DIM_DST_W],
                              (vlt_arithmetic)dim[VLT_PREPROCESS_DIM_ARITHMETIC]);
}

vlt_problem vlt_preprocess_patchify_problem(const vlt_problem *problem)
{
    const int64_t *dim = problem->dim;
    vlt_problem patchify = vlt_patchify_problem(
        dim[VLT_PREPROCESS_DIM_DST_H], dim[VLT_PREPROCESS_DIM_DST_W], dim[VLT_PREPROCESS_DIM_PATCH],
        dim[VLT_PREPROCESS_DIM_TEMPORAL], dim[VLT_PREPROCESS_DIM_MERGE], problem->constants);
    patchify.dim[VLT_PATCHIFY_DIM_BYTES] = dim[VLT_PREPROCESS_DIM_BYTES];
    return patchify;
}

int64_t vlt_preprocess_pixel_bytes(const vlt_problem *problem)
{
    const int64_t *dim = problem->dim;
    return dim[VLT_PREPROCESS_DIM_BYTES]
               ? 3
               : 3 * dim[VLT_PREPROCESS_DIM_TEMPORAL] * (int64_t)sizeof(float);
}

vlt_status vlt_preprocess_check(const vlt_problem *problem, vlt_error *err)
{
    int64_t frames = problem->dim[VLT_PREPROCESS_DIM_FRAMES];
    int64_t temporal = problem->dim[VLT_PREPROCESS_DIM_TEMPORAL];
    if (frames != 1 && frames != temporal) {
        return vlt_fail(err, VLT_STATUS_USAGE, "preprocess: %lld frames, expected 1 or %lld",
                        (long long)frames, (long long)temporal);
    }
    if (frames != 1 && problem->dim[VLT_PREPROCESS_DIM_BYTES]) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "preprocess: rows of bytes hold one frame of a patch, not %lld",
                        (long long)frames);
    }
    return VLT_OK;
}

vlt_status vlt_preprocess_whole_init(vlt_preprocess_whole *whole, vlt_plan *plan, vlt_error *err)
{
    const vlt_problem *problem = &plan->problem;
    const int64_t *dim = problem->dim;
    int64_t dst_h = dim[VLT_PREPROCESS_DIM_DST_H], dst_w = dim[VLT_PREPROCESS_DIM_DST_W];
    bool same = dim[VLT_PREPROCESS_DIM_SRC_H] == dst_h && dim[VLT_PREPROCESS_DIM_SRC_W] == dst_w;
    vlt_problem resize = vlt_preprocess_resize_problem(problem);
    vlt_problem patchify = vlt_preprocess_patchify_problem(problem);
    *whole = (vlt_preprocess_whole){.frames = dim[VLT_PREPROCESS_DIM_FRAMES],
                                    .dst_stride = dst_w * 3,
                                    .frame_bytes = dst_h * dst_w * 3,
                                    .temporal = dim[VLT_PREPROCESS_DIM_TEMPORAL]};
    whole->out_bytes = dst_h * dst_w * vlt_preprocess_pixel_bytes(problem);
    vlt_status status = vlt_preprocess_check(problem, err);
    if (status == VLT_OK) {
        status = vlt_plan_create(plan->context, &patchify, &whole->patchify, err);
    }
    if (status == VLT_OK && !same) {
        status = vlt_plan_create(plan->context, &resize, &whole->resize, err);
    }
    if (status == VLT_OK) {
        vlt_plan_adopt(plan, (vlt_plan *[]){whole->resize, whole->patchify}, 2);
    }
    return status;
}

void vlt_preprocess_whole_release(vlt_preprocess_whole *whole)
{
    vlt_plan_destroy(whole->resize);
    vlt_plan_destroy(whole->patchify);
    *whole = (vlt_preprocess_whole){0};
}

/* The resized frames of an image, [frames, dst_h, dst_w, 3]. */
static size_t resized_bytes(const vlt_preprocess_whole *whole)
{
    return whole->resize ? (size_t)(whole->frames * whole->frame_bytes) : 0;
}

size_t vlt_preprocess_whole_scratch(const vlt_preprocess_whole *whole)
{
    size_t bytes = 0;
    vlt_plan *const child[] = {whole->resize, whole->patchify};
    vlt_frame_reserve(&bytes, resized_bytes(whole), 1);
    vlt_frame_add(&bytes, vlt_children_scratch(child, 2));
    return bytes;
}

vlt_status vlt_preprocess_whole_run(const vlt_preprocess_whole *whole, vlt_frame frame,
                                    const vlt_preprocess_args *args, int64_t image, vlt_error *err)
{
    uint8_t *resized = vlt_frame_take(&frame, resized_bytes(whole), 1);
    const uint8_t *const *src = args->src + image * whole->frames;
    vlt_patchify_args patchify = {.stride = whole->resize ? whole->dst_stride : args->src_stride,
                                  .out = (char *)args->out + image * whole->out_bytes};
    vlt_status status = VLT_OK;
    for (int64_t f = 0; f < whole->frames && whole->resize && status == VLT_OK; f++) {
        vlt_resize_args resize = {.src = src[f],
                                  .dst = resized + f * whole->frame_bytes,
                                  .src_stride = args->src_stride,
                                  .dst_stride = whole->dst_stride};
        status = vlt_plan_run(whole->resize, frame, &resize, err);
    }
    for (int64_t t = 0; t < whole->temporal; t++) {
        int64_t f = whole->frames == 1 ? 0 : t;
        patchify.frame[t] = whole->resize ? resized + f * whole->frame_bytes : src[f];
    }
    return status == VLT_OK ? vlt_plan_run(whole->patchify, frame, &patchify, err) : status;
}

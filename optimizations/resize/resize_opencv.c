/* Bottleneck: the arithmetic of the taps.
 * Idea: OpenCV's cubic resize, with as many of its threads as ours.
 * Loses: its pixels differ: a = -0.75 instead of -0.5, other rounding, and no antialias, so that it
 * is refused where the image shrinks by more than a tenth.
 */
#include "optimizations/core/utf8_text.h"
#include "optimizations/peers/opencv/opencv_shim.h"
#include "optimizations/resize/resize_internal.h"

bool vlt_resize_opencv_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    const int64_t *dim = problem->dim;
    const int64_t from[] = {dim[VLT_RESIZE_DIM_SRC_H], dim[VLT_RESIZE_DIM_SRC_W]};
    const int64_t to[] = {dim[VLT_RESIZE_DIM_DST_H], dim[VLT_RESIZE_DIM_DST_W]};
    (void)caps;
    for (int i = 0; i < 2; i++) {
        if (from[i] * 10 > to[i] * 11) {
            vlt_utf8_format(reason, VLT_REASON_BYTES,
                            "%lld to %lld %s: OpenCV's cubic resize has no antialias",
                            (long long)from[i], (long long)to[i], i ? "columns" : "rows");
            return false;
        }
    }
    return true;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const vlt_resize_args *a = args;
    const int64_t *dim = plan->problem.dim;
    const vlt_opencv_image src = {a->src, dim[VLT_RESIZE_DIM_SRC_H], dim[VLT_RESIZE_DIM_SRC_W],
                                  a->src_stride};
    const vlt_opencv_image dst = {a->dst, dim[VLT_RESIZE_DIM_DST_H], dim[VLT_RESIZE_DIM_DST_W],
                                  a->dst_stride};
    char message[VLT_OPENCV_MESSAGE_BYTES];
    (void)frame;
    return vlt_opencv_resize(&src, &dst, vlt_threads_count(plan->context->threads), message)
               ? vlt_fail(err, VLT_STATUS_INTERNAL, "resize/opencv: %s", message)
               : VLT_OK;
}

VLT_VARIANT(resize, opencv, .summary = "OpenCV's cubic resize: its own pixels",
            .quality = VLT_QUALITY_BF16, .loss = 0.35, .applicable = vlt_resize_opencv_applicable,
            .run = run);

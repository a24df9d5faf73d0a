/* Bottleneck: three passes over every picture: resize, values, order.
 * Idea: OpenCV's cubic resize and its table look-up, with as many of its threads as ours; then the
 * patches are gathered by our workers.
 * Loses: to one pass over strips, because a whole picture of f32 goes to memory and back; and its
 * pixels differ (resize/opencv).
 */
#include "optimizations/core/utf8_text.h"
#include "optimizations/patchify/patchify_internal.h"
#include "optimizations/peers/opencv/opencv_shim.h"
#include "optimizations/preprocess/preprocess_internal.h"
#include "optimizations/resize/resize_internal.h"

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    const vlt_problem resize = vlt_preprocess_resize_problem(problem);
    if (problem->dim[VLT_PREPROCESS_DIM_BYTES]) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "rows of bytes, expected rows of f32");
        return false;
    }
    return vlt_resize_opencv_applicable(&resize, caps, reason);
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_problem patchify = vlt_preprocess_patchify_problem(&plan->problem);
    vlt_status status = vlt_preprocess_check(&plan->problem, err);
    return status == VLT_OK ? vlt_patchify_check(&patchify, err) : status;
}

static size_t pixels_of(const vlt_plan *plan)
{
    const int64_t *dim = plan->problem.dim;
    return (size_t)(dim[VLT_PREPROCESS_DIM_DST_H] * dim[VLT_PREPROCESS_DIM_DST_W]);
}

static size_t scratch(const vlt_plan *plan)
{
    size_t bytes = 0, pixels = pixels_of(plan);
    vlt_frame_reserve(&bytes, pixels, 3);
    vlt_frame_reserve(&bytes, pixels * (size_t)plan->problem.dim[VLT_PREPROCESS_DIM_FRAMES],
                      3 * sizeof(float));
    return bytes;
}

struct job {
    const int64_t *dim;
    const float *values; /* [frames, h, w, 3] */
    float *out;
};

/* One row of one patch of one channel. */
static void gather_row(const struct job *job, int64_t frame, int64_t c, int64_t y, int64_t x,
                       float *out)
{
    int64_t h = job->dim[VLT_PREPROCESS_DIM_DST_H], w = job->dim[VLT_PREPROCESS_DIM_DST_W];
    const float *in = job->values + ((frame * h + y) * w + x) * 3 + c;
    for (int64_t i = 0; i < job->dim[VLT_PREPROCESS_DIM_PATCH]; i++) {
        out[i] = in[i * 3];
    }
}

/* The patches of tokens [begin, end). */
static void gather(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct job *job = argument;
    int64_t patch = job->dim[VLT_PREPROCESS_DIM_PATCH], merge = job->dim[VLT_PREPROCESS_DIM_MERGE];
    int64_t temporal = job->dim[VLT_PREPROCESS_DIM_TEMPORAL], tile = patch * merge;
    int64_t wide = job->dim[VLT_PREPROCESS_DIM_DST_W] / tile, cells = merge * merge;
    float *out = job->out + begin * cells * 3 * temporal * patch * patch;
    (void)worker;
    for (int64_t n = begin * cells; n < end * cells; n++) {
        int64_t token = n / cells, cell = n % cells;
        int64_t y = token / wide * tile + cell / merge * patch;
        int64_t x = token % wide * tile + cell % merge * patch;
        for (int64_t k = 0; k < 3 * temporal * patch; k++, out += patch) {
            int64_t t = job->dim[VLT_PREPROCESS_DIM_FRAMES] == 1 ? 0 : k / patch % temporal;
            gather_row(job, t, k / (temporal * patch), y + k % patch, x, out);
        }
    }
}

static int one_frame(const vlt_plan *plan, const vlt_opencv_image *src, uint8_t *resized,
                     float *values, char *message)
{
    const int64_t *dim = plan->problem.dim;
    const vlt_patchify_constants *constants = plan->problem.constants;
    int threads = vlt_threads_count(plan->context->threads);
    int64_t w = dim[VLT_PREPROCESS_DIM_DST_W];
    const vlt_opencv_image dst = {resized, dim[VLT_PREPROCESS_DIM_DST_H], w, w * 3};
    return vlt_opencv_resize(src, &dst, threads, message) ||
           vlt_opencv_look_up(&dst, constants->table, values, threads, message);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const vlt_preprocess_args *a = args;
    const int64_t *dim = plan->problem.dim;
    const int64_t frames = dim[VLT_PREPROCESS_DIM_FRAMES],
                  tile = dim[VLT_PREPROCESS_DIM_PATCH] * dim[VLT_PREPROCESS_DIM_MERGE];
    const size_t pixels = pixels_of(plan);
    char message[VLT_OPENCV_MESSAGE_BYTES];
    uint8_t *resized = vlt_frame_take(&frame, pixels, 3);
    float *values = vlt_frame_take(&frame, pixels * (size_t)frames, 3 * sizeof(float));
    struct job job = {.dim = dim, .values = values, .out = a->out};
    for (int64_t image = 0; image < a->images; image++) {
        for (int64_t f = 0; f < frames; f++) {
            const vlt_opencv_image src = {a->src[image * frames + f], dim[VLT_PREPROCESS_DIM_SRC_H],
                                          dim[VLT_PREPROCESS_DIM_SRC_W], a->src_stride};
            if (one_frame(plan, &src, resized, values + (size_t)f * pixels * 3, message)) {
                return vlt_fail(err, VLT_STATUS_INTERNAL, "preprocess/opencv: %s", message);
            }
        }
        vlt_threads_for(plan->context->threads, (int64_t)pixels / (tile * tile), 4, 0, gather,
                        &job);
        job.out += pixels * 3 * (size_t)dim[VLT_PREPROCESS_DIM_TEMPORAL];
    }
    return VLT_OK;
}

VLT_VARIANT(preprocess, opencv, .summary = "OpenCV's resize and tables, patches gathered",
            .quality = VLT_QUALITY_BF16, .loss = 0.7, .applicable = applicable, .prepare = prepare,
            .scratch = scratch, .run = run);

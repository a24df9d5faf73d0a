/* One image after the other: the whole image resized, then cut into patches. */
#include "optimizations/preprocess/preprocess_internal.h"

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    vlt_status status = vlt_alloc(sizeof(vlt_preprocess_whole), &plan->state, err);
    return status == VLT_OK ? vlt_preprocess_whole_init(plan->state, plan, err) : status;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const vlt_preprocess_args *a = args;
    vlt_status status = VLT_OK;
    for (int64_t image = 0; image < a->images && status == VLT_OK; image++) {
        status = vlt_preprocess_whole_run(plan->state, frame, a, image, err);
    }
    return status;
}

static size_t scratch(const vlt_plan *plan)
{
    return vlt_preprocess_whole_scratch(plan->state);
}

static void release(vlt_plan *plan)
{
    if (plan->state) {
        vlt_preprocess_whole_release(plan->state);
        vlt_free(plan->state);
    }
}

VLT_VARIANT(preprocess, baseline,
            .summary = "one image after the other through resize and patchify", .prepare = prepare,
            .scratch = scratch, .run = run, .release = release);

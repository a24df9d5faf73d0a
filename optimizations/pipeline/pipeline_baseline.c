/* One item after the other through all stages, in the caller's thread. */
#include "optimizations/pipeline/pipeline_internal.h"

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    const vlt_pipeline_args *a = args;
    int stages = (int)plan->problem.dim[VLT_PIPELINE_DIM_STAGES];
    for (int64_t item = 0; item < a->items; item++) {
        if (a->stop && a->stop(a->user)) {
            return vlt_fail(err, VLT_STATUS_STOPPED, "stopped before item %lld", (long long)item);
        }
        vlt_error item_err = {0};
        vlt_status status = vlt_pipeline_call(a, 0, stages, item, 0, &item_err);
        if (status == VLT_STATUS_STOPPED) {
            break;
        }
        if (status != VLT_OK && !a->failed) {
            if (err) {
                *err = item_err;
            }
            return status;
        }
        if (status != VLT_OK) {
            a->failed(a->user, item, &item_err);
        }
    }
    return VLT_OK;
}

VLT_VARIANT(pipeline, baseline, .summary = "one item at a time", .run = run);

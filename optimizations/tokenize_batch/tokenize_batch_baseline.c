/* One text after the other, each straight to its place in the output. */
#include <stdlib.h>

#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    vlt_batch_encoders *encoders = plan->state = calloc(1, sizeof *encoders);
    if (!encoders) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch: out of memory");
    }
    return vlt_batch_encoders_init(encoders, plan, 1,
                                   (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES], err);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    const vlt_batch_encoders *encoders = plan->state;
    const vlt_tokenize_batch_args *a = args;
    size_t bytes;
    vlt_status status = vlt_batch_check(plan, a, &bytes, err);
    return status == VLT_OK ? vlt_batch_in_order(encoders->plan[0], a, err) : status;
}

static void release(vlt_plan *plan)
{
    if (plan->state) {
        vlt_batch_encoders_release(plan->state);
        free(plan->state);
    }
}

VLT_VARIANT(tokenize_batch, baseline, .summary = "one text after the other", .prepare = prepare,
            .run = run, .release = release);

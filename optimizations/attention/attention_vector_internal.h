/* attention_vector_internal.h: attention for one vector width; see core/simd_tile.h.
 *
 * Two ways, by the plan's number of query rows: attention_many_internal.h from FEW_ROWS_MAX on,
 * attention_few_internal.h below. The items of all sequences of a call are one region of threads.
 * An item's arithmetic does not depend on which thread does it, nor on who shares it: 1 and N
 * threads give the same bits. Against the baseline: order of summation, fused multiply-adds, own
 * exponential (1.2e-7).
 */
#ifndef VLT_ATTENTION_VECTOR_INTERNAL_H
#define VLT_ATTENTION_VECTOR_INTERNAL_H

#include "optimizations/attention/attention_few_internal.h"
#include "optimizations/attention/attention_many_internal.h"

#ifdef VLT_SIMD

/* How many threads a call may use: one where there is too little to do. */
static int limit_of(const struct vector_job *job, bool few)
{
    const int64_t serial = (few ? SERIAL_BELOW_FEW : SERIAL_BELOW) / (job->heads * job->head);
    int64_t pairs = 0;
    for (int64_t i = 0; i <= job->args->more; i++) {
        pairs += job->args[i].q_rows * job->args[i].kv_rows;
    }
    return pairs < serial ? 1 : (int)vlt_plan_knob(job->plan, KNOB_THREADS);
}

static vlt_status vector_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                             vlt_error *err)
{
    (void)err;
    const int64_t *dim = plan->problem.dim;
    int workers = vlt_threads_count(plan->context->threads);
    struct vector_job job = {.args = args,
                             .frames = vlt_frames_take(&frame, workers, worker_bytes(plan)),
                             .plan = plan,
                             .heads = dim[VLT_ATTENTION_DIM_HEADS],
                             .head = dim[VLT_ATTENTION_DIM_HEAD],
                             .dtype = (vlt_dtype)dim[VLT_ATTENTION_DIM_KV],
                             .causal = dim[VLT_ATTENTION_DIM_CAUSAL],
                             .rows = vlt_plan_knob(plan, KNOB_ROWS),
                             .keys = vlt_plan_knob(plan, KNOB_KEYS)};
    job.group = job.heads / dim[VLT_ATTENTION_DIM_KV_HEADS];
    job.padded = (job.head + VEC_PANEL - 1) / VEC_PANEL * VEC_PANEL;
    job.scale = 1.0f / sqrtf((float)job.head);
    job.parts = vlt_frame_take(&frame, part_room(plan), sizeof(float));
    const bool few = dim[VLT_ATTENTION_DIM_Q_ROWS] < FEW_ROWS_MAX;
    const int limit = limit_of(&job, few);
    if (few && shares_keys(&job, limit)) {
        share_keys(&job, limit);
    } else if (few) {
        vlt_threads_for(plan->context->threads, items_of(&job, job.heads / job.group, 1), 1, limit,
                        few_body, &job);
    } else {
        vlt_threads_for(plan->context->threads, items_of(&job, job.heads, job.rows), 1, limit,
                        many_body, &job);
    }
    return VLT_OK;
}

#endif
#endif

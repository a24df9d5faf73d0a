/* Bottleneck: whoever wants ids waits for them, though other work could be done meanwhile.
 * Idea: texts are submitted to worker threads and collected as futures in order; collecting one
 * list (here: moving it to the output) overlaps with encoding the next.
 * Loses: short texts, where two hand-overs under a lock cost more than the encoding, and where the
 * caller has nothing else to do: then the pool is the better use of threads.
 */
#include <string.h>

#include "optimizations/tokenize_batch/tokenize_future.h"

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    vlt_token_futures *futures;
    vlt_status status = vlt_token_futures_create(
        plan, (int)vlt_plan_knob(plan, 0), (int)vlt_plan_knob(plan, 1),
        (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES], &futures, err);
    plan->state = futures;
    return status;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    vlt_token_futures *futures = plan->state;
    const vlt_tokenize_batch_args *a = args;
    size_t bytes, used = 0;
    int64_t submitted = 0;
    vlt_status status = vlt_batch_check(plan, a, &bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    for (int64_t t = 0; t < a->text_count; t++) {
        while (submitted < a->text_count && vlt_token_futures_submit(futures, a, submitted)) {
            submitted++;
        }
        /* What was submitted is collected also behind a failure: nothing may stay on its way. */
        const int32_t *ids;
        size_t count;
        vlt_status one = vlt_token_futures_collect(futures, &ids, &count,
                                                   status == VLT_OK ? err : NULL);
        status = status == VLT_OK ? one : status;
        a->id_first[t] = used;
        if (status == VLT_OK) {
            memcpy(a->ids + used, ids, count * sizeof *ids);
            used += count;
        }
    }
    a->id_first[a->text_count] = used;
    return status;
}

static void release(vlt_plan *plan)
{
    vlt_token_futures_destroy(plan->state);
}

static const int64_t workers[] = {1, 2, 4};
static const int64_t depths[] = {2, 8, 32};
static const vlt_knob knobs[] = {
    {"workers", "threads that encode", workers, 3, 2, NULL},
    {"depth", "texts on their way at most", depths, 3, 8, NULL},
};

VLT_VARIANT(tokenize_batch, async, .summary = "futures: submitted to workers, collected in order",
            .knobs = knobs, .knob_count = 2, .prepare = prepare, .run = run, .release = release);

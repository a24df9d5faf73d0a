/* Bottleneck: one core encodes while the others idle.
 * Idea: the threads of the context take chunks of consecutive texts; each chunk is encoded into
 * scratch of its own, then the lists are moved together, again by all threads. Long texts come
 * first; the encoders share the words they learn. What is one text, or a few short ones, or meets
 * one thread, is encoded in place.
 * Loses: one text that is longer than all others together, and machines with one core.
 */
#include <stdlib.h>

#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

/* Fewer are encoded before another thread is awake. */
enum { WAKING_BYTES = 4096 };

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    vlt_batch_spread *s = plan->state = calloc(1, sizeof *s);
    return s ? vlt_batch_spread_init(s, plan, err)
             : vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch/pool: out of memory");
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    const vlt_batch_spread *s = plan->state;
    const vlt_tokenize_batch_args *a = args;
    size_t bytes;
    vlt_status status = vlt_batch_check(plan, a, &bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    const bool few = a->text_count <= vlt_plan_knob(plan, VLT_BATCH_SPREAD_CHUNK) &&
                     bytes < WAKING_BYTES;
    if (few || a->text_count == 1 || s->encoders.count == 1) {
        return vlt_batch_in_order(s->encoders.plan[0], a, err);
    }
    return vlt_batch_spread_run(s, plan, a, NULL, err);
}

static void release(vlt_plan *plan)
{
    if (plan->state) {
        vlt_batch_spread_release(plan->state);
        free(plan->state);
    }
}

VLT_VARIANT(tokenize_batch, pool, .summary = "chunks of texts on the thread pool",
            .knobs = vlt_batch_spread_knobs, .knob_count = VLT_BATCH_SPREAD_KNOBS,
            .prepare = prepare, .run = run, .release = release);

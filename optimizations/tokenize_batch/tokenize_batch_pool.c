/* Bottleneck: one core encodes while the others idle.
 * Idea: the threads of the context take chunks of consecutive texts; each chunk is encoded into
 * scratch of its own, then the lists are moved together, again by all threads.
 * Loses: batches of one or two short texts (waking the threads costs microseconds), one text that
 * is longer than all others together, and machines with one core.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

struct state {
    vlt_batch_encoders encoders;
    int32_t *scratch;
    size_t *place; /* [texts + 1] where a text's list lies in scratch */
};

/* One run's shared view. */
struct job {
    struct state *state;
    const vlt_tokenize_batch_args *args;
    atomic_int failed;
    vlt_error error[2]; /* the first one, and a place for the others */
};

static void encode_chunk(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    const vlt_tokenize_batch_args *args = job->args;
    for (int64_t t = begin; t < end; t++) {
        vlt_error err = {0};
        size_t count = 0;
        vlt_status status = vlt_batch_encode(job->state->encoders.plan[worker], args, t,
                                             job->state->scratch + job->state->place[t], &count,
                                             &err);
        args->id_first[t + 1] = count;
        if (status != VLT_OK) {
            job->error[atomic_exchange(&job->failed, 1)] = err;
            return;
        }
    }
}

static void move_chunk(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    const vlt_tokenize_batch_args *args = job->args;
    (void)worker;
    for (int64_t t = begin; t < end; t++) {
        memcpy(args->ids + args->id_first[t], job->state->scratch + job->state->place[t],
               (args->id_first[t + 1] - args->id_first[t]) * sizeof *args->ids);
    }
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    struct state *s = plan->state = calloc(1, sizeof *s);
    size_t texts = (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_TEXTS];
    if (!s || !(s->place = calloc(texts + 1, sizeof *s->place))) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch/pool: out of memory");
    }
    vlt_status status = vlt_batch_scratch(plan, &s->scratch, err);
    if (status == VLT_OK) {
        status = vlt_batch_encoders_init(
            &s->encoders, plan, vlt_threads_count(plan->context->threads),
            (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES], err);
    }
    return status;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    struct state *s = plan->state;
    const vlt_tokenize_batch_args *a = args;
    struct job job = {.state = s, .args = a};
    size_t bytes;
    int64_t chunk = vlt_plan_knob(plan, 0);
    vlt_status status = vlt_batch_check(plan, a, &bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    s->place[0] = 0;
    for (int64_t t = 0; t < a->text_count; t++) {
        s->place[t + 1] = s->place[t] + vlt_bpe_encode_bound(a->text_bytes[t]);
    }
    a->id_first[0] = 0;
    vlt_threads_for(plan->context->threads, a->text_count, chunk, 0, encode_chunk, &job);
    if (atomic_load(&job.failed)) {
        return vlt_fail(err, job.error[0].status, "%s", job.error[0].message);
    }
    for (int64_t t = 0; t < a->text_count; t++) {
        a->id_first[t + 1] += a->id_first[t];
    }
    vlt_threads_for(plan->context->threads, a->text_count, chunk, 0, move_chunk, &job);
    return VLT_OK;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        vlt_batch_encoders_release(&s->encoders);
        free(s->scratch);
        free(s->place);
        free(s);
    }
}

static const int64_t chunks[] = {1, 4, 16, 64};
static const vlt_knob knobs[] = {
    {"chunk", "texts a thread takes at once", chunks, 4, 4, NULL},
};

VLT_VARIANT(tokenize_batch, pool, .summary = "chunks of texts on the thread pool", .knobs = knobs,
            .knob_count = 1, .prepare = prepare, .run = run, .release = release);

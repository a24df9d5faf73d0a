#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

/* One run's shared view. */
struct job {
    const vlt_batch_spread *spread;
    const vlt_tokenize_batch_args *args;
    const vlt_batch_distinct *distinct; /* NULL: every text is encoded */
    atomic_int failed;
    vlt_error error[2]; /* the first one, and a place for the others */
};

static const int64_t chunks[] = {1, 4, 16, 64};
const vlt_knob vlt_batch_spread_knobs[] = {
    {"chunk", "texts a thread takes at once", chunks, 4, 4, NULL},
};

vlt_status vlt_batch_spread_init(vlt_batch_spread *spread, vlt_plan *plan, vlt_error *err)
{
    size_t texts = (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_TEXTS];
    spread->place = calloc(texts + 1, sizeof *spread->place);
    if (!spread->place) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch: out of memory");
    }
    vlt_status status = vlt_batch_scratch(plan, &spread->scratch, err);
    if (status == VLT_OK) {
        status = vlt_batch_encoders_init(
            &spread->encoders, plan, vlt_threads_count(plan->context->threads),
            (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES], err);
    }
    return status;
}

void vlt_batch_spread_release(vlt_batch_spread *spread)
{
    vlt_batch_encoders_release(&spread->encoders);
    free(spread->scratch);
    free(spread->place);
}

static void encode_chunk(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    const vlt_batch_spread *spread = job->spread;
    for (int64_t i = begin; i < end; i++) {
        int64_t t = job->distinct ? job->distinct->index[i] : i;
        vlt_error err = {0};
        size_t count = 0;
        vlt_status status = vlt_batch_encode(spread->encoders.plan[worker], job->args, t,
                                             spread->scratch + spread->place[t], &count, &err);
        job->args->id_first[t + 1] = count;
        if (status != VLT_OK) {
            job->error[atomic_exchange(&job->failed, 1)] = err;
            return;
        }
    }
}

/* The text whose list is that of text t. */
static int64_t source_of(const struct job *job, int64_t t)
{
    return job->distinct ? job->distinct->same_as[t] : t;
}

static void move_chunk(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    const vlt_tokenize_batch_args *args = job->args;
    (void)worker;
    for (int64_t t = begin; t < end; t++) {
        int64_t source = source_of(job, t);
        memcpy(args->ids + args->id_first[t], job->spread->scratch + job->spread->place[source],
               (args->id_first[t + 1] - args->id_first[t]) * sizeof *args->ids);
    }
}

vlt_status vlt_batch_spread_run(const vlt_batch_spread *spread, const vlt_plan *plan,
                                const vlt_tokenize_batch_args *args,
                                const vlt_batch_distinct *distinct, vlt_error *err)
{
    struct job job = {.spread = spread, .args = args, .distinct = distinct};
    const int64_t encoded = distinct ? distinct->count : args->text_count;
    const int64_t chunk = vlt_plan_knob(plan, VLT_BATCH_SPREAD_CHUNK);
    for (int64_t t = 0; t < args->text_count; t++) {
        spread->place[t + 1] = spread->place[t] + vlt_bpe_encode_bound(args->text_bytes[t]);
    }
    args->id_first[0] = 0;
    vlt_threads_for(plan->context->threads, encoded, chunk, 0, encode_chunk, &job);
    if (atomic_load(&job.failed)) {
        return vlt_fail(err, job.error[0].status, "%s", job.error[0].message);
    }
    /* id_first[t + 1] holds the length of list t so far; an equal text lies before, and has been
     * summed up already. */
    for (int64_t t = 0; t < args->text_count; t++) {
        int64_t source = source_of(&job, t);
        size_t length = source == t ? args->id_first[t + 1]
                                    : args->id_first[source + 1] - args->id_first[source];
        args->id_first[t + 1] = args->id_first[t] + length;
    }
    vlt_threads_for(plan->context->threads, args->text_count, chunk, 0, move_chunk, &job);
    return VLT_OK;
}

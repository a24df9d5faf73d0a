#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

/* Texts [first, end), of those that are encoded. */
struct vlt_batch_share {
    int64_t first, end;
    size_t bytes;
};

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
    spread->share = calloc(texts, sizeof *spread->share);
    if (!spread->place || !spread->share) {
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
    free(spread->share);
}

/* Number i of the texts that are encoded. */
static int64_t text_at(const struct job *job, int64_t i)
{
    return job->distinct ? job->distinct->index[i] : i;
}

static bool encode_share(struct job *job, const struct vlt_batch_share *share, vlt_plan *encoder)
{
    const vlt_batch_spread *spread = job->spread;
    for (int64_t i = share->first; i < share->end; i++) {
        int64_t t = text_at(job, i);
        vlt_error err = {0};
        size_t count = 0;
        vlt_status status = vlt_batch_encode(encoder, job->args, t,
                                             spread->scratch + spread->place[t], &count, &err);
        job->args->id_first[t + 1] = count;
        if (status != VLT_OK) {
            job->error[atomic_exchange(&job->failed, 1)] = err;
            return false;
        }
    }
    return true;
}

static void encode_shares(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    vlt_plan *encoder = job->spread->encoders.plan[worker];
    for (int64_t i = begin; i < end && encode_share(job, &job->spread->share[i], encoder); i++) {
    }
}

static int by_bytes(const void *a, const void *b)
{
    const struct vlt_batch_share *left = a, *right = b;
    return (left->bytes < right->bytes) - (left->bytes > right->bytes);
}

/* Consecutive texts, at most `chunk` of them and, of more than one, an eighth of a thread's even
 * part; longer texts come first, the longest before all, so that none begins when the others end.
 * Gives how many. */
static int64_t make_shares(struct job *job, int64_t texts, int64_t chunk, int threads)
{
    enum { SHARES_A_THREAD = 8 };
    struct vlt_batch_share *share = job->spread->share;
    size_t bytes = 0;
    int64_t count = 0, large = 0;
    for (int64_t i = 0; i < texts; i++) {
        bytes += job->args->text_bytes[text_at(job, i)];
    }
    const size_t even = bytes / ((size_t)threads * SHARES_A_THREAD);
    for (int64_t i = 0; i < texts; count++) {
        struct vlt_batch_share next = {.first = i};
        do {
            next.bytes += job->args->text_bytes[text_at(job, i++)];
        } while (i < texts && i - next.first < chunk &&
                 next.bytes + job->args->text_bytes[text_at(job, i)] <= even);
        next.end = i;
        share[count] = next;
        if (next.bytes > even) {
            share[count] = share[large];
            share[large++] = next;
        }
    }
    qsort(share, (size_t)large, sizeof *share, by_bytes);
    return count;
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
    vlt_batch_encoders_renew(&spread->encoders);
    vlt_threads_for(plan->context->threads,
                    make_shares(&job, encoded, chunk, spread->encoders.count), 1, 0, encode_shares,
                    &job);
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

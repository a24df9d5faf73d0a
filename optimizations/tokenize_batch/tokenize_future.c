#include "optimizations/tokenize_batch/tokenize_future.h"

#include <pthread.h>
#include <stdlib.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/threads.h"

struct slot {
    vlt_bpe_encode_args args;
    size_t count;
    bool done;
    vlt_status status;
    vlt_error error;
};

/* Slots form a ring: collected <= taken <= submitted <= collected + depth. */
struct vlt_token_futures {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    uint64_t submitted, taken, collected;
    bool stop;
    struct slot *slot; /* [depth] */
    int depth;
    int32_t *ids; /* [depth * bound], touched as far as used */
    vlt_batch_encoders encoders;
    struct worker {
        vlt_token_futures *futures;
        vlt_plan *encoder;
        pthread_t thread;
    } * worker; /* [workers] */
    int workers;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    vlt_token_futures *f = worker->futures;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (!f->stop && f->taken == f->submitted) {
            pthread_cond_wait(&f->work, &f->lock);
        }
        if (f->stop) {
            break;
        }
        struct slot *slot = &f->slot[f->taken++ % (uint64_t)f->depth];
        pthread_mutex_unlock(&f->lock);
        slot->status = vlt_plan_run(worker->encoder, (vlt_frame){0}, &slot->args, &slot->error);
        pthread_mutex_lock(&f->lock);
        slot->done = true;
        pthread_cond_signal(&f->done);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static vlt_status start_workers(vlt_token_futures *f, vlt_error *err)
{
    for (; f->workers < f->encoders.count; f->workers++) {
        struct worker *worker = &f->worker[f->workers];
        *worker = (struct worker){.futures = f, .encoder = f->encoders.plan[f->workers]};
        if (vlt_thread_start(&worker->thread, work, worker) != 0) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch: cannot start thread %d of %d",
                            f->workers + 1, f->encoders.count);
        }
    }
    return VLT_OK;
}

vlt_status vlt_token_futures_create(vlt_plan *plan, int workers, int depth, size_t text_max,
                                    vlt_token_futures **out, vlt_error *err)
{
    size_t bound = vlt_bpe_encode_bound(text_max), bytes;
    *out = NULL;
    vlt_token_futures *f = calloc(1, sizeof *f);
    if (!f) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch: out of memory");
    }
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->work, NULL);
    pthread_cond_init(&f->done, NULL);
    f->depth = depth;
    f->slot = calloc((size_t)depth, sizeof *f->slot);
    f->worker = calloc((size_t)workers, sizeof *f->worker);
    if (vlt_mul_size(bound * sizeof *f->ids, (size_t)depth, &bytes)) {
        f->ids = malloc(bytes);
    }
    vlt_status status = f->slot && f->worker && f->ids
                            ? vlt_batch_encoders_init(&f->encoders, plan, workers, text_max, err)
                            : vlt_fail(err, VLT_STATUS_NOMEM,
                                       "tokenize_batch: no memory for %d texts of %zu bytes", depth,
                                       text_max);
    for (int i = 0; i < depth && status == VLT_OK; i++) {
        f->slot[i].args.ids = f->ids + (size_t)i * bound;
        f->slot[i].args.id_count = &f->slot[i].count;
    }
    if (status == VLT_OK) {
        status = start_workers(f, err);
    }
    if (status != VLT_OK) {
        vlt_token_futures_destroy(f);
        return status;
    }
    *out = f;
    return VLT_OK;
}

void vlt_token_futures_destroy(vlt_token_futures *futures)
{
    if (!futures) {
        return;
    }
    pthread_mutex_lock(&futures->lock);
    futures->stop = true;
    pthread_cond_broadcast(&futures->work);
    pthread_mutex_unlock(&futures->lock);
    for (int i = 0; i < futures->workers; i++) {
        pthread_join(futures->worker[i].thread, NULL);
    }
    vlt_batch_encoders_release(&futures->encoders);
    pthread_cond_destroy(&futures->work);
    pthread_cond_destroy(&futures->done);
    pthread_mutex_destroy(&futures->lock);
    free(futures->slot);
    free(futures->worker);
    free(futures->ids);
    free(futures);
}

bool vlt_token_futures_submit(vlt_token_futures *futures, const vlt_tokenize_batch_args *args,
                              int64_t index)
{
    pthread_mutex_lock(&futures->lock);
    bool room = futures->submitted - futures->collected < (uint64_t)futures->depth;
    if (futures->submitted == futures->collected) { /* nothing is on its way */
        vlt_batch_encoders_renew(&futures->encoders);
    }
    if (room) {
        struct slot *slot = &futures->slot[futures->submitted++ % (uint64_t)futures->depth];
        slot->args = vlt_batch_text(args, index, slot->args.ids, &slot->count);
        slot->done = false;
        pthread_cond_signal(&futures->work);
    }
    pthread_mutex_unlock(&futures->lock);
    return room;
}

vlt_status vlt_token_futures_collect(vlt_token_futures *futures, const int32_t **ids, size_t *count,
                                     vlt_error *err)
{
    struct slot *slot = &futures->slot[futures->collected % (uint64_t)futures->depth];
    pthread_mutex_lock(&futures->lock);
    while (!slot->done) {
        pthread_cond_wait(&futures->done, &futures->lock);
    }
    futures->collected++;
    pthread_mutex_unlock(&futures->lock);
    *ids = slot->args.ids;
    *count = slot->count;
    return slot->status == VLT_OK ? VLT_OK : vlt_fail(err, slot->status, "%s", slot->error.message);
}

#include "harness/services/token_service.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/services/result_ring.h"
#include "harness/services/token_pieces.h"
#include "optimizations/bpe_encode/shared_words.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/threads.h"

enum { WORKERS_MAX = 64, SHARED_WORDS_BYTES = 3200 << 10 };

struct vlt_token_future {
    vlt_token_future *next; /* in the queue, or of those begun */
    vlt_prompt_text text;
    int32_t *ids;
    size_t count;
    double busy_ms;
    bool started, done;
    vlt_status status;
    vlt_error error;
};

struct vlt_token_service {
    vlt_token_service_options options;
    vlt_token_encoders encoders;
    vlt_result_ring *results; /* NULL: none are kept */

    pthread_mutex_t cut_lock; /* of making what follows, when the first long text comes */
    vlt_seams *seams;
    vlt_threads *threads;
    vlt_shared_words *words; /* of the encoders of long texts; NULL: nothing is made yet */
    vlt_token_encoders sharing;
    vlt_token_cutting cutting;
    int cut; /* long texts that are being encoded */

    pthread_mutex_t lock; /* of the queue */
    pthread_cond_t queued, done;
    vlt_token_future *first, **last;
    vlt_token_future *begun; /* by a worker, and not collected */
    pthread_t worker[WORKERS_MAX];
    int workers, idle;
    bool closing;
};

vlt_status vlt_token_service_create(const vlt_token_service_options *options,
                                    vlt_token_service **out, vlt_error *err)
{
    vlt_token_service *service = *out = calloc(1, sizeof *service);
    if (!service) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the tokenizer's service");
    }
    service->options = *options;
    service->last = &service->first;
    const vlt_bpe_encode_constants constants = {.vocab = options->vocab};
    vlt_token_encoders_init(&service->encoders, &constants, options->context);
    pthread_mutex_init(&service->cut_lock, NULL);
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->queued, NULL);
    pthread_cond_init(&service->done, NULL);
    vlt_status status = options->cache_bytes
                            ? vlt_result_ring_create(options->cache_bytes, options->context->memory,
                                                     &service->results, err)
                            : VLT_OK;
    if (status != VLT_OK) {
        vlt_token_service_destroy(service);
        *out = NULL;
    }
    return status;
}

static void free_future(vlt_token_future *future)
{
    free(future->ids);
    free(future);
}

static void free_list(vlt_token_future *future)
{
    for (vlt_token_future *next; future; future = next) {
        next = future->next;
        free_future(future);
    }
}

static void release_cutting(vlt_token_service *service)
{
    vlt_seams_destroy(service->seams);
    vlt_threads_destroy(service->threads);
    vlt_shared_words_destroy(service->words);
    service->seams = NULL;
    service->threads = NULL;
    service->words = NULL;
}

/* No long text may be under way. */
static void end_cutting(vlt_token_service *service)
{
    if (service->words) {
        vlt_token_encoders_release(&service->sharing);
    }
    release_cutting(service);
}

void vlt_token_service_destroy(vlt_token_service *service)
{
    if (!service) {
        return;
    }
    pthread_mutex_lock(&service->lock);
    service->closing = true;
    pthread_cond_broadcast(&service->queued);
    pthread_mutex_unlock(&service->lock);
    for (int i = 0; i < service->workers; i++) {
        pthread_join(service->worker[i], NULL);
    }
    free_list(service->first);
    free_list(service->begun);
    vlt_token_encoders_release(&service->encoders);
    vlt_result_ring_destroy(service->results);
    end_cutting(service);
    pthread_cond_destroy(&service->done);
    pthread_cond_destroy(&service->queued);
    pthread_mutex_destroy(&service->lock);
    pthread_mutex_destroy(&service->cut_lock);
    free(service);
}

/* The ids of an encoder, malloc'ed. */
static vlt_status copy_ids(const vlt_token_encoder *encoder, size_t count, int32_t **ids,
                           vlt_error *err)
{
    *ids = malloc((count + 1) * sizeof **ids);
    if (!*ids) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu ids", count);
    }
    vlt_pages_expect(*ids, count * sizeof **ids);
    memcpy(*ids, encoder->ids, count * sizeof **ids);
    return VLT_OK;
}

/* All that the first long text needs. */
static vlt_status prepare_cutting(vlt_token_service *service, vlt_error *err)
{
    const vlt_threads_options threads = {.count = service->options.threads, .spin_us = 20};
    vlt_token_cutting *cutting = &service->cutting;
    vlt_bpe_encode_constants constants = {.vocab = service->options.vocab};
    vlt_status status = vlt_context_admit(&service->encoders.context, SHARED_WORDS_BYTES,
                                          "the words of long texts", err);
    if (status == VLT_OK) {
        status = vlt_seams_create(constants.vocab, &service->seams, err);
    }
    if (status == VLT_OK) {
        status = vlt_threads_create(&threads, &service->threads, err);
    }
    if (status == VLT_OK) {
        status = vlt_shared_words_create(service->encoders.context.memory, &service->words, err);
    }
    if (status != VLT_OK) {
        release_cutting(service);
        return status;
    }
    constants.shared = service->words;
    vlt_token_encoders_init(&service->sharing, &constants, service->options.context);
    *cutting = (vlt_token_cutting){.encoders = &service->sharing,
                                   .seams = service->seams,
                                   .threads = service->threads,
                                   .chunk_bytes = service->options.chunk_bytes};
    return VLT_OK;
}

static vlt_status begin_long(vlt_token_service *service, vlt_error *err)
{
    vlt_status status = VLT_OK;
    pthread_mutex_lock(&service->cut_lock);
    if (!service->words) {
        status = prepare_cutting(service, err);
    } else if (!service->cut) {
        vlt_shared_words_renew(service->words);
    }
    service->cut += status == VLT_OK;
    pthread_mutex_unlock(&service->cut_lock);
    return status;
}

static vlt_status encode_whole(vlt_token_service *service, const vlt_prompt_text *text,
                               int32_t **ids, size_t *count, vlt_error *err)
{
    vlt_token_encoder *encoder = NULL;
    vlt_status status = vlt_token_encoders_take(&service->encoders, text->bytes, &encoder, err);
    if (status == VLT_OK) {
        status = vlt_token_encoder_run(encoder, text, 0, text->bytes, encoder->ids, count, err);
    }
    if (status == VLT_OK) {
        status = copy_ids(encoder, *count, ids, err);
    }
    vlt_token_encoders_give(&service->encoders, encoder);
    return status;
}

/* Where there is no memory for several threads, by this one. */
static vlt_status encode_long(vlt_token_service *service, const vlt_prompt_text *text,
                              int32_t **ids, size_t *count, vlt_error *err)
{
    vlt_status status = begin_long(service, err);
    if (status == VLT_STATUS_LIMIT) {
        return encode_whole(service, text, ids, count, err);
    }
    if (status == VLT_OK) {
        status = vlt_token_pieces_encode(&service->cutting, text, ids, count, err);
        pthread_mutex_lock(&service->cut_lock);
        service->cut--;
        pthread_mutex_unlock(&service->cut_lock);
    }
    return status;
}

static vlt_status encode_new(vlt_token_service *service, const vlt_prompt_text *text, int32_t **ids,
                             size_t *count, vlt_error *err)
{
    const bool cut = service->options.threads > 1 &&
                     text->bytes >= 2 * service->options.chunk_bytes;
    return cut ? encode_long(service, text, ids, count, err)
               : encode_whole(service, text, ids, count, err);
}

static vlt_status encode_traced(vlt_token_service *service, const vlt_prompt_text *text,
                                int32_t **ids, size_t *count, vlt_error *err)
{
    vlt_trace *trace = service->options.trace;
    const double start_ms = trace ? vlt_now_ms() : 0;
    vlt_status status = encode_new(service, text, ids, count, err);
    if (trace) {
        vlt_trace_span(trace, "prepare", "tokenize", start_ms, vlt_now_ms(), "tokens",
                       (int64_t)*count);
    }
    return status;
}

vlt_status vlt_token_service_encode(vlt_token_service *service, const vlt_prompt_text *text,
                                    int32_t **ids, size_t *count, vlt_error *err)
{
    const vlt_content_piece key[] = {
        {&text->plain.count, sizeof text->plain.count},
        {text->plain.range, text->plain.count * sizeof *text->plain.range},
        {text->text, text->bytes}};
    vlt_result_maker maker;
    void *kept;
    size_t bytes;
    *ids = NULL;
    *count = 0;
    if (!service->results) {
        return encode_traced(service, text, ids, count, err);
    }
    const vlt_result found = vlt_result_ring_take(service->results, key, 3, &maker, &kept, &bytes);
    if (found == VLT_RESULT_TO_MAKE) {
        vlt_status status = encode_traced(service, text, ids, count, err);
        if (status == VLT_OK) {
            vlt_result_ring_put(service->results, &maker, *ids, *count * sizeof **ids);
        } else {
            vlt_result_ring_give_up(service->results, &maker);
        }
        return status;
    }
    *ids = kept;
    *count = bytes / sizeof **ids;
    return kept ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the ids of a text");
}

static void fulfil(vlt_token_service *service, vlt_token_future *future)
{
    double start_ms = vlt_now_ms();
    future->status = vlt_token_service_encode(service, &future->text, &future->ids, &future->count,
                                              &future->error);
    future->busy_ms = vlt_now_ms() - start_ms;
}

static void *work(void *argument)
{
    vlt_token_service *service = argument;
    pthread_mutex_lock(&service->lock);
    while (!service->closing) {
        vlt_token_future *future = service->first;
        if (!future) {
            service->idle++;
            pthread_cond_wait(&service->queued, &service->lock);
            service->idle--;
            continue;
        }
        service->first = future->next;
        service->last = service->first ? service->last : &service->first;
        future->started = true;
        future->next = service->begun;
        service->begun = future;
        pthread_mutex_unlock(&service->lock);
        fulfil(service, future);
        pthread_mutex_lock(&service->lock);
        future->done = true;
        pthread_cond_broadcast(&service->done);
    }
    pthread_mutex_unlock(&service->lock);
    return NULL;
}

vlt_token_future *vlt_token_service_begin(vlt_token_service *service, const vlt_prompt_text *text)
{
    const int most = service->options.threads < WORKERS_MAX ? service->options.threads
                                                            : WORKERS_MAX;
    vlt_token_future *future = calloc(1, sizeof *future);
    if (!future) {
        return NULL;
    }
    future->text = *text;
    pthread_mutex_lock(&service->lock);
    if (!service->idle && service->workers < most &&
        vlt_thread_start(&service->worker[service->workers], work, service) == 0) {
        service->workers++;
    }
    *service->last = future;
    service->last = &future->next;
    pthread_cond_signal(&service->queued);
    pthread_mutex_unlock(&service->lock);
    return future;
}

/* Out of its list. Under the lock. */
static void take_out(vlt_token_service *service, const vlt_token_future *future)
{
    vlt_token_future **link = future->started ? &service->begun : &service->first;
    while (*link != future) {
        link = &(*link)->next;
    }
    *link = future->next;
    service->last = !future->started && !future->next ? link : service->last;
}

vlt_status vlt_token_service_collect(vlt_token_service *service, vlt_token_future *future,
                                     const vlt_prompt_text *text, int32_t **ids, size_t *count,
                                     double *busy_ms, vlt_error *err)
{
    double start_ms = vlt_now_ms();
    bool own = !future;
    if (future) {
        pthread_mutex_lock(&service->lock);
        own = !future->started; /* no worker has come to it: the caller need not wait for one */
        while (!own && !future->done) {
            pthread_cond_wait(&service->done, &service->lock);
        }
        take_out(service, future);
        pthread_mutex_unlock(&service->lock);
    }
    vlt_status status;
    if (own) {
        status = vlt_token_service_encode(service, text, ids, count, err);
        *busy_ms = vlt_now_ms() - start_ms;
    } else {
        status = future->status;
        *ids = future->ids;
        *count = future->count;
        *busy_ms = future->busy_ms;
        future->ids = NULL;
        if (status != VLT_OK) {
            vlt_fail(err, status, "%s", future->error.message);
        }
    }
    if (future) {
        free_future(future);
    }
    return status;
}

void vlt_token_service_trim(vlt_token_service *service, size_t keep_bytes)
{
    vlt_result_ring_trim(service->results, keep_bytes);
}

void vlt_token_service_forget(vlt_token_service *service)
{
    vlt_token_service_trim(service, 0);
    vlt_token_encoders_forget(&service->encoders);
    pthread_mutex_lock(&service->cut_lock);
    if (!service->cut) {
        end_cutting(service);
    }
    pthread_mutex_unlock(&service->cut_lock);
}

void vlt_token_service_look(vlt_token_service *service, vlt_content_stats *out)
{
    vlt_result_ring_look(service->results, out);
}

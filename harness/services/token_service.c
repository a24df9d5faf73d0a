#include "harness/services/token_service.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/services/token_encoders.h"
#include "optimizations/bpe_encode/seams.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/memory.h"

enum { WORKERS_MAX = 64 };

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
    vlt_content_cache *results;

    pthread_mutex_t cut_lock; /* of making the two below */
    vlt_seams *seams;         /* made when the first long text comes */
    vlt_threads *threads;     /* likewise */

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
    vlt_token_encoders_init(&service->encoders, options->vocab, options->context);
    pthread_mutex_init(&service->cut_lock, NULL);
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->queued, NULL);
    pthread_cond_init(&service->done, NULL);
    vlt_status status = options->cache_bytes
                            ? vlt_content_cache_create(options->cache_bytes, &service->results, err)
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
    vlt_content_cache_destroy(service->results);
    vlt_seams_destroy(service->seams);
    vlt_threads_destroy(service->threads);
    pthread_cond_destroy(&service->done);
    pthread_cond_destroy(&service->queued);
    pthread_mutex_destroy(&service->lock);
    pthread_mutex_destroy(&service->cut_lock);
    free(service);
}

/* The ids of an encoder, malloc'ed. */
static vlt_status copy_ids(const vlt_token_encoder *encoder, int32_t **ids, size_t *count,
                           vlt_error *err)
{
    *count = encoder->count;
    *ids = malloc((*count + 1) * sizeof **ids);
    if (!*ids) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu ids", *count);
    }
    vlt_pages_expect(*ids, *count * sizeof **ids);
    memcpy(*ids, encoder->ids, *count * sizeof **ids);
    return VLT_OK;
}

/* One piece of a text, and its ids. */
struct piece {
    size_t first, last;
    int32_t *ids; /* malloc'ed by who encodes it */
    size_t count, place;
    vlt_status status;
    vlt_error error;
};

/* A text in pieces. Each thread has one encoder for all that it takes, whose word cache has learnt
 * from those before. */
struct pieces {
    vlt_token_service *service;
    const vlt_prompt_text *text;
    struct piece *piece; /* [count] */
    int count;
    size_t largest;              /* bytes */
    vlt_token_encoder **encoder; /* [threads]; NULL: has taken nothing yet */
    int32_t *ids;                /* of all */
};

static void release_pieces(struct pieces *pieces)
{
    for (int i = 0; pieces->encoder && i < pieces->service->options.threads; i++) {
        vlt_token_encoders_give(&pieces->service->encoders, pieces->encoder[i]);
    }
    for (int i = 0; i < pieces->count; i++) {
        free(pieces->piece[i].ids);
    }
    free(pieces->piece);
    free(pieces->encoder);
}

/* Pieces of a chunk, or of less where these would be few: what the threads begin together they then
 * end together. */
static size_t piece_bytes(const vlt_token_service_options *options, size_t text_bytes)
{
    enum { PIECES_A_THREAD = 8, LEAST_BYTES = 8 << 10 };
    const size_t even = text_bytes / ((size_t)options->threads * PIECES_A_THREAD);
    const size_t bytes = even > LEAST_BYTES ? even : LEAST_BYTES;
    return bytes < options->chunk_bytes ? bytes : options->chunk_bytes;
}

/* As many pieces as its seams allow, none much below what they should have. */
static vlt_status cut_text(struct pieces *pieces, vlt_error *err)
{
    const vlt_prompt_text *text = pieces->text;
    const size_t chunk = piece_bytes(&pieces->service->options, text->bytes);
    pieces->piece = calloc(text->bytes / chunk + 2, sizeof *pieces->piece);
    pieces->encoder = calloc((size_t)pieces->service->options.threads, sizeof *pieces->encoder);
    if (!pieces->piece || !pieces->encoder) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "text of %zu bytes: out of memory", text->bytes);
    }
    for (size_t at = 0; at < text->bytes;) {
        struct piece *piece = &pieces->piece[pieces->count++];
        piece->first = at;
        at = text->bytes - at > chunk + chunk / 2
                 ? vlt_seams_next(pieces->service->seams, text->text, text->bytes, at + chunk)
                 : text->bytes;
        piece->last = at;
        pieces->largest = at - piece->first > pieces->largest ? at - piece->first : pieces->largest;
    }
    return VLT_OK;
}

static vlt_status encode_piece(struct pieces *pieces, struct piece *piece,
                               vlt_token_encoder **encoder)
{
    vlt_error *err = &piece->error;
    vlt_status status = VLT_OK;
    if (!*encoder) { /* all long texts share encoders, but where a piece found no seam */
        const size_t usual = 2 * pieces->service->options.chunk_bytes;
        status = vlt_token_encoders_take(&pieces->service->encoders,
                                         pieces->largest > usual ? pieces->largest : usual, encoder,
                                         err);
    }
    if (status == VLT_OK) {
        status = vlt_token_encoder_run(*encoder, pieces->text, piece->first, piece->last, err);
    }
    if (status == VLT_OK) {
        status = copy_ids(*encoder, &piece->ids, &piece->count, err);
    }
    return status;
}

static void encode_pieces(void *argument, int64_t begin, int64_t end, int worker)
{
    struct pieces *pieces = argument;
    for (int64_t i = begin; i < end; i++) {
        struct piece *piece = &pieces->piece[i];
        piece->status = encode_piece(pieces, piece, &pieces->encoder[worker]);
    }
}

static void place_pieces(void *argument, int64_t begin, int64_t end, int worker)
{
    struct pieces *pieces = argument;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const struct piece *piece = &pieces->piece[i];
        vlt_pages_expect(pieces->ids + piece->place, piece->count * sizeof *piece->ids);
        memcpy(pieces->ids + piece->place, piece->ids, piece->count * sizeof *piece->ids);
    }
}

/* The ids of the pieces one behind the other, malloc'ed. */
static vlt_status join_pieces(struct pieces *pieces, int32_t **ids, size_t *count, vlt_error *err)
{
    *count = 0;
    for (int i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->piece[i];
        if (piece->status != VLT_OK) {
            return vlt_fail(err, piece->status, "%s", piece->error.message);
        }
        piece->place = *count;
        *count += piece->count;
    }
    *ids = pieces->ids = malloc((*count + 1) * sizeof **ids);
    if (!*ids) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu ids", *count);
    }
    vlt_threads_for(pieces->service->threads, pieces->count, 1, 0, place_pieces, pieces);
    return VLT_OK;
}

static vlt_status prepare_cutting(vlt_token_service *service, vlt_error *err)
{
    const vlt_threads_options threads = {.count = service->options.threads, .spin_us = 20};
    vlt_status status = VLT_OK;
    pthread_mutex_lock(&service->cut_lock);
    if (!service->seams) {
        status = vlt_seams_create(service->options.vocab, &service->seams, err);
    }
    if (status == VLT_OK && !service->threads) {
        status = vlt_threads_create(&threads, &service->threads, err);
    }
    pthread_mutex_unlock(&service->cut_lock);
    return status;
}

static vlt_status encode_long(vlt_token_service *service, const vlt_prompt_text *text,
                              int32_t **ids, size_t *count, vlt_error *err)
{
    struct pieces pieces = {.service = service, .text = text};
    vlt_status status = prepare_cutting(service, err);
    if (status == VLT_OK) {
        status = cut_text(&pieces, err);
    }
    if (status == VLT_OK) {
        vlt_threads_for(service->threads, pieces.count, 1, 0, encode_pieces, &pieces);
    }
    if (status == VLT_OK) {
        status = join_pieces(&pieces, ids, count, err);
    }
    release_pieces(&pieces);
    return status;
}

static vlt_status encode_new(vlt_token_service *service, const vlt_prompt_text *text, int32_t **ids,
                             size_t *count, vlt_error *err)
{
    vlt_token_encoder *encoder = NULL;
    if (service->options.threads > 1 && text->bytes >= 2 * service->options.chunk_bytes) {
        return encode_long(service, text, ids, count, err);
    }
    vlt_status status = vlt_token_encoders_take(&service->encoders, text->bytes, &encoder, err);
    if (status == VLT_OK) {
        status = vlt_token_encoder_run(encoder, text, 0, text->bytes, err);
    }
    if (status == VLT_OK) {
        status = copy_ids(encoder, ids, count, err);
    }
    vlt_token_encoders_give(&service->encoders, encoder);
    return status;
}

vlt_status vlt_token_service_encode(vlt_token_service *service, const vlt_prompt_text *text,
                                    int32_t **ids, size_t *count, vlt_error *err)
{
    const vlt_content_piece key[] = {
        {&text->plain.count, sizeof text->plain.count},
        {text->plain.range, text->plain.count * sizeof *text->plain.range},
        {text->text, text->bytes}};
    bool make;
    *ids = NULL;
    *count = 0;
    vlt_content_entry *entry = vlt_content_cache_take(service->results, key, 3, &make);
    if (make) {
        const double start_ms = vlt_now_ms();
        vlt_status status = encode_new(service, text, ids, count, err);
        vlt_trace_span(service->options.trace, "prepare", "tokenize", start_ms, vlt_now_ms(),
                       "tokens", (int64_t)*count);
        if (status == VLT_OK) {
            const vlt_content_piece value = {*ids, *count * sizeof **ids};
            vlt_content_cache_put(service->results, entry, &value, 1);
        } else {
            vlt_content_cache_give_up(service->results, entry);
        }
        return status;
    }
    size_t bytes;
    const void *kept = vlt_content_value(entry, &bytes);
    *ids = malloc(bytes + sizeof **ids);
    if (*ids) {
        memcpy(*ids, kept, bytes);
        *count = bytes / sizeof **ids;
    }
    vlt_content_cache_drop(service->results, entry);
    return *ids ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu bytes of ids", bytes);
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
        pthread_create(&service->worker[service->workers], NULL, work, service) == 0) {
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
    vlt_content_cache_trim(service->results, keep_bytes);
}

void vlt_token_service_look(vlt_token_service *service, vlt_content_stats *out)
{
    vlt_content_cache_look(service->results, out);
}

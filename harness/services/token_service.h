/* token_service.h: text -> ids for all sessions of an engine, with what is worth keeping kept.
 *
 *     text -> results of whole texts (result_ring.h) -> there: copied
 *                                                    -> being encoded by another: waited for
 *                                                    -> encoders, kept by size, each with its cache
 *                                                       of words; long texts are cut at seams
 *                                                       (bpe_encode/seams.h), spread over threads
 *
 * Ids are those of one encoder on the whole text, however it is cut and whatever was kept. Any
 * number of threads.
 */
#ifndef VLT_HARNESS_TOKEN_SERVICE_H
#define VLT_HARNESS_TOKEN_SERVICE_H

#include "harness/model/placeholders.h"
#include "harness/services/content_cache.h"
#include "harness/services/trace.h"

enum { VLT_TOKEN_CHUNK_MIN_BYTES = 256, VLT_TOKEN_CHUNK_MAX_BYTES = 1 << 28 };

typedef struct vlt_token_service vlt_token_service;

typedef struct vlt_token_service_options {
    const vlt_vocab *vocab;
    const vlt_context *context; /* copied: choices and ledger of the encoders */
    int threads;                /* that encode one long text, and texts in the background; >= 1 */
    size_t chunk_bytes;         /* pieces of a long text; at least VLT_TOKEN_CHUNK_MIN_BYTES */
    size_t cache_bytes;         /* 0: nothing is kept */
    vlt_trace *trace;           /* borrowed; or NULL */
} vlt_token_service_options;

vlt_status vlt_token_service_create(const vlt_token_service_options *options,
                                    vlt_token_service **out, vlt_error *err);

/* Waits for what is being encoded; nobody may collect afterwards. NULL is fine. */
void vlt_token_service_destroy(vlt_token_service *service);

/* The ids of text->text[bytes], malloc'ed. */
vlt_status vlt_token_service_encode(vlt_token_service *service, const vlt_prompt_text *text,
                                    int32_t **ids, size_t *count, vlt_error *err);

/* A text that is encoded while the caller does something else; it must stay until it is collected.
 * Exactly one collect for each future, by any one thread; *future may be NULL where memory or
 * threads are short, then collect encodes. */
typedef struct vlt_token_future vlt_token_future;

vlt_token_future *vlt_token_service_begin(vlt_token_service *service, const vlt_prompt_text *text);

/* *busy_ms: the time that encoding took, wherever. */
vlt_status vlt_token_service_collect(vlt_token_service *service, vlt_token_future *future,
                                     const vlt_prompt_text *text, int32_t **ids, size_t *count,
                                     double *busy_ms, vlt_error *err);

void vlt_token_service_trim(vlt_token_service *service, size_t keep_bytes); /* of results */

/* Results, encoders that nobody uses, and what long texts are cut with (some MiB, made again) where
 * none is under way. */
void vlt_token_service_forget(vlt_token_service *service);

void vlt_token_service_look(vlt_token_service *service, vlt_content_stats *out);

#endif

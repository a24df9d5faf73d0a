/* session.h: one conversation, as the rest of harness/infer sees it.
 *
 * The cache (kv_cache.h) holds `count` rows; row i was made from a token whose key is key[i], so a
 * prompt that begins with the same keys need not be computed again.
 */
#ifndef VLT_HARNESS_SESSION_H
#define VLT_HARNESS_SESSION_H

#include "harness/infer/kv_cache.h"
#include "harness/infer/prompt.h"
#include "optimizations/sample/sample.h"

/* Rows of the prompt that go through the decoder together. */
enum { VLT_PROMPT_BLOCK = 256, VLT_MAX_TOKENS_DEFAULT = 256 };

struct vlt_session {
    vlt_engine *engine;
    int64_t context;  /* rows it may grow to; 0: as many as the model has positions */
    int64_t reach;    /* rows that the request at hand may come to */
    int64_t capacity; /* rows that there is room for */
    int64_t count;    /* rows in use */
    vlt_kv_cache cache;
    int32_t *ids;       /* [capacity]: prompt and answer, in the cache or about to be */
    uint64_t *key;      /* [capacity] */
    uint64_t promised;  /* bytes of the cache that were admitted and are not in use yet */
    double open_ms;     /* opening or loading it; the first run reports it */
    char *conversation; /* JSON list, the last answer included; NULL: nothing said yet */

    vlt_arena arena;
    float *hidden;        /* [block, width] */
    float *normed;        /* [block, width] */
    float *cos, *sin;     /* [block, slots] */
    float *logits;        /* [vocab] of the last row computed */
    float *probabilities; /* [vocab] */

    vlt_plan *sample, *distribution; /* prepared for the request at hand */
};

/* Before anything is computed: the request may come to `rows` rows. LIMIT, with the numbers, when
 * the model has fewer positions or memory will not do; what is admitted counts as promised until it
 * is in use. */
vlt_status vlt_session_admit(vlt_session *session, int64_t rows, vlt_error *err);

/* Room for `rows` rows now, no more than were admitted; what is in the cache stays. */
vlt_status vlt_session_reserve(vlt_session *session, int64_t rows, vlt_error *err);

/* Sets what is still promised to the rows admitted and not in use; 0 rows: the request is done. */
void vlt_session_settle(vlt_session *session, int64_t rows);

/* What is computed before the first token: images that are not in the cache, then the prompt's rows
 * from `first` on. Leaves the logits of the last row. Under compute_lock. */
typedef struct vlt_prefill {
    const vlt_prompt *prompt;
    const vlt_request *request;
    int64_t first;
    vlt_dump *dump;
    double vision_ms, prefill_ms;
} vlt_prefill;

vlt_status vlt_session_prefill(vlt_session *session, vlt_prefill *prefill, vlt_error *err);

/* Feeds one token at row session->count, position count + delta; leaves its logits. No allocation.
 * Under compute_lock. */
vlt_status vlt_session_step(vlt_session *session, int32_t id, int64_t delta, vlt_error *err);

/* The second half of vlt_session_run: the answer to a prompt that has been built. load, other and
 * total of the timings are the caller's. */
vlt_status vlt_session_respond(vlt_session *session, const vlt_request *request,
                               const vlt_prompt *prompt, vlt_response *out, vlt_error *err);

/* The computing inside it, under compute_lock: reuse of the cache, prefill, token by token. Fills
 * ids, text, finish, logprobs and the times of vision, prefill and decode. */
vlt_status vlt_session_answer(vlt_session *session, const vlt_request *request,
                              const vlt_prompt *prompt, vlt_response *out, vlt_error *err);

#endif

/* session.h: one conversation, as the rest of harness/infer sees it.
 *
 * The cache holds `count` rows; row i was made from a token whose key is key[i], so a prompt that
 * begins with the same keys need not be computed again. Per layer k and v lie as
 * [kv_heads][capacity][head], so that a query head streams through contiguous rows.
 */
#ifndef VLT_HARNESS_SESSION_H
#define VLT_HARNESS_SESSION_H

#include "harness/infer/prompt.h"
#include "optimizations/sample/sample.h"

/* Rows of the prompt that go through the decoder together. */
enum { VLT_PROMPT_BLOCK = 256, VLT_MAX_TOKENS_DEFAULT = 256 };

struct vlt_session {
    vlt_engine *engine;
    int64_t context;    /* asked for; 0: grows */
    int64_t capacity;   /* rows of the cache */
    int64_t count;      /* rows in use */
    float *cache;       /* [layers][k, v][kv_heads][capacity][head] */
    int32_t *ids;       /* [capacity]: prompt and answer, in the cache or about to be */
    uint64_t *key;      /* [capacity] */
    char *conversation; /* JSON list, the last answer included; NULL: nothing said yet */

    vlt_arena arena;
    float *hidden;        /* [block, width] */
    float *normed;        /* [block, width] */
    float *cos, *sin;     /* [block, slots] */
    float *logits;        /* [vocab] of the last row computed */
    float *probabilities; /* [vocab] */

    vlt_plan *sample, *distribution; /* prepared for the request at hand */
};

/* k of a layer; v follows it. */
static inline float *vlt_session_cache(const vlt_session *session, int64_t layer, int is_v)
{
    const vlt_text_config *text = &session->engine->config.text;
    return session->cache + (layer * 2 + is_v) * text->kv_heads * session->capacity * text->head;
}

/* Makes room for `rows` rows, keeping what is in the cache. */
vlt_status vlt_session_reserve(vlt_session *session, int64_t rows, vlt_error *err);

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

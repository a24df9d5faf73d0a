/* session.h: one conversation, as the rest of harness/infer sees it.
 *
 * The cache holds rows 0 .. cache.count - 1; row i was made from a token whose key is key[i], so a
 * prompt that begins with the same keys need not be computed again.
 */
#ifndef VLT_HARNESS_SESSION_H
#define VLT_HARNESS_SESSION_H

#include "harness/infer/prompt.h"
#include "optimizations/sample/sample.h"

struct vlt_session {
    vlt_engine *engine;
    int64_t context;  /* rows it may grow to; 0: as many as the model has positions */
    int64_t reach;    /* rows that the request at hand may come to */
    int64_t capacity; /* rows that there is room for */
    vlt_kv_cache cache;
    int32_t *ids;       /* [capacity]: prompt and answer, in the cache or about to be */
    uint64_t *key;      /* [capacity] */
    uint64_t promised;  /* bytes of the cache that were admitted and are no memory yet */
    uint64_t mapped;    /* of them: there is room for */
    double open_ms;     /* opening or loading it; the first run reports it */
    char *conversation; /* JSON list, the last answer included; NULL: nothing said yet */

    vlt_arena arena;
    float *logits;        /* [vocab] of the last row computed */
    float *probabilities; /* [vocab] */

    vlt_plan *sample, *distribution; /* prepared for the request at hand */
    vlt_scratch scratch;             /* of these two */
};

/* Before anything is computed: the request may come to `rows` rows. LIMIT, with the numbers, when
 * the model has fewer positions or memory will not do; what is admitted counts as promised until it
 * is in use. */
vlt_status vlt_session_admit(vlt_session *session, int64_t rows, vlt_error *err);

/* Room for `rows` rows now, no more than were admitted; what is in the cache stays. */
vlt_status vlt_session_reserve(vlt_session *session, int64_t rows, vlt_error *err);

/* Rows before `rows`, for which there is room, are memory from now on: no step of decoding takes a
 * page fault for them. */
void vlt_session_make_ready(vlt_session *session, int64_t rows);

/* Sets what is still promised to the rows admitted that are no memory yet; 0 rows: the request is
 * done. */
void vlt_session_settle(vlt_session *session, int64_t rows);

/* other and overlap from the rest. */
void vlt_timings_settle(vlt_timings *timings);

/* Rows at the front of the cache that the prompt begins with; at least one row of the prompt is
 * left to compute, because its logits are what the answer begins with. */
int64_t vlt_session_cached_rows(const vlt_session *session, const vlt_prompt *prompt);

/* The second half of vlt_session_run: the answer to a prompt that has been built. load, other and
 * total of the timings are the caller's. */
vlt_status vlt_session_respond(vlt_session *session, const vlt_request *request,
                               const vlt_prompt *prompt, vlt_response *out, vlt_error *err);

#endif

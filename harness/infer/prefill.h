/* prefill.h: what is computed before the first token: images, then the prompt, block by block.
 *
 * Images all of whose rows are in the cache are not computed again, nor are the prompt's rows
 * before `first`.
 */
#ifndef VLT_HARNESS_PREFILL_H
#define VLT_HARNESS_PREFILL_H

#include "harness/infer/dump.h"
#include "harness/infer/session.h"

typedef struct vlt_prefill {
    vlt_session *session;
    const vlt_prompt *prompt;
    const vlt_request *request;
    int64_t first;  /* rows that the cache has */
    vlt_dump *dump; /* or NULL */
    double vision_ms, prefill_ms;

    int64_t next; /* row of the prompt; count: done. The rest is prefill.c's */
    vlt_tap tap;
    vlt_vision_request vision;
    int64_t visual_first; /* visual row that the buffers begin with */
    float *features;      /* owned: embeddings, then deepstack */
    vlt_memory_grant grant;
} vlt_prefill;

/* The first five members are the caller's; the cache is cut to `first` rows. LIMIT or NOMEM when
 * the images' features do not fit. */
vlt_status vlt_prefill_begin(vlt_prefill *prefill, vlt_error *err);

/* One group of images (one image, where the cache of embeddings is on), or one block of rows; the
 * last one leaves the logits of the last row in the session. Takes the engine's turn. INTERRUPTED
 * when the request's on_progress said so; what is in the cache then stays good. */
vlt_status vlt_prefill_step(vlt_prefill *prefill, vlt_error *err);

static inline bool vlt_prefill_done(const vlt_prefill *prefill)
{
    return prefill->next == prefill->prompt->count;
}

void vlt_prefill_release(vlt_prefill *prefill); /* may be called on {0} */

#endif

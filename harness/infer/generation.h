/* generation.h: answers under way, which compute step by step.
 *
 *   begin    what the session's cache already holds, room, the sampler
 *   step     one group of images, one block of the prompt, or one token
 *   end      the answer
 *
 * A step takes the engine's turn for as long as it computes, so that sessions of one engine get on
 * side by side; several generations that are stepped together compute their tokens in one run, so
 * that every weight is read once for all of them. What a generation gives does not depend on its
 * company.
 */
#ifndef VLT_HARNESS_GENERATION_H
#define VLT_HARNESS_GENERATION_H

#include "harness/infer/session.h"

enum { VLT_MAX_TOKENS_DEFAULT = 256 }; /* of a request that does not say */

/* Tokens at most that a request's max_tokens asks for: 0 does not say, below it is none. */
static inline int64_t vlt_tokens_asked(int64_t max_tokens)
{
    return max_tokens > 0 ? max_tokens : max_tokens < 0 ? 0 : VLT_MAX_TOKENS_DEFAULT;
}

typedef struct vlt_generation vlt_generation;

/* An answer to a prompt that has been built; session, request and prompt must outlive it. All
 * memory but that of growing text and cache is taken here. LIMIT, with the numbers, when prompt and
 * max_tokens do not fit. */
vlt_status vlt_generation_begin(vlt_session *session, const vlt_request *request,
                                const vlt_prompt *prompt, vlt_generation **out, vlt_error *err);

/* One step for each of list[count], all of one engine and none of them done. Failures are kept for
 * the end of those that they concern. Callbacks are called from here, outside of turns. */
void vlt_generation_step(vlt_generation *const *list, int count);

/* Answered, interrupted or failed. */
bool vlt_generation_done(const vlt_generation *generation);

/* The answer, released by the caller, or how it failed; an answer to messages becomes part of the
 * session's conversation. Destroys the generation, which need not be done. load, other and total of
 * the timings are the caller's. */
vlt_status vlt_generation_end(vlt_generation *generation, vlt_response *out, vlt_error *err);

#endif

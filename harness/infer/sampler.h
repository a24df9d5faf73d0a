/* sampler.h: from the logits of a step to its id, as request and checkpoint say.
 *
 * The random stream is documented in vltune.h. Plans are prepared by init, under the engine's turn,
 * and kept in the session; choosing allocates nothing and needs no turn.
 */
#ifndef VLT_HARNESS_SAMPLER_H
#define VLT_HARNESS_SAMPLER_H

#include "harness/infer/session.h"
#include "optimizations/core/random.h"

typedef struct vlt_sampler {
    vlt_sample_params params;
    vlt_random random;
    int logprobs; /* most probable tokens to report beside the chosen one; 0: none at all */
} vlt_sampler;

/* USAGE names the parameter that is out of range. */
vlt_status vlt_sampler_init(vlt_sampler *sampler, vlt_session *session, const vlt_request *request,
                            uint64_t seed, vlt_error *err);

/* Chooses from session->logits; session->ids holds prompt_count + id_count ids. row[1 + logprobs]
 * receives the log-probabilities; NULL where logprobs is 0. */
vlt_status vlt_sampler_choose(vlt_sampler *sampler, vlt_session *session, int64_t prompt_count,
                              int64_t id_count, int32_t *id, vlt_logprob *row, vlt_error *err);

#endif

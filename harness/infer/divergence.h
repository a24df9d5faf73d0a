/* divergence.h: how far what one engine says is from another's: the same request to both.
 *
 * The reference answers greedily. The other engine is then led along the reference's ids, so that
 * both stand before the same words at every step, and its distribution of the next token is
 * compared with the reference's: KL divergence in nats, and whether both would choose the same id.
 */
#ifndef VLT_HARNESS_DIVERGENCE_H
#define VLT_HARNESS_DIVERGENCE_H

#include "harness/infer/vltune.h"

typedef struct vlt_divergence {
    int64_t steps;         /* compared, end tokens included */
    int64_t agreed;        /* of them: the same most probable id */
    double kl_sum, kl_max; /* of the reference against the other */
} vlt_divergence;

/* KL(p || q) of the softmax of two rows of logits; never below 0. Infinite or no number where a
 * row holds what is none. */
double vlt_kl_divergence(const float *p_logits, const float *q_logits, int64_t count);

/* Adds the request's steps to *sum and gives the reference's answer, which the caller releases. The
 * request is greedy and has no callbacks. Needs room for the logits of the answer. */
vlt_status vlt_divergence_add(vlt_engine *engine, vlt_engine *reference, const vlt_request *request,
                              vlt_divergence *sum, vlt_response *answer, vlt_error *err);

#endif

/* sample.h: logits -> the next token.
 *
 * Order as in the reference (harness/model/README.md#choosing-a-token): repetition penalty over the
 * distinct ids of prompt and output, presence penalty over the generated ids (which is ours), then,
 * unless greedy, temperature, top-k (ties with the k-th stay), top-p, min-p, softmax, one
 * draw: the first token, in order of id, whose cumulative probability exceeds `draw`. Greedy is the
 * argmax of the processed logits, the lowest id on ties. Value 1 (penalty, temperature, top_p) or
 * 0 (top_k, min_p, presence) disables.
 *
 * Arithmetic: f32 steps as in the reference; the masses that top-p compares are summed without
 * rounding, so that the order in which a variant visits tokens cannot change a decision. Ties at
 * the edge of top-p: the lower ids are dropped first. The most likely token always stays.
 * A NaN logit counts as -infinity, one above FLT_MAX as FLT_MAX. INPUT when no logit is above
 * -infinity, USAGE when a parameter is beyond its range.
 *
 * Tolerance: the chosen id is equal; probabilities within 1e-6.
 */
#ifndef VLT_SAMPLE_H
#define VLT_SAMPLE_H

#include "optimizations/core/plan.h"

enum { VLT_SAMPLE_DIM_VOCAB, VLT_SAMPLE_DIM_GREEDY, VLT_SAMPLE_DIM_TOP_K };

typedef struct vlt_sample_params {
    bool greedy;
    double temperature;        /* > 0 */
    int64_t top_k;             /* >= 0 */
    double top_p;              /* (0, 1] */
    double min_p;              /* [0, 1] */
    double repetition_penalty; /* > 0 */
    double presence_penalty;
} vlt_sample_params;

typedef struct vlt_sample_result {
    int32_t id;
    float logprob; /* natural log of its probability after processing; 0 for greedy alone */
} vlt_sample_result;

typedef struct vlt_sample_args {
    const float *logits; /* [vocab], untouched */
    const int32_t *ids;  /* prompt then output; ids outside the vocabulary are ignored */
    int64_t id_count;
    int64_t prompt_count; /* the first ones are the prompt's */
    const vlt_sample_params *params;
    double draw;          /* uniform in [0, 1); unused when greedy */
    float *probabilities; /* [vocab] or NULL: the final distribution, 0 for dropped tokens */
    vlt_sample_result *result;
} vlt_sample_args;

extern const vlt_op vlt_op_sample;

#endif

/* sample_internal.h: what the variants of `sample` share: processing and the arithmetic in which
 * decisions are taken, so that they cannot drift apart. */
#ifndef VLT_SAMPLE_INTERNAL_H
#define VLT_SAMPLE_INTERNAL_H

#include <float.h>
#include <math.h>

#include "optimizations/sample/sample.h"

/* USAGE names the parameter beyond its range. */
vlt_status vlt_sample_check(const vlt_sample_args *args, vlt_error *err);

/* A NaN counts as -infinity, a score above FLT_MAX as FLT_MAX. */
static inline float vlt_sample_bounded(float score)
{
    return isnan(score) ? -INFINITY : score > FLT_MAX ? FLT_MAX : score;
}

/* Both penalties on scores[vocab], the bounded logits. mark[vocab] is scratch. */
void vlt_sample_penalise(const vlt_sample_args *args, int64_t vocab, unsigned char *mark,
                         float *scores);

/* INPUT: no logit can be chosen. */
vlt_status vlt_sample_nothing(int64_t vocab, vlt_error *err);

/* Sum of exp(score - largest), in double and in the order given. */
double vlt_sample_sum(const float *scores, int64_t count, float largest);

static inline float vlt_sample_probability(float score, float largest, double sum)
{
    return (float)(exp((double)score - (double)largest) / sum);
}

/* A probability in units of 2^-62: sums of these do not depend on their order. */
static inline uint64_t vlt_sample_units(float probability)
{
    return (uint64_t)((double)probability * 0x1p62);
}

/* Does top-p drop a token when the tokens up to and including it, from the least likely one, have
 * this mass? As the reference: an f32 comparison. */
static inline bool vlt_sample_below_top_p(uint64_t units, double top_p)
{
    return (float)units * 0x1p-62f <= (float)(1.0 - top_p);
}

/* Kept tokens, in order of id. Draws, fills result and probabilities. */
void vlt_sample_finish(const vlt_sample_args *args, int64_t vocab, const float *scores,
                       const int32_t *ids, int64_t count, float largest);

/* The greedy choice. */
void vlt_sample_choose(const vlt_sample_args *args, int64_t vocab, int32_t id);

#endif

#include <math.h>
#include <string.h>

#include "optimizations/sample/sample_internal.h"

enum { MARK_SEEN = 1, MARK_GENERATED = 2 };

/* Also in f32, in which it is used. */
static bool positive(double value)
{
    return (float)value > 0 && isfinite((float)value);
}

vlt_status vlt_sample_check(const vlt_sample_args *args, vlt_error *err)
{
    const vlt_sample_params *p = args->params;
    const struct {
        const char *name;
        double value;
        bool valid;
        const char *range;
    } checks[] = {
        {"repetition_penalty", p->repetition_penalty, positive(p->repetition_penalty), "above 0"},
        {"presence_penalty", p->presence_penalty, isfinite(p->presence_penalty), "a number"},
        {"temperature", p->temperature, p->greedy || positive(p->temperature), "above 0"},
        {"top_k", (double)p->top_k, p->greedy || p->top_k >= 0, "0 or more"},
        {"top_p", p->top_p, p->greedy || (p->top_p > 0 && p->top_p <= 1), "above 0 and up to 1"},
        {"min_p", p->min_p, p->greedy || (p->min_p >= 0 && p->min_p <= 1), "0 to 1"},
        {"draw", args->draw, p->greedy || (args->draw >= 0 && args->draw < 1), "0 to below 1"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (!checks[i].valid) {
            return vlt_fail(err, VLT_STATUS_USAGE, "sample: %s is %g, expected %s", checks[i].name,
                            checks[i].value, checks[i].range);
        }
    }
    return VLT_OK;
}

void vlt_sample_penalise(const vlt_sample_args *args, int64_t vocab, unsigned char *mark,
                         float *scores)
{
    float repetition = (float)args->params->repetition_penalty;
    float presence = (float)args->params->presence_penalty;
    for (int64_t i = 0; i < args->id_count; i++) {
        int32_t id = args->ids[i];
        if (id >= 0 && id < vocab) {
            mark[id] = 0;
        }
    }
    for (int64_t i = 0; i < args->id_count; i++) {
        int32_t id = args->ids[i];
        if (id >= 0 && id < vocab) {
            mark[id] |= i < args->prompt_count ? MARK_SEEN : MARK_SEEN | MARK_GENERATED;
        }
    }
    for (int64_t i = 0; i < args->id_count; i++) {
        int32_t id = args->ids[i];
        if (id >= 0 && id < vocab && mark[id]) {
            float score = scores[id];
            score = score < 0 ? score * repetition : score / repetition;
            score = mark[id] & MARK_GENERATED ? score - presence : score;
            scores[id] = vlt_sample_bounded(score);
            mark[id] = 0;
        }
    }
}

vlt_status vlt_sample_nothing(int64_t vocab, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_INPUT,
                    "logits: none of %lld is a number above -infinity, expected at least one",
                    (long long)vocab);
}

double vlt_sample_sum(const float *scores, int64_t count, float largest)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += exp((double)scores[i] - (double)largest);
    }
    return sum;
}

void vlt_sample_finish(const vlt_sample_args *args, int64_t vocab, const float *scores,
                       const int32_t *ids, int64_t count, float largest)
{
    double sum = vlt_sample_sum(scores, count, largest), cumulative = 0;
    vlt_sample_result result = {.id = -1};
    if (args->probabilities) {
        memset(args->probabilities, 0, (size_t)vocab * sizeof *args->probabilities);
    }
    for (int64_t i = 0; i < count; i++) {
        float p = vlt_sample_probability(scores[i], largest, sum);
        bool open = result.id < 0 || cumulative <= args->draw;
        cumulative += p;
        /* Rounding may leave the total just below the draw: the last likely token takes it. */
        if (open && p > 0) {
            result = (vlt_sample_result){.id = ids[i], .logprob = logf(p)};
        }
        if (args->probabilities) {
            args->probabilities[ids[i]] = p;
        } else if (cumulative > args->draw) {
            break;
        }
    }
    *args->result = result;
}

void vlt_sample_choose(const vlt_sample_args *args, int64_t vocab, int32_t id)
{
    if (args->probabilities) {
        memset(args->probabilities, 0, (size_t)vocab * sizeof *args->probabilities);
        args->probabilities[id] = 1;
    }
    *args->result = (vlt_sample_result){.id = id, .logprob = 0};
}

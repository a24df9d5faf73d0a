#include "harness/infer/divergence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The reference's logits of each step, then what came of comparing them. */
struct steps {
    float *logits; /* [capacity, vocab] */
    int64_t count, capacity, vocab;
    bool full; /* out of memory */
    vlt_divergence *sum;
};

static double log_sum(const float *logits, int64_t count)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, (double)logits[i]);
    }
    for (int64_t i = 0; i < count; i++) {
        sum += exp((double)logits[i] - largest);
    }
    return largest + log(sum);
}

double vlt_kl_divergence(const float *p_logits, const float *q_logits, int64_t count)
{
    const double p_log = log_sum(p_logits, count), q_log = log_sum(q_logits, count);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double p = (double)p_logits[i] - p_log, q = (double)q_logits[i] - q_log;
        sum += exp(p) > 0 ? exp(p) * (p - q) : 0;
    }
    return sum < 0 ? 0 : sum;
}

static int64_t most_probable(const float *logits, int64_t count)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++) {
        best = logits[i] > logits[best] ? i : best;
    }
    return best;
}

static bool keep(void *user, int64_t step, const float *logits, int64_t vocab)
{
    struct steps *steps = user;
    (void)step;
    if (steps->count == steps->capacity) {
        int64_t capacity = steps->capacity ? 2 * steps->capacity : 16;
        float *more = realloc(steps->logits, (size_t)(capacity * vocab) * sizeof *more);
        if (!more) {
            steps->full = true;
            return false;
        }
        steps->logits = more;
        steps->capacity = capacity;
    }
    steps->vocab = vocab;
    memcpy(steps->logits + steps->count++ * vocab, logits, (size_t)vocab * sizeof *logits);
    return true;
}

static bool compare(void *user, int64_t step, const float *logits, int64_t vocab)
{
    const struct steps *steps = user;
    if (step < steps->count) {
        const float *reference = steps->logits + step * vocab;
        double kl = vlt_kl_divergence(reference, logits, vocab);
        steps->sum->steps++;
        steps->sum->agreed += most_probable(reference, vocab) == most_probable(logits, vocab);
        steps->sum->kl_sum += kl;
        steps->sum->kl_max = kl > steps->sum->kl_max ? kl : steps->sum->kl_max;
    }
    return true;
}

static vlt_status answer_once(vlt_engine *engine, const vlt_request *request, vlt_response *out,
                              vlt_error *err)
{
    vlt_session *session = NULL;
    vlt_status status = vlt_session_open(engine, NULL, &session, err);
    if (status == VLT_OK) {
        status = vlt_session_run(session, request, out, err);
    }
    vlt_session_close(session);
    return status;
}

vlt_status vlt_divergence_add(vlt_engine *engine, vlt_engine *reference, const vlt_request *request,
                              vlt_divergence *sum, vlt_response *answer, vlt_error *err)
{
    struct steps steps = {.sum = sum};
    vlt_request asked = *request;
    vlt_response led = {0};
    asked.user = &steps;
    asked.on_logits = keep;
    vlt_status status = answer_once(reference, &asked, answer, err);
    if (status == VLT_OK && steps.full) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the logits of %lld tokens",
                          (long long)answer->id_count);
    }
    if (status == VLT_OK) {
        asked.on_logits = compare;
        asked.forced_ids = answer->ids;
        asked.forced_count = asked.max_tokens = answer->id_count;
        status = answer_once(engine, &asked, &led, err);
    }
    vlt_response_release(&led);
    free(steps.logits);
    return status;
}

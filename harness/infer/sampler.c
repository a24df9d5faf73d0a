#include "harness/infer/sampler.h"

#include <math.h>
#include <string.h>

static vlt_status check_real(const char *name, double value, double low, bool low_included,
                             double high, vlt_error *err)
{
    bool fits = (low_included ? value >= low : value > low) && value <= high;
    return fits ? VLT_OK
                : vlt_fail(err, VLT_STATUS_USAGE, "%s is %g, expected %s%g to %g", name, value,
                           low_included ? "" : "above ", low, high);
}

/* The request over the checkpoint's generation_config. */
static vlt_status choose_params(const vlt_session *session, const vlt_request *request,
                                vlt_sample_params *params, vlt_error *err)
{
    const vlt_generation_config *config = &session->engine->generation;
    const uint32_t given = request->given;
    const uint32_t sampling = VLT_GIVEN_TEMPERATURE | VLT_GIVEN_TOP_K | VLT_GIVEN_TOP_P |
                              VLT_GIVEN_MIN_P;
    *params = (vlt_sample_params){
        .temperature = given & VLT_GIVEN_TEMPERATURE ? request->temperature : config->temperature,
        .top_k = given & VLT_GIVEN_TOP_K ? request->top_k : config->top_k,
        .top_p = given & VLT_GIVEN_TOP_P ? request->top_p : config->top_p,
        .min_p = given & VLT_GIVEN_MIN_P ? request->min_p : config->min_p,
        .repetition_penalty = given & VLT_GIVEN_REPETITION_PENALTY ? request->repetition_penalty
                                                                   : config->repetition_penalty,
        .presence_penalty = given & VLT_GIVEN_PRESENCE_PENALTY ? request->presence_penalty : 0,
    };
    params->greedy = request->greedy || (!config->sample && !(given & sampling));
    if (given & VLT_GIVEN_TEMPERATURE && request->temperature == 0) {
        params->greedy = true;
        params->temperature = 1;
    }
    const struct {
        const char *name;
        double value, low;
        bool low_included;
        double high;
    } reals[] = {
        {"temperature", params->temperature, 0, false, 1e6},
        {"top_k", (double)params->top_k, 0, true, INT32_MAX},
        {"top_p", params->top_p, 0, false, 1},
        {"min_p", params->min_p, 0, true, 1},
        {"repetition_penalty", params->repetition_penalty, 0, false, 1e6},
        {"presence_penalty", params->presence_penalty, -1e6, true, 1e6},
    };
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof reals / sizeof *reals && status == VLT_OK; i++) {
        status = check_real(reals[i].name, reals[i].value, reals[i].low, reals[i].low_included,
                            reals[i].high, err);
    }
    return status;
}

static vlt_status prepare_sampler(vlt_session *session, const vlt_sample_params *params,
                                  vlt_plan **plan, vlt_error *err)
{
    const vlt_text_config *text = &session->engine->config.text;
    int64_t top_k = params->top_k < text->vocab ? params->top_k : text->vocab;
    vlt_problem problem = {.op = &vlt_op_sample,
                           .dim = {[VLT_SAMPLE_DIM_VOCAB] = text->vocab,
                                   [VLT_SAMPLE_DIM_GREEDY] = params->greedy,
                                   [VLT_SAMPLE_DIM_TOP_K] = params->greedy ? 0 : top_k}};
    if (*plan && !memcmp((*plan)->problem.dim, problem.dim, sizeof problem.dim)) {
        return VLT_OK;
    }
    vlt_plan_destroy(*plan);
    *plan = NULL;
    return vlt_plan_create(&session->engine->context, &problem, plan, err);
}

/* Penalties alone: what greedy logprobs are taken from. */
static vlt_sample_params plain_params(const vlt_sample_params *params)
{
    return (vlt_sample_params){.temperature = 1,
                               .top_p = 1,
                               .repetition_penalty = params->repetition_penalty,
                               .presence_penalty = params->presence_penalty};
}

vlt_status vlt_sampler_init(vlt_sampler *sampler, vlt_session *session, const vlt_request *request,
                            uint64_t seed, vlt_error *err)
{
    const int64_t vocab = session->engine->config.text.vocab;
    *sampler = (vlt_sampler){.random = {seed},
                             .logprobs = request->forced_ids ? 0 : request->logprobs};
    if (request->logprobs < 0 || request->logprobs > vocab) {
        return vlt_fail(err, VLT_STATUS_USAGE, "logprobs is %d, expected 0 to %lld",
                        request->logprobs, (long long)vocab);
    }
    vlt_status status = choose_params(session, request, &sampler->params, err);
    if (status == VLT_OK) {
        status = prepare_sampler(session, &sampler->params, &session->sample, err);
    }
    if (status == VLT_OK && sampler->logprobs && sampler->params.greedy) {
        vlt_sample_params plain = plain_params(&sampler->params);
        status = prepare_sampler(session, &plain, &session->distribution, err);
    }
    return status;
}

/* The chosen one, then the `top` most probable in descending order (ties: lowest id). */
static void note_logprobs(const float *p, int64_t vocab, int32_t id, int top, vlt_logprob *row)
{
    row[0] = (vlt_logprob){.id = id, .logprob = logf(p[id])};
    int count = 0;
    for (int64_t i = 0; i < vocab; i++) {
        if (count == top && !(p[i] > row[top].logprob)) {
            continue;
        }
        int at = count < top ? ++count : top;
        for (; at > 1 && p[i] > row[at - 1].logprob; at--) {
            row[at] = row[at - 1];
        }
        row[at] = (vlt_logprob){.id = (int32_t)i, .logprob = p[i]};
    }
    for (int i = 1; i <= top; i++) {
        row[i].logprob = logf(row[i].logprob);
    }
}

vlt_status vlt_sampler_choose(vlt_sampler *sampler, vlt_session *session, int64_t prompt_count,
                              int64_t id_count, int32_t *id, vlt_logprob *row, vlt_error *err)
{
    const bool greedy = sampler->params.greedy;
    const vlt_sample_params plain = plain_params(&sampler->params);
    vlt_sample_result result = {0};
    vlt_sample_args args = {.logits = session->logits,
                            .ids = session->ids,
                            .id_count = prompt_count + id_count,
                            .prompt_count = prompt_count,
                            .params = &sampler->params,
                            .result = &result};
    if (!greedy) {
        args.draw = vlt_random_unit(&sampler->random);
        args.probabilities = row ? session->probabilities : NULL;
    }
    vlt_status status = vlt_plan_run_in(&session->scratch, session->sample, &args, err);
    *id = result.id;
    if (status == VLT_OK && row && greedy) {
        args.params = &plain;
        args.probabilities = session->probabilities;
        status = vlt_plan_run_in(&session->scratch, session->distribution, &args, err);
    }
    if (status == VLT_OK && row) {
        note_logprobs(session->probabilities, session->engine->config.text.vocab, *id,
                      sampler->logprobs, row);
    }
    return status;
}

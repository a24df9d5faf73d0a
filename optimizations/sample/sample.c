#include "optimizations/sample/sample.h"

#include "optimizations/core/random.h"

static const vlt_dim dims[] = {
    {"vocab", VLT_DIM_POW2, 1, 1 << 24, "logits"},
    {"greedy", VLT_DIM_EXACT, 0, 1, "1: the most likely token, no draw"},
    {"top_k", VLT_DIM_POW2, 0, 1 << 24, "tokens that top-k keeps, 0 for all"},
};

static const vlt_shape shapes[] = {
    {"demo_greedy", {448, 1, 0}},    {"demo_sampled", {448, 0, 20}}, {"2b_greedy", {151936, 1, 0}},
    {"2b_sampled", {151936, 0, 20}}, {"2b_all", {151936, 0, 0}},
};

/* Sorting and selecting are no arithmetic of a fixed count: flops stay 0. */
static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double vocab = (double)problem->dim[VLT_SAMPLE_DIM_VOCAB];
    *cost = (vlt_cost){.bytes = vocab * sizeof(float), .work = 1, .unit = "tok"};
}

enum { HISTORY = 200, PROMPT = 150 };

struct state {
    vlt_sample_params params;
    vlt_sample_args args;
    vlt_sample_result *result;
};

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    size_t vocab = (size_t)dim[VLT_SAMPLE_DIM_VOCAB];
    vlt_random random = {seed};
    void *state, *logits, *ids, *result, *probabilities;
    vlt_status status;

    if ((status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK ||
        (status = vlt_workload_random(workload, vocab, VLT_DTYPE_F32, 6, &random, &logits, err)) !=
            VLT_OK ||
        (status = vlt_workload_buffer(workload, HISTORY, sizeof(int32_t), &ids, err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "result", 2, VLT_DTYPE_I32, 0, &result, err)) !=
            VLT_OK ||
        (status = vlt_workload_output(workload, "probabilities", vocab, VLT_DTYPE_F32, 1e-6,
                                      &probabilities, err)) != VLT_OK) {
        return status;
    }
    for (int i = 0; i < HISTORY; i++) {
        ((int32_t *)ids)[i] = (int32_t)vlt_random_range(&random, -1, (int64_t)vocab);
    }
    for (size_t i = 0; i < vocab; i++) { /* a peaked distribution, with ties */
        float logit = ((float *)logits)[i];
        ((float *)logits)[i] = (float)(int)(logit * logit * 16) / 32;
    }
    struct state *s = state;
    s->params = (vlt_sample_params){.greedy = dim[VLT_SAMPLE_DIM_GREEDY] != 0,
                                    .temperature = 0.7,
                                    .top_k = dim[VLT_SAMPLE_DIM_TOP_K],
                                    .top_p = 0.8,
                                    .min_p = 0.01,
                                    .repetition_penalty = 1.3,
                                    .presence_penalty = 0.5};
    s->args = (vlt_sample_args){.logits = logits,
                                .ids = ids,
                                .id_count = HISTORY,
                                .prompt_count = PROMPT,
                                .params = &s->params,
                                .draw = vlt_random_unit(&random),
                                .probabilities = probabilities,
                                .result = result};
    workload->args = &s->args;
    return VLT_OK;
}

VLT_OP(sample, .label = "{vocab} tokens", .tolerance = 1e-6, .summary = "logits to the next token",
       .dims = dims, .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

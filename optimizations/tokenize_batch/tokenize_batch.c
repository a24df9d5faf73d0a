#include "optimizations/tokenize_batch/tokenize_batch.h"

#include "optimizations/bpe_encode/bpe_sample.h"
#include "optimizations/core/random.h"

static const vlt_dim dims[] = {
    {"texts", VLT_DIM_POW2, 1, 1 << 24, "texts of a batch, at most"},
    {"bytes", VLT_DIM_POW2, 1, 1 << 28, "bytes of all texts, at most"},
    {"repeats", VLT_DIM_ANY, 0, 100, "percent of the measured texts that came before"},
};

static const vlt_shape shapes[] = {
    {"many", {256, 262144, 0}},
    {"few", {8, 65536, 0}},
    {"chat", {256, 262144, 75}},
    {"one", {1, 4096, 0}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double bytes = (double)problem->dim[VLT_TOKENIZE_BATCH_DIM_BYTES];
    *cost = (vlt_cost){.bytes = 2 * bytes, .work = bytes, .unit = "B"};
}

struct state {
    vlt_bpe_sample sample;
    vlt_bpe_encode_constants constants;
    vlt_tokenize_batch_args args;
};

/* Texts of one to three times the mean length; some begin where an earlier one does. */
static void fill_texts(const vlt_problem *problem, uint64_t seed, const char *pool,
                       const char **text, size_t *text_bytes)
{
    int64_t texts = problem->dim[VLT_TOKENIZE_BATCH_DIM_TEXTS];
    size_t bytes = (size_t)problem->dim[VLT_TOKENIZE_BATCH_DIM_BYTES], used = 0, spent = 0;
    vlt_random random = {seed ^ 0xBA7C4};
    for (int64_t t = 0; t < texts; t++) {
        int64_t mean = (int64_t)(bytes - spent) / (texts - t);
        size_t length = t + 1 < texts ? (size_t)vlt_random_range(&random, mean / 2, mean + mean / 2)
                                      : bytes - spent;
        int64_t chance = vlt_random_range(&random, 1, 100);
        text[t] = pool + used;
        text_bytes[t] = length;
        if (t > 0 && chance <= problem->dim[VLT_TOKENIZE_BATCH_DIM_REPEATS]) {
            int64_t earlier = vlt_random_range(&random, 0, t - 1);
            if (text_bytes[earlier] <= bytes - spent) {
                text[t] = text[earlier];
                text_bytes[t] = text_bytes[earlier];
            }
        }
        used += text[t] == pool + used ? text_bytes[t] : 0;
        spent += text_bytes[t];
    }
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    size_t bytes = (size_t)workload->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES];
    size_t texts = (size_t)workload->problem.dim[VLT_TOKENIZE_BATCH_DIM_TEXTS];
    void *state, *pool, *text, *text_bytes, *ids, *id_first;
    vlt_status status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err);
    if (status != VLT_OK) {
        return status;
    }
    struct state *s = workload->state = state;
    if ((status = vlt_workload_buffer(workload, bytes, 1, &pool, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, texts, sizeof(char *), &text, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, texts, sizeof(size_t), &text_bytes, err)) !=
            VLT_OK ||
        (status = vlt_workload_output(workload, "ids",
                                      vlt_tokenize_batch_bound((int64_t)texts, bytes),
                                      VLT_DTYPE_I32, 0, &ids, err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "id_first", texts + 1, VLT_DTYPE_I64, 0, &id_first,
                                      err)) != VLT_OK ||
        (status = vlt_bpe_sample_init(seed, &s->sample, err)) != VLT_OK) {
        return status;
    }
    vlt_bpe_sample_text(&s->sample, VLT_TEXT_PROSE, seed, pool, bytes);
    fill_texts(&workload->problem, seed, pool, text, text_bytes);
    s->constants.vocab = s->sample.vocab;
    s->args = (vlt_tokenize_batch_args){.text = text,
                                        .text_bytes = text_bytes,
                                        .text_count = (int64_t)texts,
                                        .ids = ids,
                                        .id_first = id_first};
    workload->problem.constants = &s->constants;
    workload->args = &s->args;
    return VLT_OK;
}

static void workload_release(vlt_workload *workload)
{
    struct state *s = workload->state;
    if (s) {
        vlt_bpe_sample_release(&s->sample);
    }
}

VLT_OP(tokenize_batch, .label = "{texts} texts, {bytes} B", .keeps_state = true,
       .summary = "many texts to token ids, in order", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init,
       .workload_release = workload_release);

#include "optimizations/bpe_encode/bpe_encode.h"

#include "optimizations/bpe_encode/bpe_sample.h"

static const vlt_dim dims[] = {
    {"bytes", VLT_DIM_POW2, 1, 1 << 28, "bytes of text, at most"},
    {"text", VLT_DIM_ANY, VLT_TEXT_PROSE, VLT_TEXT_RUN,
     "what the measured text is like: 0 prose, 1 code, 2 many scripts, 3 one letter"},
};

static const vlt_shape shapes[] = {
    {"page", {65536, VLT_TEXT_PROSE}}, {"prompt", {2048, VLT_TEXT_PROSE}},
    {"code", {65536, VLT_TEXT_CODE}},  {"scripts", {65536, VLT_TEXT_SCRIPTS}},
    {"run", {65536, VLT_TEXT_RUN}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double bytes = (double)problem->dim[VLT_BPE_ENCODE_DIM_BYTES];
    /* About four bytes of text make one id of four bytes. */
    *cost = (vlt_cost){.bytes = 2 * bytes, .work = bytes, .unit = "B"};
}

struct state {
    vlt_bpe_sample sample;
    vlt_bpe_encode_constants constants;
    vlt_bpe_encode_args args;
};

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    size_t bytes = (size_t)workload->problem.dim[VLT_BPE_ENCODE_DIM_BYTES];
    void *state, *text, *ids, *id_count;
    vlt_status status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err);
    if (status != VLT_OK) {
        return status;
    }
    struct state *s = workload->state = state;
    if ((status = vlt_workload_buffer(workload, bytes, 1, &text, err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "ids", vlt_bpe_encode_bound(bytes), VLT_DTYPE_I32,
                                      0, &ids, err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "id_count", 1, VLT_DTYPE_I64, 0, &id_count, err)) !=
            VLT_OK ||
        (status = vlt_bpe_sample_init(seed, &s->sample, err)) != VLT_OK) {
        return status;
    }
    vlt_bpe_sample_text(&s->sample, (int)workload->problem.dim[VLT_BPE_ENCODE_DIM_TEXT], seed, text,
                        bytes);
    s->constants.vocab = s->sample.vocab;
    s->args = (vlt_bpe_encode_args){
        .text = text, .text_bytes = bytes, .ids = ids, .id_count = id_count};
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

VLT_OP(bpe_encode, .label = "{bytes} bytes", .keeps_state = true, .summary = "text to token ids",
       .dims = dims, .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init,
       .workload_release = workload_release);

#include "optimizations/decoder/decoder.h"

#include <math.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

static const vlt_dim dims[] = {
    {"rows", VLT_DIM_POW2, 1, 1 << 20, "rows of all sequences in one run, at most"},
    {"sequences", VLT_DIM_POW2, 1, 4096, "sequences in one run, at most"},
    {"context", VLT_DIM_POW2, 1, 1 << 24, "rows of a cache"},
    {"width", VLT_DIM_EXACT, 1, 1 << 20, "elements of a row"},
    {"heads", VLT_DIM_EXACT, 1, 4096, "query heads"},
    {"kv_heads", VLT_DIM_EXACT, 1, 4096, "key and value heads; heads is a multiple"},
    {"head", VLT_DIM_EXACT, 2, 2 * VLT_MROPE_SLOTS_MAX, "elements of a head"},
    {"inner", VLT_DIM_EXACT, 1, 1 << 20, "elements between gate, up and down"},
    {"layers", VLT_DIM_EXACT, 1, 1024, "layers"},
    {"vocab", VLT_DIM_EXACT, 1, 1 << 24, "rows of the embedding"},
    {"taps", VLT_DIM_EXACT, 0, 16, "layers behind which rows of pictures are added"},
    {"weights", VLT_DIM_EXACT, VLT_FORMAT_BF16, VLT_FORMAT_END - 1, VLT_FORMAT_HELP},
    {"cache", VLT_DIM_EXACT, VLT_FORMAT_BF16, VLT_FORMAT_F32, "keys and values: 1 BF16, 3 F32"},
};

static const vlt_shape shapes[] = {
    {"demo_decode", {1, 1, 512, 192, 4, 2, 64, 512, 4, 448, 3, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
    {"demo_four", {4, 4, 512, 192, 4, 2, 64, 512, 4, 448, 3, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
    {"demo_prompt", {256, 1, 512, 192, 4, 2, 64, 512, 4, 448, 3, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
    {"2b_two_layers",
     {1, 1, 512, 2048, 16, 8, 128, 6144, 2, 4096, 0, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
};

vlt_problem vlt_decoder_problem(const vlt_decoder_size *size,
                                const vlt_decoder_constants *constants)
{
    return (vlt_problem){.op = &vlt_op_decoder,
                         .dim = {[VLT_DECODER_DIM_ROWS] = size->rows,
                                 [VLT_DECODER_DIM_SEQUENCES] = size->sequences,
                                 [VLT_DECODER_DIM_CONTEXT] = size->context,
                                 [VLT_DECODER_DIM_WIDTH] = constants->embed.columns,
                                 [VLT_DECODER_DIM_HEADS] = size->heads,
                                 [VLT_DECODER_DIM_KV_HEADS] = size->kv_heads,
                                 [VLT_DECODER_DIM_HEAD] = size->head,
                                 [VLT_DECODER_DIM_INNER] = constants->layer[0].gate_weight.rows,
                                 [VLT_DECODER_DIM_LAYERS] = size->layers,
                                 [VLT_DECODER_DIM_VOCAB] = constants->head.weight.rows,
                                 [VLT_DECODER_DIM_TAPS] = size->taps,
                                 [VLT_DECODER_DIM_WEIGHTS] = constants->layer[0].gate_weight.format,
                                 [VLT_DECODER_DIM_CACHE] = size->cache},
                         .constants = constants};
}

/* A block of the decoder's problem. */
static vlt_problem block_of(const vlt_problem *problem)
{
    const int64_t *dim = problem->dim;
    return (vlt_problem){.op = &vlt_op_decoder_block,
                         .dim = {dim[VLT_DECODER_DIM_ROWS], dim[VLT_DECODER_DIM_CONTEXT],
                                 dim[VLT_DECODER_DIM_WIDTH], dim[VLT_DECODER_DIM_HEADS],
                                 dim[VLT_DECODER_DIM_KV_HEADS], dim[VLT_DECODER_DIM_HEAD],
                                 dim[VLT_DECODER_DIM_INNER], dim[VLT_DECODER_DIM_WEIGHTS],
                                 dim[VLT_DECODER_DIM_CACHE]}};
}

/* The layers' own cost and the head's. */
static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    const int64_t *dim = problem->dim;
    const vlt_problem block = block_of(problem);
    double layers = (double)dim[VLT_DECODER_DIM_LAYERS];
    double sequences = (double)dim[VLT_DECODER_DIM_SEQUENCES];
    double head = (double)dim[VLT_DECODER_DIM_VOCAB] * (double)dim[VLT_DECODER_DIM_WIDTH];
    double weight_bytes =
        (double)vlt_format_row_bytes((vlt_format)dim[VLT_DECODER_DIM_WEIGHTS], 1 << 10) / (1 << 10);
    vlt_op_decoder_block.cost(&block, cost);
    cost->flops = layers * cost->flops + 2 * sequences * head;
    cost->bytes = layers * cost->bytes + head * weight_bytes;
}

enum { SEQUENCES_MAX = 40, LAYERS_MAX = 8 };

struct state {
    vlt_decoder_constants constants;
    vlt_decoder_args args;
    vlt_mrope rope;
    vlt_decoder_slot slot[SEQUENCES_MAX];
    vlt_kv_cache cache[SEQUENCES_MAX];
    vlt_kv_layer layer[SEQUENCES_MAX][LAYERS_MAX];
};

static vlt_status make_constants(vlt_workload *workload, vlt_random *random, struct state *s,
                                 vlt_error *err)
{
    const int64_t *dim = workload->problem.dim;
    int64_t width = dim[VLT_DECODER_DIM_WIDTH], vocab = dim[VLT_DECODER_DIM_VOCAB];
    int64_t slots = dim[VLT_DECODER_DIM_HEAD] / 2;
    const int64_t section[3] = {slots - 2 * (slots / 3), slots / 3, slots / 3};
    const vlt_problem block = block_of(&workload->problem);
    vlt_decoder_constants *c = &s->constants;
    void *layer, *norm;
    vlt_status status;
    if ((status = vlt_workload_buffer(workload, (size_t)dim[VLT_DECODER_DIM_LAYERS],
                                      sizeof *c->layer, &layer, err)) != VLT_OK ||
        (status = vlt_workload_matrix(workload, (vlt_format)dim[VLT_DECODER_DIM_WEIGHTS], vocab,
                                      width, 1.7f / sqrtf((float)width), random, &c->embed, err)) !=
            VLT_OK ||
        (status = vlt_workload_random(workload, (size_t)width, VLT_DTYPE_F32, 1, random, &norm,
                                      err)) != VLT_OK) {
        return status;
    }
    for (int64_t i = 0; i < dim[VLT_DECODER_DIM_LAYERS] && status == VLT_OK; i++) {
        status = vlt_decoder_block_random(workload, &block, random,
                                          (vlt_decoder_block_constants *)layer + i, err);
    }
    vlt_mrope_init(&s->rope, dim[VLT_DECODER_DIM_HEAD], 1e6, section);
    c->layer = layer;
    c->final_norm = (vlt_norm_constants){.weight = norm, .epsilon = 1e-6f};
    c->head = (vlt_linear_constants){.weight = c->embed}; /* tied */
    c->rope = &s->rope;
    return status;
}

/* A sequence whose last rows are the run's; its cache holds random rows before them. */
static vlt_status make_sequence(vlt_workload *workload, vlt_random *random, struct state *s, int i,
                                int64_t rows, vlt_error *err)
{
    const int64_t *dim = workload->problem.dim;
    const int64_t context = dim[VLT_DECODER_DIM_CONTEXT], kv_heads = dim[VLT_DECODER_DIM_KV_HEADS];
    const int64_t list[] = {kv_heads, context, dim[VLT_DECODER_DIM_HEAD]};
    size_t count;
    void *block, *ids;
    vlt_status status = vlt_dims_bytes(list, 3, 1, &count, err);
    for (int64_t l = 0; l < 2 * dim[VLT_DECODER_DIM_LAYERS] && status == VLT_OK; l++) {
        status = vlt_workload_random(workload, count, (vlt_dtype)dim[VLT_DECODER_DIM_CACHE], 1,
                                     random, &block, err);
        unsigned char **to = l % 2 ? &s->layer[i][l / 2].v : &s->layer[i][l / 2].k;
        *to = status == VLT_OK ? block : NULL;
        s->layer[i][l / 2].capacity = context;
    }
    if (status == VLT_OK) {
        status = vlt_workload_buffer(workload, (size_t)rows, sizeof(int32_t), &ids, err);
    }
    for (int64_t r = 0; r < rows && status == VLT_OK; r++) {
        ((int32_t *)ids)[r] = (int32_t)vlt_random_range(random, 0, dim[VLT_DECODER_DIM_VOCAB] - 1);
    }
    s->cache[i] = vlt_kv_cache_over(s->layer[i],
                                    vlt_kv_format_find((vlt_format)dim[VLT_DECODER_DIM_CACHE]),
                                    kv_heads, dim[VLT_DECODER_DIM_HEAD]);
    s->cache[i].layers = dim[VLT_DECODER_DIM_LAYERS];
    s->slot[i] = (vlt_decoder_slot){.cache = &s->cache[i],
                                    .first = context - rows,
                                    .rows = rows,
                                    .ids = status == VLT_OK ? ids : NULL};
    return status;
}

static vlt_status check_size(const int64_t *dim, vlt_error *err)
{
    int64_t rows = dim[VLT_DECODER_DIM_ROWS], sequences = dim[VLT_DECODER_DIM_SEQUENCES];
    if (sequences > SEQUENCES_MAX || dim[VLT_DECODER_DIM_LAYERS] > LAYERS_MAX || rows < sequences ||
        rows / sequences > dim[VLT_DECODER_DIM_CONTEXT] ||
        dim[VLT_DECODER_DIM_HEADS] % dim[VLT_DECODER_DIM_KV_HEADS]) {
        return vlt_fail(
            err, VLT_STATUS_USAGE,
            "decoder: rows=%lld of sequences=%lld in context=%lld, layers=%lld, "
            "heads=%lld over kv_heads=%lld: at most %d sequences and %d layers can be "
            "measured alone",
            (long long)rows, (long long)sequences, (long long)dim[VLT_DECODER_DIM_CONTEXT],
            (long long)dim[VLT_DECODER_DIM_LAYERS], (long long)dim[VLT_DECODER_DIM_HEADS],
            (long long)dim[VLT_DECODER_DIM_KV_HEADS], SEQUENCES_MAX, LAYERS_MAX);
    }
    return VLT_OK;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t sequences = dim[VLT_DECODER_DIM_SEQUENCES], vocab = dim[VLT_DECODER_DIM_VOCAB];
    vlt_random random = {seed};
    void *state, *logits;
    vlt_status status;
    if ((status = check_size(dim, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK ||
        (status = make_constants(workload, &random, state, err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "logits", (size_t)(sequences * vocab),
                                      VLT_DTYPE_F32, VLT_DECODER_TOLERANCE, &logits, err)) !=
            VLT_OK) {
        return status;
    }
    struct state *s = state;
    for (int i = 0; i < sequences && status == VLT_OK; i++) {
        status = make_sequence(workload, &random, s, i, dim[VLT_DECODER_DIM_ROWS] / sequences, err);
        s->slot[i].logits = (float *)logits + i * vocab;
    }
    s->args = (vlt_decoder_args){.slot = s->slot, .slots = (int)sequences};
    workload->problem.constants = &s->constants;
    workload->args = &s->args;
    return status;
}

VLT_OP(decoder, .tolerance = VLT_DECODER_TOLERANCE,
       .summary = "tokens to logits: the whole decoder", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

#include "optimizations/decoder_block/decoder_block.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/rope/rope.h"

static const vlt_dim dims[] = {
    {"rows", VLT_DIM_POW2, 1, 1 << 20, "rows of one run, at most"},
    {"context", VLT_DIM_POW2, 1, 1 << 24, "rows of the cache"},
    {"width", VLT_DIM_EXACT, 1, 1 << 20, "elements of a row"},
    {"heads", VLT_DIM_EXACT, 1, 4096, "query heads"},
    {"kv_heads", VLT_DIM_EXACT, 1, 4096, "key and value heads; heads is a multiple"},
    {"head", VLT_DIM_EXACT, 2, 4096, "elements of a head"},
    {"inner", VLT_DIM_EXACT, 1, 1 << 20, "elements between gate, up and down"},
    {"weights", VLT_DIM_EXACT, VLT_FORMAT_BF16, VLT_FORMAT_END - 1, VLT_FORMAT_HELP},
    {"cache", VLT_DIM_EXACT, VLT_FORMAT_BF16, VLT_FORMAT_F32, "keys and values: 1 BF16, 3 F32"},
};

static const vlt_shape shapes[] = {
    {"demo_decode", {1, 512, 192, 4, 2, 64, 512, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
    {"demo_prompt", {256, 512, 192, 4, 2, 64, 512, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
    {"2b_decode", {1, 512, 2048, 16, 8, 128, 6144, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
    {"2b_prompt", {64, 512, 2048, 16, 8, 128, 6144, VLT_FORMAT_BF16, VLT_FORMAT_F32}},
};

bool vlt_decoder_block_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    const int64_t *dim = problem->dim;
    if (dim[VLT_DECODER_BLOCK_DIM_HEADS] % dim[VLT_DECODER_BLOCK_DIM_KV_HEADS]) {
        snprintf(reason, VLT_REASON_BYTES, "heads=%lld is no multiple of kv_heads=%lld",
                 (long long)dim[VLT_DECODER_BLOCK_DIM_HEADS],
                 (long long)dim[VLT_DECODER_BLOCK_DIM_KV_HEADS]);
        return false;
    }
    if (dim[VLT_DECODER_BLOCK_DIM_ROWS] > dim[VLT_DECODER_BLOCK_DIM_CONTEXT]) {
        snprintf(reason, VLT_REASON_BYTES, "rows=%lld do not fit into context=%lld",
                 (long long)dim[VLT_DECODER_BLOCK_DIM_ROWS],
                 (long long)dim[VLT_DECODER_BLOCK_DIM_CONTEXT]);
        return false;
    }
    if (dim[VLT_DECODER_BLOCK_DIM_CACHE] == VLT_FORMAT_F16) {
        snprintf(reason, VLT_REASON_BYTES, "cache in F16, expected F32 or BF16");
        return false;
    }
    return true;
}

/* As the workload asks: the rows are the last of the context. */
static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    const int64_t *dim = problem->dim;
    double rows = (double)dim[VLT_DECODER_BLOCK_DIM_ROWS];
    double context = (double)dim[VLT_DECODER_BLOCK_DIM_CONTEXT];
    double width = (double)dim[VLT_DECODER_BLOCK_DIM_WIDTH];
    double head = (double)dim[VLT_DECODER_BLOCK_DIM_HEAD];
    double q_width = (double)dim[VLT_DECODER_BLOCK_DIM_HEADS] * head;
    double kv_width = (double)dim[VLT_DECODER_BLOCK_DIM_KV_HEADS] * head;
    double inner = (double)dim[VLT_DECODER_BLOCK_DIM_INNER];
    double weights = width * (2 * q_width + 2 * kv_width + 3 * inner);
    vlt_format cache = (vlt_format)dim[VLT_DECODER_BLOCK_DIM_CACHE];
    double cache_bytes = (double)vlt_format_row_bytes(cache, 1);
    double pairs = rows * context - rows * (rows - 1) / 2;
    enum { MANY = 1 << 10 }; /* values: blocks of a format divide them */
    vlt_format format = (vlt_format)dim[VLT_DECODER_BLOCK_DIM_WEIGHTS];
    double weight_bytes = (double)vlt_format_row_bytes(format, MANY) / MANY;
    *cost = (vlt_cost){.compute = VLT_COMPUTE_F32,
                       .flops = 2 * rows * weights + 4 * pairs * q_width,
                       .bytes = weights * weight_bytes + 2 * rows * width * sizeof(float) +
                                2 * context * kv_width * cache_bytes,
                       .work = rows,
                       .unit = "tok"};
}

struct state {
    vlt_decoder_block_constants constants;
    vlt_decoder_block_args args;
    vlt_kv_layer layer;
    vlt_kv_cache cache;
    vlt_kv_slot slot;
    const void *hidden, *k, *v; /* as they were */
    size_t hidden_count, cache_count;
};

static void reset(vlt_workload *workload)
{
    const struct state *s = workload->state;
    memcpy(s->args.hidden, s->hidden, s->hidden_count * sizeof(float));
    memcpy(s->layer.k, s->k, s->cache_count * s->cache.format->element_bytes);
    memcpy(s->layer.v, s->v, s->cache_count * s->cache.format->element_bytes);
}

vlt_status vlt_decoder_block_random(vlt_workload *workload, const vlt_problem *problem,
                                    vlt_random *random, vlt_decoder_block_constants *c,
                                    vlt_error *err)
{
    const int64_t *dim = problem->dim;
    int64_t width = dim[VLT_DECODER_BLOCK_DIM_WIDTH], inner = dim[VLT_DECODER_BLOCK_DIM_INNER];
    int64_t head = dim[VLT_DECODER_BLOCK_DIM_HEAD];
    int64_t q_width = dim[VLT_DECODER_BLOCK_DIM_HEADS] * head;
    int64_t kv_width = dim[VLT_DECODER_BLOCK_DIM_KV_HEADS] * head;
    const struct {
        const float **out;
        int64_t count;
    } vectors[] = {
        {&c->input_norm, width},
        {&c->post_norm, width},
        {&c->q_norm, head},
        {&c->k_norm, head},
    };
    const struct {
        vlt_matrix *out;
        int64_t rows, columns;
    } matrices[] = {
        {&c->q_weight, q_width, width},  {&c->k_weight, kv_width, width},
        {&c->v_weight, kv_width, width}, {&c->o_weight, width, q_width},
        {&c->gate_weight, inner, width}, {&c->up_weight, inner, width},
        {&c->down_weight, width, inner},
    };
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors && status == VLT_OK; i++) {
        void *data = NULL;
        status = vlt_workload_random(workload, (size_t)vectors[i].count, VLT_DTYPE_F32, 1, random,
                                     &data, err);
        *vectors[i].out = data;
    }
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices && status == VLT_OK; i++) {
        status = vlt_workload_matrix(workload, (vlt_format)dim[VLT_DECODER_BLOCK_DIM_WEIGHTS],
                                     matrices[i].rows, matrices[i].columns,
                                     1.7f / sqrtf((float)matrices[i].columns), random,
                                     matrices[i].out, err);
    }
    c->epsilon = 1e-6f;
    return status;
}

/* An in-out buffer with the values it starts from. */
static vlt_status make_output(vlt_workload *workload, vlt_random *random, const char *name,
                              size_t count, vlt_dtype dtype, void **data, const void **original,
                              vlt_error *err)
{
    void *start = NULL;
    vlt_status status = vlt_workload_random(workload, count, dtype, 1, random, &start, err);
    *original = start;
    return status == VLT_OK ? vlt_workload_output(workload, name, count, dtype,
                                                  VLT_DECODER_BLOCK_TOLERANCE, data, err)
                            : status;
}

/* One sequence; its last rows are the run's. */
static vlt_status make_cache(vlt_workload *workload, vlt_random *random, struct state *s,
                             vlt_error *err)
{
    const int64_t *dim = workload->problem.dim;
    int64_t rows = dim[VLT_DECODER_BLOCK_DIM_ROWS], all = dim[VLT_DECODER_BLOCK_DIM_CONTEXT];
    int64_t kv_heads = dim[VLT_DECODER_BLOCK_DIM_KV_HEADS], head = dim[VLT_DECODER_BLOCK_DIM_HEAD];
    vlt_dtype dtype = (vlt_dtype)dim[VLT_DECODER_BLOCK_DIM_CACHE];
    void *k, *v;
    vlt_status status;
    if ((status = vlt_dims_bytes((int64_t[]){kv_heads, all, head}, 3, 1, &s->cache_count, err)) !=
            VLT_OK ||
        (status = make_output(workload, random, "k_cache", s->cache_count, dtype, &k, &s->k,
                              err)) != VLT_OK ||
        (status = make_output(workload, random, "v_cache", s->cache_count, dtype, &v, &s->v,
                              err)) != VLT_OK) {
        return status;
    }
    s->layer = (vlt_kv_layer){.k = k, .v = v, .capacity = all};
    s->cache = vlt_kv_cache_over(&s->layer, vlt_kv_format_find((vlt_format)dtype), kv_heads, head);
    s->slot = (vlt_kv_slot){.cache = &s->cache, .first = all - rows, .rows = rows};
    s->args.slot = &s->slot;
    s->args.slots = 1;
    return VLT_OK;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t rows = dim[VLT_DECODER_BLOCK_DIM_ROWS], head = dim[VLT_DECODER_BLOCK_DIM_HEAD];
    int64_t hidden_dims[] = {rows, dim[VLT_DECODER_BLOCK_DIM_WIDTH]};
    vlt_random random = {seed};
    void *state, *hidden;
    char reason[VLT_REASON_BYTES];
    vlt_status status;

    if (!vlt_decoder_block_applicable(&workload->problem, NULL, reason)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "decoder_block: %s", reason);
    }
    if ((status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK) {
        return status;
    }
    struct state *s = state;
    s->args = (vlt_decoder_block_args){.rows = rows};
    if ((status = vlt_dims_bytes(hidden_dims, 2, 1, &s->hidden_count, err)) != VLT_OK ||
        (status = make_output(workload, &random, "hidden", s->hidden_count, VLT_DTYPE_F32, &hidden,
                              &s->hidden, err)) != VLT_OK ||
        (status = make_cache(workload, &random, s, err)) != VLT_OK ||
        (status = vlt_decoder_block_random(workload, &workload->problem, &random, &s->constants,
                                           err)) != VLT_OK ||
        (status = vlt_rope_random_angles(workload, (size_t)(rows * (head / 2)), &random,
                                         &s->args.cos, &s->args.sin, err)) != VLT_OK) {
        return status;
    }
    s->args.hidden = hidden;
    workload->problem.constants = &s->constants;
    workload->args = &s->args;
    workload->state = s;
    workload->reset = reset;
    return VLT_OK;
}

VLT_OP(decoder_block, .label = "{rows} rows x {width}", .tolerance = VLT_DECODER_BLOCK_TOLERANCE,
       .summary = "one layer of the text decoder", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

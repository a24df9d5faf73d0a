#include "optimizations/attention/attention.h"

#include <math.h>
#include <stdio.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

static const vlt_dim dims[] = {
    {"q_rows", VLT_DIM_POW2, 1, 1 << 24, "query rows, at most"},
    {"kv_rows", VLT_DIM_POW2, 1, 1 << 24, "key and value rows, at most"},
    {"heads", VLT_DIM_EXACT, 1, 4096, "query heads"},
    {"kv_heads", VLT_DIM_EXACT, 1, 4096, "key and value heads; heads is a multiple"},
    {"head", VLT_DIM_EXACT, 1, 4096, "elements of a head"},
    {"causal", VLT_DIM_EXACT, 0, 1, "1: a query sees no later key"},
    {"kv", VLT_DIM_EXACT, VLT_FORMAT_BF16, VLT_FORMAT_F32, "keys and values: 1 BF16, 3 F32"},
};

static const vlt_shape shapes[] = {
    {"demo_vision", {1024, 1024, 2, 2, 64, 0, VLT_FORMAT_F32}},
    {"demo_prompt", {256, 256, 4, 2, 64, 1, VLT_FORMAT_F32}},
    {"demo_decode", {1, 512, 4, 2, 64, 1, VLT_FORMAT_F32}},
    {"2b_decode", {1, 1024, 16, 8, 128, 1, VLT_FORMAT_F32}},
    {"2b_prompt", {256, 256, 16, 8, 128, 1, VLT_FORMAT_F32}},
    {"2b_vision", {1024, 1024, 16, 16, 64, 0, VLT_FORMAT_F32}},
};

/* As the workload asks: the queries are the last rows of the sequence. */
static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    const int64_t *dim = problem->dim;
    double q = (double)dim[VLT_ATTENTION_DIM_Q_ROWS], kv = (double)dim[VLT_ATTENTION_DIM_KV_ROWS];
    double heads = (double)dim[VLT_ATTENTION_DIM_HEADS], head = (double)dim[VLT_ATTENTION_DIM_HEAD];
    double kv_heads = (double)dim[VLT_ATTENTION_DIM_KV_HEADS];
    double kv_bytes = (double)vlt_format_row_bytes((vlt_format)dim[VLT_ATTENTION_DIM_KV], 1);
    double seen = q > kv ? kv : q;
    double pairs = dim[VLT_ATTENTION_DIM_CAUSAL] ? q * kv - seen * (seen - 1) / 2 : q * kv;
    *cost = (vlt_cost){.compute = VLT_COMPUTE_F32,
                       .flops = 4 * heads * head * pairs,
                       .bytes = (2 * q * heads * sizeof(float) + 2 * kv * kv_heads * kv_bytes) *
                                head,
                       .work = q,
                       .unit = "row"};
}

bool vlt_attention_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    int64_t heads = problem->dim[VLT_ATTENTION_DIM_HEADS];
    int64_t kv_heads = problem->dim[VLT_ATTENTION_DIM_KV_HEADS];
    if (heads % kv_heads) {
        snprintf(reason, VLT_REASON_BYTES, "heads=%lld is no multiple of kv_heads=%lld",
                 (long long)heads, (long long)kv_heads);
        return false;
    }
    if (problem->dim[VLT_ATTENTION_DIM_KV] == VLT_FORMAT_F16) {
        snprintf(reason, VLT_REASON_BYTES, "keys and values in F16, expected F32 or BF16");
        return false;
    }
    return true;
}

static float element_of(const vlt_kv_view *view, const unsigned char *row, int64_t i)
{
    return view->format == VLT_FORMAT_F32 ? ((const float *)(const void *)row)[i]
                                          : vlt_f32_from_bf16(vlt_u16_at(row, (size_t)i));
}

static float score_of(const float *q, const vlt_kv_view *keys, int64_t row, int64_t kv_head,
                      int64_t head)
{
    const unsigned char *k = vlt_kv_row(keys, row, kv_head);
    float dot = 0;
    for (int64_t i = 0; i < head; i++) {
        dot += q[i] * element_of(keys, k, i);
    }
    return dot * (1.0f / sqrtf((float)head));
}

void vlt_attention_plain_row(const vlt_attention_args *a, const vlt_problem *problem, int64_t h,
                             int64_t r)
{
    const int64_t *dim = problem->dim;
    const int64_t head = dim[VLT_ATTENTION_DIM_HEAD];
    const int64_t kv_head = h / (dim[VLT_ATTENTION_DIM_HEADS] / dim[VLT_ATTENTION_DIM_KV_HEADS]);
    const int64_t visible = vlt_attention_visible(a, r, dim[VLT_ATTENTION_DIM_CAUSAL]);
    const float *q = a->q + r * a->q_row + h * a->q_head;
    float *out = a->out + r * a->out_row + h * a->out_head, largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < visible; j++) {
        float score = score_of(q, &a->k, j, kv_head, head);
        largest = score > largest ? score : largest;
    }
    for (int64_t i = 0; i < head; i++) {
        out[i] = 0;
    }
    for (int64_t j = 0; j < visible; j++) {
        const unsigned char *v = vlt_kv_row(&a->v, j, kv_head);
        float weight = expf(score_of(q, &a->k, j, kv_head, head) - largest);
        sum += weight;
        for (int64_t i = 0; i < head; i++) {
            out[i] += weight * element_of(&a->v, v, i);
        }
    }
    for (int64_t i = 0; i < head; i++) {
        out[i] /= sum;
    }
}

/* As the cache lies: [kv_head][row][head]. */
static vlt_kv_view view_of(const void *data, vlt_dtype dtype, int64_t rows, int64_t head)
{
    int64_t row_bytes = head * (int64_t)vlt_dtype_bytes(dtype);
    return (vlt_kv_view){.data = data,
                         .row_bytes = row_bytes,
                         .head_bytes = rows * row_bytes,
                         .format = (vlt_format)dtype};
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t q_rows = dim[VLT_ATTENTION_DIM_Q_ROWS], kv_rows = dim[VLT_ATTENTION_DIM_KV_ROWS];
    int64_t heads = dim[VLT_ATTENTION_DIM_HEADS], kv_heads = dim[VLT_ATTENTION_DIM_KV_HEADS];
    int64_t head = dim[VLT_ATTENTION_DIM_HEAD];
    vlt_dtype kv = (vlt_dtype)dim[VLT_ATTENTION_DIM_KV]; /* plain formats are numbered as dtypes */
    vlt_random random = {seed};
    size_t q_count, kv_count;
    void *args, *q, *k, *v, *out;
    vlt_status status;

    char reason[VLT_REASON_BYTES];
    if (!vlt_attention_applicable(&workload->problem, NULL, reason)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "attention: %s", reason);
    }
    if ((status = vlt_dims_bytes((int64_t[]){q_rows, heads, head}, 3, 1, &q_count, err)) !=
            VLT_OK ||
        (status = vlt_dims_bytes((int64_t[]){kv_rows, kv_heads, head}, 3, 1, &kv_count, err)) !=
            VLT_OK ||
        (status = vlt_workload_buffer(workload, 1, sizeof(vlt_attention_args), &args, err)) !=
            VLT_OK ||
        (status = vlt_workload_random(workload, q_count, VLT_DTYPE_F32, 3, &random, &q, err)) !=
            VLT_OK ||
        (status = vlt_workload_random(workload, kv_count, kv, 3, &random, &k, err)) != VLT_OK ||
        (status = vlt_workload_random(workload, kv_count, kv, 1, &random, &v, err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "out", q_count, VLT_DTYPE_F32,
                                      VLT_ATTENTION_TOLERANCE, &out, err)) != VLT_OK) {
        return status;
    }
    *(vlt_attention_args *)args = (vlt_attention_args){
        .q = q,
        .k = view_of(k, kv, kv_rows, head),
        .v = view_of(v, kv, kv_rows, head),
        .out = out,
        .q_rows = q_rows,
        .kv_rows = kv_rows,
        .q_first = kv_rows > q_rows ? kv_rows - q_rows : 0,
        .q_row = heads * head,
        .q_head = head,
        .out_row = heads * head,
        .out_head = head};
    workload->args = args;
    return VLT_OK;
}

VLT_OP(attention, .label = "{q_rows} x {kv_rows}, {heads} of {head}",
       .tolerance = VLT_ATTENTION_TOLERANCE,
       .summary = "softmax(q k^T / sqrt(head)) v with grouped heads", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

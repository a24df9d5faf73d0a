#include "optimizations/kv_cache/kv_cache.h"

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/kv_cache/kv_cache_internal.h"

static const vlt_dim dims[] = {
    {"context", VLT_DIM_POW2, 1, 1 << 24, "rows of the cache"},
    {"kv_heads", VLT_DIM_EXACT, 1, 4096, "key and value heads"},
    {"head", VLT_DIM_EXACT, 1, 4096, "elements of a head"},
};

static const vlt_shape shapes[] = {
    {"demo", {512, 2, 64}},
    {"2b", {1024, 8, 128}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    const int64_t *dim = problem->dim;
    double width = (double)(dim[VLT_KV_CACHE_DIM_KV_HEADS] * dim[VLT_KV_CACHE_DIM_HEAD]);
    double moved = 4 * (double)dim[VLT_KV_CACHE_DIM_CONTEXT];
    *cost = (vlt_cost){.bytes = moved * width * sizeof(float),
                       .work = (double)dim[VLT_KV_CACHE_DIM_CONTEXT],
                       .unit = "row"};
}

const vlt_kv_format *vlt_kv_format_of(const vlt_plan *plan)
{
    return plan->state;
}

const vlt_kv_format *vlt_kv_format_find(vlt_format format)
{
    static const vlt_kv_format *const formats[] = {&vlt_kv_format_f32, &vlt_kv_format_bf16};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (formats[i]->format == format) {
            return formats[i];
        }
    }
    return NULL;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t rows = dim[VLT_KV_CACHE_DIM_CONTEXT];
    int64_t width = dim[VLT_KV_CACHE_DIM_KV_HEADS] * dim[VLT_KV_CACHE_DIM_HEAD];
    vlt_random random = {seed};
    void *args, *x, *storage, *out;
    vlt_status status;
    if ((status = vlt_workload_buffer(workload, 1, sizeof(vlt_kv_cache_args), &args, err)) !=
            VLT_OK ||
        (status = vlt_workload_random(workload, (size_t)(rows * width), VLT_DTYPE_F32, 3, &random,
                                      &x, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, (size_t)(rows * width), sizeof(float), &storage,
                                      err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "out", (size_t)(rows * width), VLT_DTYPE_F32, 0,
                                      &out, err)) != VLT_OK) {
        return status;
    }
    *(vlt_kv_cache_args *)args = (vlt_kv_cache_args){
        .x = x, .storage = storage, .out = out, .context = rows};
    workload->args = args;
    return VLT_OK;
}

VLT_OP(kv_cache, .summary = "stores keys or values and reads them back", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

/* Rows as they are, in f32. */
#include <string.h>

#include "optimizations/kv_cache/kv_cache_internal.h"

static void store(const float *x, int64_t count, void *to)
{
    memcpy(to, x, (size_t)count * sizeof *x);
}

static void load(const void *from, int64_t count, float *x)
{
    memcpy(x, from, (size_t)count * sizeof *x);
}

const vlt_kv_format vlt_kv_format_f32 = {VLT_FORMAT_F32, sizeof(float), store, load, 0};

vlt_status vlt_kv_cache_run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame, (void)err;
    const vlt_kv_cache_args *a = args;
    const vlt_kv_format *format = plan->state;
    int64_t kv_heads = plan->problem.dim[VLT_KV_CACHE_DIM_KV_HEADS];
    int64_t head = plan->problem.dim[VLT_KV_CACHE_DIM_HEAD];
    vlt_kv_layer layer = {.k = a->storage, .v = a->storage, .capacity = a->context};
    vlt_kv_cache cache = vlt_kv_cache_over(&layer, format, kv_heads, head);
    vlt_kv_cache_append(&cache, 0, 0, a->context, a->x, a->x);
    vlt_kv_view view = vlt_kv_cache_keys(&cache, 0);
    for (int64_t r = 0; r < a->context; r++) {
        for (int64_t h = 0; h < kv_heads; h++) {
            format->load(vlt_kv_row(&view, r, h), head, a->out + (r * kv_heads + h) * head);
        }
    }
    return VLT_OK;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    (void)err;
    plan->state = (void *)&vlt_kv_format_f32;
    return VLT_OK;
}

VLT_VARIANT(kv_cache, baseline, .summary = "f32", .prepare = prepare, .run = vlt_kv_cache_run);

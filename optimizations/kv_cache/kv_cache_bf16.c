/* Bottleneck: decoding with a long context reads every key and value for each token.
 * Idea: BF16 halves the bytes, of memory as of traffic; attention widens them in registers.
 * Loses: accuracy, 2^-9 of each element; time where the context is short, since rows are rounded.
 */
#include "optimizations/kv_cache/kv_cache_internal.h"

#define LOSS 0x1p-8 /* half a unit in the last of 8 bits, with room */

static void store(const float *x, int64_t count, void *to)
{
    uint16_t *out = to;
    for (int64_t i = 0; i < count; i++) {
        out[i] = vlt_bf16_from_f32(x[i]);
    }
}

static void load(const void *from, int64_t count, float *x)
{
    vlt_f32_from(VLT_DTYPE_BF16, from, (size_t)count, x);
}

const vlt_kv_format vlt_kv_format_bf16 = {VLT_FORMAT_BF16, sizeof(uint16_t), store, load, LOSS};

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    (void)err;
    plan->state = (void *)&vlt_kv_format_bf16;
    return VLT_OK;
}

VLT_VARIANT(kv_cache, bf16, .summary = "BF16: half the bytes", .quality = VLT_QUALITY_BF16,
            .loss = LOSS, .prepare = prepare, .run = vlt_kv_cache_run);

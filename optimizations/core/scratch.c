#include "optimizations/core/scratch.h"

#include "optimizations/core/context.h"

void vlt_scratch_release(vlt_scratch *scratch)
{
    vlt_arena arena = vlt_arena_over(scratch->base, scratch->size_bytes);
    vlt_arena_release(&arena);
    *scratch = (vlt_scratch){0};
}

vlt_status vlt_lease_init(vlt_lease *lease, const vlt_context *context, const vlt_arena *planned,
                          vlt_error *err)
{
    *lease = (vlt_lease){.shared = context->scratch};
    vlt_scratch *scratch = context->scratch ? context->scratch : &lease->own;
    if (!planned->overflow && planned->used_bytes <= scratch->size_bytes && scratch->base) {
        return VLT_OK;
    }
    vlt_arena bigger = *planned;
    vlt_status status = vlt_arena_commit(&bigger, err);
    if (status == VLT_OK) {
        vlt_scratch_release(scratch);
        *scratch = (vlt_scratch){.base = bigger.base, .size_bytes = bigger.size_bytes};
    }
    return status;
}

vlt_arena vlt_lease_view(const vlt_lease *lease)
{
    const vlt_scratch *scratch = lease->shared ? lease->shared : &lease->own;
    return vlt_arena_over(scratch->base, scratch->size_bytes);
}

void vlt_lease_release(vlt_lease *lease)
{
    vlt_scratch_release(&lease->own);
}

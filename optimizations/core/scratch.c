#include "optimizations/core/scratch.h"

#include "optimizations/core/context.h"

static void release_block(unsigned char **base, size_t *size_bytes)
{
    vlt_arena arena = vlt_arena_over(*base, *size_bytes);
    vlt_arena_release(&arena);
    *base = NULL;
    *size_bytes = 0;
}

void vlt_scratch_release(vlt_scratch *scratch)
{
    release_block(&scratch->base, &scratch->size_bytes);
    release_block(&scratch->leaf_base, &scratch->leaf_size_bytes);
}

static vlt_status init(vlt_lease *lease, const vlt_context *context, const vlt_arena *planned,
                       bool leaf, vlt_error *err)
{
    *lease = (vlt_lease){.shared = context->scratch, .leaf = leaf};
    vlt_scratch *scratch = context->scratch ? context->scratch : &lease->own;
    unsigned char **base = leaf ? &scratch->leaf_base : &scratch->base;
    size_t *size_bytes = leaf ? &scratch->leaf_size_bytes : &scratch->size_bytes;
    if (!planned->overflow && planned->used_bytes <= *size_bytes && *base) {
        return VLT_OK;
    }
    vlt_arena bigger = *planned;
    vlt_status status = vlt_arena_commit(&bigger, err);
    if (status == VLT_OK) {
        release_block(base, size_bytes);
        *base = bigger.base;
        *size_bytes = bigger.size_bytes;
    }
    return status;
}

vlt_status vlt_lease_init(vlt_lease *lease, const vlt_context *context, const vlt_arena *planned,
                          vlt_error *err)
{
    return init(lease, context, planned, false, err);
}

vlt_status vlt_lease_init_leaf(vlt_lease *lease, const vlt_context *context,
                               const vlt_arena *planned, vlt_error *err)
{
    return init(lease, context, planned, true, err);
}

vlt_arena vlt_lease_view(const vlt_lease *lease)
{
    const vlt_scratch *scratch = lease->shared ? lease->shared : &lease->own;
    return lease->leaf ? vlt_arena_over(scratch->leaf_base, scratch->leaf_size_bytes)
                       : vlt_arena_over(scratch->base, scratch->size_bytes);
}

void vlt_lease_release(vlt_lease *lease)
{
    vlt_scratch_release(&lease->own);
}

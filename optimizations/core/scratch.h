/* scratch.h: scratch memory that the plans of one context share because they run one at a time.
 *
 * A model has one plan per layer. If each owned its scratch, a model of 28 layers would hold 28
 * times what a single layer ever uses. A composite operator therefore plans an arena, leases it,
 * and in every run takes its pieces anew from the view:
 *
 *     prepare   vlt_arena planned = {0}; vlt_arena_reserve(&planned, ...);
 *               vlt_lease_init(&state->lease, plan->context, &planned, err);
 *     run       vlt_arena arena = vlt_lease_view(&state->lease);
 *               float *x = vlt_arena_take(&arena, ...);      same pieces, same order
 *     release   vlt_lease_release(&state->lease);
 *
 * The contents do not survive from run to run. A context with scratch runs leasing plans from one
 * thread at a time. There are two blocks: a composite operator leases from the first one, a leaf
 * (which may be its child, and itself has none) with vlt_lease_init_leaf from the second. In a
 * context without scratch every plan has its own block.
 */
#ifndef VLT_CORE_SCRATCH_H
#define VLT_CORE_SCRATCH_H

#include "optimizations/core/memory.h"

struct vlt_context;

/* A block grows while plans are prepared and never shrinks. {0} is empty. */
typedef struct vlt_scratch {
    unsigned char *base; /* of composites */
    size_t size_bytes;
    unsigned char *leaf_base;
    size_t leaf_size_bytes;
} vlt_scratch;

void vlt_scratch_release(vlt_scratch *scratch); /* may be called twice */

typedef struct vlt_lease {
    vlt_scratch own;     /* used where the context has none */
    vlt_scratch *shared; /* the context's */
    bool leaf;
} vlt_lease;

/* `planned` has been reserved, not committed. NOMEM or LIMIT. */
vlt_status vlt_lease_init(vlt_lease *lease, const struct vlt_context *context,
                          const vlt_arena *planned, vlt_error *err);

vlt_status vlt_lease_init_leaf(vlt_lease *lease, const struct vlt_context *context,
                               const vlt_arena *planned, vlt_error *err);

/* Takes no lock and allocates nothing. Do not release the arena. */
vlt_arena vlt_lease_view(const vlt_lease *lease);
void vlt_lease_release(vlt_lease *lease); /* may be called on {0} */

#endif

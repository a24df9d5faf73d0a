/* An allocator asked for every request. A list of the live blocks lets the pool free what is still
 * handed out when it is destroyed. */
#include "optimizations/core/memory.h"
#include "optimizations/tensor_pool/tensor_pool_internal.h"

/* Lies in front of each block. */
struct header {
    struct header *previous, *next;
    unsigned char unused[VLT_ALIGN - 2 * sizeof(void *) - sizeof(vlt_tensor_pool_tag)];
    vlt_tensor_pool_tag tag;
};

_Static_assert(sizeof(struct header) == VLT_ALIGN, "the tag lies in front of the block");

struct state {
    vlt_tensor_pool_common common;
    vlt_tensor_pool_allocator allocator;
    struct header *live;
};

static vlt_status acquire(void *self, size_t bytes, void **out, vlt_error *err)
{
    struct state *state = self;
    size_t footprint;
    *out = NULL;
    if (!vlt_add_size(bytes ? bytes : 1, sizeof(struct header) + VLT_ALIGN - 1, &footprint)) {
        return vlt_tensor_pool_refuse(&state->common, bytes, err);
    }
    footprint &= ~(size_t)(VLT_ALIGN - 1);
    if (state->allocator.good_bytes) {
        footprint = state->allocator.good_bytes(footprint);
    }
    if (!vlt_tensor_pool_fits(&state->common, footprint, false)) {
        return vlt_tensor_pool_refuse(&state->common, footprint, err);
    }
    struct header *header = state->allocator.take(footprint);
    if (!header) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tensor pool: no memory for %zu bytes", bytes);
    }
    *header = (struct header){.next = state->live, .tag = {.footprint_bytes = footprint}};
    if (state->live) {
        state->live->previous = header;
    }
    state->live = header;
    state->common.stats.misses++;
    state->common.stats.live_bytes += footprint;
    vlt_tensor_pool_note_peak(&state->common);
    *out = header + 1;
    return VLT_OK;
}

static void release_block(void *self, void *block)
{
    struct state *state = self;
    if (!block) {
        return;
    }
    struct header *header = (struct header *)block - 1;
    if (header->previous) {
        header->previous->next = header->next;
    } else {
        state->live = header->next;
    }
    if (header->next) {
        header->next->previous = header->previous;
    }
    state->common.stats.live_bytes -= header->tag.footprint_bytes;
    state->allocator.give(header);
}

static void trim(void *self, size_t keep_bytes)
{
    const struct state *state = self; /* nothing is kept here */
    (void)keep_bytes;
    if (state->allocator.trim) {
        state->allocator.trim();
    }
}

static void set_limit(void *self, size_t limit_bytes)
{
    struct state *state = self;
    state->common.limit_bytes = limit_bytes;
}

vlt_status vlt_tensor_pool_listed_prepare(vlt_plan *plan,
                                          const vlt_tensor_pool_allocator *allocator,
                                          vlt_error *err)
{
    void *block;
    vlt_status status = vlt_alloc(sizeof(struct state), &block, err);
    if (status == VLT_OK) {
        struct state *state = plan->state = block;
        state->allocator = *allocator;
        vlt_tensor_pool_common_init(&state->common, plan,
                                    (vlt_tensor_pool){.acquire = acquire,
                                                      .release = release_block,
                                                      .trim = trim,
                                                      .set_limit = set_limit});
    }
    return status;
}

void vlt_tensor_pool_listed_release(vlt_plan *plan)
{
    struct state *state = plan->state;
    while (state && state->live) {
        release_block(state, state->live + 1);
    }
    vlt_free(state);
}

/* tensor_pool.h: memory for tensors that come and go, as a service.
 *
 * prepare makes a pool; vlt_tensor_pool_of gives its table of functions; run replays a recorded
 * trace of requests for measuring. Blocks are aligned to VLT_ALIGN and not cleared. A pool is used
 * by one thread at a time. Every size below is a footprint: what was taken from the system for the
 * block, rounding and book-keeping included, so that a limit is a limit of real memory.
 *
 * Ownership: blocks belong to the pool. Destroying the plan frees all of them, those still handed
 * out as well; their holders must not touch them any more (AddressSanitizer finds it, as it finds
 * use after release).
 *
 * Under memory pressure the owner of the pool calls trim, which gives back what is only kept, and
 * lowers the limit with set_limit, so that acquire says LIMIT and the caller holds new work back
 * until blocks return. Cost: work in requests. Tolerance: none, the checksum is bit-equal.
 */
#ifndef VLT_TENSOR_POOL_H
#define VLT_TENSOR_POOL_H

#include "optimizations/core/plan.h"

/* requests of the trace; largest request in bytes; limit in bytes (0: none). */
enum { VLT_TENSOR_POOL_DIM_REQUESTS, VLT_TENSOR_POOL_DIM_LARGEST, VLT_TENSOR_POOL_DIM_LIMIT };

typedef struct vlt_tensor_pool_stats {
    uint64_t hits;      /* served from a kept block */
    uint64_t misses;    /* served by the system */
    uint64_t evictions; /* kept blocks given back to stay below the limit */
    uint64_t trimmed;   /* kept blocks given back by trim */
    uint64_t refusals;  /* requests beyond the limit */
    size_t live_bytes;  /* handed out now */
    size_t kept_bytes;  /* held for reuse now */
    size_t peak_bytes;  /* most of live + kept ever */
} vlt_tensor_pool_stats;

typedef struct vlt_tensor_pool {
    void *self;
    /* At least `bytes` (0 counts as 1). LIMIT when they do not fit below the limit even after every
     * kept block is gone; NOMEM when the system has none. *out is NULL then. */
    vlt_status (*acquire)(void *self, size_t bytes, void **out, vlt_error *err);
    void (*release)(void *self, void *block); /* NULL is fine; a foreign block is a bug */
    /* Would acquire find such a block among those that are kept? NULL: no block is ever kept here,
     * and nobody in front of the pool keeps any. */
    bool (*has)(const void *self, size_t bytes);
    void (*trim)(void *self, size_t keep_bytes); /* gives kept blocks back, oldest first */
    /* 0: none. Kept blocks beyond it go at once; live ones stay, and acquire refuses until enough
     * of them came back. */
    void (*set_limit)(void *self, size_t limit_bytes);
    void (*stats)(const void *self, vlt_tensor_pool_stats *stats);
} vlt_tensor_pool;

/* Lies in front of every block that is handed out, for who hands it on: the pool clears the owner
 * when it hands the block out, and looks at it no more. */
typedef struct vlt_tensor_pool_tag {
    void *owner;
    size_t footprint_bytes;
} vlt_tensor_pool_tag;

static inline vlt_tensor_pool_tag *vlt_tensor_pool_tag_of(void *block)
{
    return (vlt_tensor_pool_tag *)block - 1;
}

/* acquire (bytes > 0) into a slot, or release the slot (bytes == 0). */
typedef struct vlt_tensor_pool_event {
    uint32_t slot;
    size_t bytes;
} vlt_tensor_pool_event;

/* What a slot holds during the replay. */
typedef struct vlt_tensor_pool_slot {
    unsigned char *block;
    size_t bytes;
} vlt_tensor_pool_slot;

/* run gives back what it acquired, also when it fails. */
typedef struct vlt_tensor_pool_args {
    const vlt_tensor_pool_event *event;
    int64_t event_count;
    vlt_tensor_pool_slot *slot; /* scratch, one per slot, all zero before and after */
    uint32_t slot_count;
    uint64_t *checksum; /* out: of what was written into and read from the blocks */
} vlt_tensor_pool_args;

extern const vlt_op vlt_op_tensor_pool;

/* The pool of a prepared plan; valid until the plan is destroyed. */
vlt_tensor_pool vlt_tensor_pool_of(const vlt_plan *plan);

static inline vlt_problem vlt_tensor_pool_problem(int64_t requests, int64_t largest_bytes,
                                                  int64_t limit_bytes)
{
    return (vlt_problem){.op = &vlt_op_tensor_pool, .dim = {requests, largest_bytes, limit_bytes}};
}

#endif

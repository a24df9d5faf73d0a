/* tensor_pool.h: memory for tensors that come and go, as a service.
 *
 * prepare makes a pool; vlt_tensor_pool_of gives its table of functions; run replays a recorded
 * trace of requests for measuring. Blocks are aligned to VLT_ALIGN and not cleared. A pool is used
 * by one thread at a time unless the variant says otherwise. Cost: work in requests.
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
    uint64_t refusals;  /* requests beyond the limit */
    size_t live_bytes;  /* handed out now */
    size_t kept_bytes;  /* held for reuse now */
    size_t peak_bytes;  /* most of live + kept ever */
} vlt_tensor_pool_stats;

typedef struct vlt_tensor_pool {
    void *self;
    /* LIMIT when the bytes do not fit below the limit even after eviction. */
    vlt_status (*acquire)(void *self, size_t bytes, void **out, vlt_error *err);
    void (*release)(void *self, void *block);    /* NULL is fine */
    void (*trim)(void *self, size_t keep_bytes); /* gives kept blocks back to the system */
    void (*stats)(const void *self, vlt_tensor_pool_stats *stats);
} vlt_tensor_pool;

/* acquire (bytes > 0) into a slot, or release the slot (bytes == 0). */
typedef struct vlt_tensor_pool_event {
    uint32_t slot;
    size_t bytes;
} vlt_tensor_pool_event;

typedef struct vlt_tensor_pool_args {
    const vlt_tensor_pool_event *event;
    int64_t event_count;
    void **slot; /* scratch, one per slot, all NULL before and after */
    uint32_t slot_count;
    uint64_t *checksum; /* out: of what was written into and read from the blocks */
} vlt_tensor_pool_args;

extern const vlt_op vlt_op_tensor_pool;

/* The pool of a prepared plan; valid until the plan is destroyed. */
vlt_tensor_pool vlt_tensor_pool_of(vlt_plan *plan);

#endif

/* shared_pool.h: the operator tensor_pool for many threads: where the images, patches and features
 * of requests are from, so that their pages are there when the next request comes.
 *
 *     take, give -> magazines: the last blocks of each size and thread, no lock -> pool -> system
 *
 * Blocks above a threshold go to the system and come from it. What is kept for reuse stays below a
 * limit, oldest out first; what lies in magazines counts as kept, serves any thread that would
 * otherwise ask the system, takes half of the limit at most and goes with a trim. When nothing was
 * asked for between two looks, nothing is kept. A choice of tensor_pool that keeps nothing has no
 * magazines either. Statistics are exact while no block is being taken or given.
 */
#ifndef VLT_HARNESS_SHARED_POOL_H
#define VLT_HARNESS_SHARED_POOL_H

#include "optimizations/tensor_pool/tensor_pool.h"

/* A block above `largest` is not pooled; `kept` bytes are held for reuse at most. */
enum { VLT_SHARED_POOL_LARGEST_BYTES = 256 << 20, VLT_SHARED_POOL_KEPT_BYTES = 256 << 20 };

typedef struct vlt_shared_pool vlt_shared_pool;

/* The choice of tensor_pool is the context's. */
vlt_status vlt_shared_pool_create(vlt_context *context, size_t largest_bytes, size_t kept_bytes,
                                  vlt_shared_pool **out, vlt_error *err);

/* Every block must have come back. NULL is fine. */
void vlt_shared_pool_destroy(vlt_shared_pool *pool);

/* Lives as long as the pool. */
const vlt_block_source *vlt_shared_pool_source(vlt_shared_pool *pool);

/* What lies in magazines counts as the newest. */
void vlt_shared_pool_trim(vlt_shared_pool *pool, size_t keep_bytes);

/* Gives everything kept back when nothing was taken since the last call. */
void vlt_shared_pool_age(vlt_shared_pool *pool);

void vlt_shared_pool_look(vlt_shared_pool *pool, vlt_tensor_pool_stats *out); /* NULL: zeros */

#endif

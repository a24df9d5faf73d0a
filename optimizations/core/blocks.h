/* blocks.h: rows in blocks of a fixed size, each done by one thread, for fused operators.
 *
 * What a block computes must depend on the block alone, not on the worker: then the number of
 * threads changes no bit.
 */
#ifndef VLT_CORE_BLOCKS_H
#define VLT_CORE_BLOCKS_H

#include "optimizations/core/threads.h"

/* Works on rows [row, row + rows) with what `state` keeps for this worker. */
typedef vlt_status vlt_blocks_function(void *state, int worker, int64_t row, int64_t rows,
                                       vlt_error *err);

/* One per thread of the pool, owned by the caller; nothing in it needs to be freed. */
typedef struct vlt_blocks_worker {
    vlt_status status;
    vlt_error err;
} vlt_blocks_worker;

/* Calls function for every block of `block` rows (the last may be shorter) on at most `limit`
 * threads (0: all). After a failure its worker does no more; the first worker's failure is
 * returned. workers has vlt_threads_count(threads) elements. */
vlt_status vlt_blocks_run(vlt_threads *threads, int64_t rows, int64_t block, int limit,
                          vlt_blocks_function *function, void *state, vlt_blocks_worker *workers,
                          vlt_error *err);

#endif

/* blocks.h: rows in blocks of a fixed size, each done by one thread, for fused operators.
 *
 * As many whole blocks as give every thread the same number are done by a thread each; what is left
 * is better done by all threads together than by some, block after block.
 *
 * What a block computes must depend on the block alone, not on the worker: then the number of
 * threads changes no bit.
 */
#ifndef VLT_CORE_BLOCKS_H
#define VLT_CORE_BLOCKS_H

#include "optimizations/core/frame.h"
#include "optimizations/core/threads.h"

/* Works on rows [row, row + rows) with a frame of its own. together: all threads are its, else it
 * is one of them. */
typedef vlt_status vlt_blocks_function(const void *job, vlt_frame frame, int64_t row, int64_t rows,
                                       bool together, vlt_error *err);

typedef struct vlt_blocks {
    vlt_threads *threads; /* NULL: the caller alone */
    int limit;            /* threads that work, at most; 0: all */
    int64_t rows, block;  /* the last block may be shorter */
    vlt_frames frames;    /* one for each thread of the pool */
    vlt_frame frame;      /* of what is done together; may lie over `frames` */
} vlt_blocks;

/* Calls function for every block. After a failure no further block is begun; the first failure is
 * returned. */
vlt_status vlt_blocks_run(const vlt_blocks *blocks, vlt_blocks_function *function, const void *job,
                          vlt_error *err);

#endif

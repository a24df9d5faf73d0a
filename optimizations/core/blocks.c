#include "optimizations/core/blocks.h"

#include <stdatomic.h>

struct region {
    const vlt_blocks *blocks;
    vlt_blocks_function *function;
    const void *job;
    atomic_int failed; /* who is first may write the two below */
    vlt_status status;
    vlt_error *err;
};

static void body(void *argument, int64_t begin, int64_t end, int worker)
{
    struct region *region = argument;
    const vlt_blocks *blocks = region->blocks;
    for (int64_t i = begin; i < end && !atomic_load(&region->failed); i++) {
        int64_t row = i * blocks->block, left = blocks->rows - row;
        vlt_error err;
        vlt_status status = region->function(region->job, vlt_frames_of(&blocks->frames, worker),
                                             row, left < blocks->block ? left : blocks->block,
                                             &err);
        if (status != VLT_OK && atomic_fetch_add(&region->failed, 1) == 0) {
            region->status = status;
            vlt_fail(region->err, status, "%s", err.message);
        }
    }
}

vlt_status vlt_blocks_run(const vlt_blocks *blocks, vlt_blocks_function *function, const void *job,
                          vlt_error *err)
{
    struct region region = {.blocks = blocks, .function = function, .job = job, .err = err};
    vlt_threads_for(blocks->threads, (blocks->rows + blocks->block - 1) / blocks->block, 1,
                    blocks->limit, body, &region);
    return region.status;
}

int64_t vlt_blocks_even(const vlt_blocks *blocks)
{
    int workers = vlt_threads_count(blocks->threads);
    workers = blocks->limit > 0 && blocks->limit < workers ? blocks->limit : workers;
    const int64_t round = blocks->block * workers;
    return workers == 1 ? blocks->rows : blocks->rows / round * round;
}

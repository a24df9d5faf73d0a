#include "optimizations/core/blocks.h"

#include <stdatomic.h>

struct region {
    const vlt_blocks *blocks;
    int64_t rows; /* that are done by a thread each */
    vlt_blocks_function *function;
    const void *job;
    atomic_int failed; /* who is first may write the two below */
    vlt_status status;
    vlt_error *err;
};

static int64_t rows_from(const vlt_blocks *blocks, int64_t row, int64_t rows)
{
    return rows - row < blocks->block ? rows - row : blocks->block;
}

static void body(void *argument, int64_t begin, int64_t end, int worker)
{
    struct region *region = argument;
    const vlt_blocks *blocks = region->blocks;
    for (int64_t i = begin; i < end && !atomic_load(&region->failed); i++) {
        int64_t row = i * blocks->block;
        vlt_error err;
        vlt_status status = region->function(region->job, vlt_frames_of(&blocks->frames, worker),
                                             row, rows_from(blocks, row, region->rows), false,
                                             &err);
        if (status != VLT_OK && atomic_fetch_add(&region->failed, 1) == 0) {
            region->status = status;
            vlt_fail(region->err, status, "%s", err.message);
        }
    }
}

/* How many of the rows, from the first on, give each of the threads the same number of whole
 * blocks. */
static int64_t even_rows(const vlt_blocks *blocks)
{
    int workers = vlt_threads_count(blocks->threads);
    workers = blocks->limit > 0 && blocks->limit < workers ? blocks->limit : workers;
    const int64_t round = blocks->block * workers;
    return workers == 1 ? blocks->rows : blocks->rows / round * round;
}

vlt_status vlt_blocks_run(const vlt_blocks *blocks, vlt_blocks_function *function, const void *job,
                          vlt_error *err)
{
    struct region region = {
        .blocks = blocks, .rows = even_rows(blocks), .function = function, .job = job, .err = err};
    vlt_threads_for(blocks->threads, (region.rows + blocks->block - 1) / blocks->block, 1,
                    blocks->limit, body, &region);
    vlt_status status = region.status;
    for (int64_t row = region.rows; row < blocks->rows && status == VLT_OK; row += blocks->block) {
        status = function(job, blocks->frame, row, rows_from(blocks, row, blocks->rows), true, err);
    }
    return status;
}

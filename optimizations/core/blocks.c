#include "optimizations/core/blocks.h"

struct job {
    vlt_blocks_function *function;
    void *state;
    vlt_blocks_worker *workers;
    int64_t rows, block;
};

static void body(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct job *job = argument;
    vlt_blocks_worker *w = &job->workers[worker];
    for (int64_t i = begin; i < end && w->status == VLT_OK; i++) {
        int64_t row = i * job->block, left = job->rows - row;
        w->status = job->function(job->state, worker, row, left < job->block ? left : job->block,
                                  &w->err);
    }
}

vlt_status vlt_blocks_run(vlt_threads *threads, int64_t rows, int64_t block, int limit,
                          vlt_blocks_function *function, void *state, vlt_blocks_worker *workers,
                          vlt_error *err)
{
    struct job job = {function, state, workers, rows, block};
    for (int i = 0; i < vlt_threads_count(threads); i++) {
        workers[i].status = VLT_OK;
    }
    vlt_threads_for(threads, (rows + block - 1) / block, 1, limit, body, &job);
    for (int i = 0; i < vlt_threads_count(threads); i++) {
        if (workers[i].status != VLT_OK) {
            return vlt_fail(err, workers[i].status, "%s", workers[i].err.message);
        }
    }
    return VLT_OK;
}

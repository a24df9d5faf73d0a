/* From raw pairs to the figures of one process; declared in pair.h. */
#include <math.h>

#include "harness/measure/pair.h"
#include "harness/measure/statistics.h"
#include "optimizations/core/memory.h"

bool vlt_pair_used(const vlt_pair_run *run, int i)
{
    unsigned flags = run->pair[i].flags;
    return !(flags & VLT_PAIR_CLOCK) && (run->keeps_preempted || !(flags & VLT_PAIR_PREEMPTED));
}

static void count_flags(vlt_pair_run *run)
{
    run->preempted = run->used = 0;
    for (int i = 0; i < run->pair_count; i++) {
        run->preempted += (run->pair[i].flags & VLT_PAIR_PREEMPTED) != 0;
    }
    /* Losing most pairs would leave a handful from rare quiet moments; the coin keeps the others
     * fair, so then all of them stay. */
    run->keeps_preempted = 2 * run->preempted > run->pair_count;
    for (int i = 0; i < run->pair_count; i++) {
        run->used += vlt_pair_used(run, i);
    }
}

int vlt_pair_log_ratios(const vlt_pair_run *run, double *log_ratio)
{
    int n = 0;
    for (int i = 0; i < run->pair_count; i++) {
        if (vlt_pair_used(run, i)) {
            const uint64_t *wall_ns = run->pair[i].wall_ns;
            log_ratio[n++] = log((double)wall_ns[1] / (double)wall_ns[0]);
        }
    }
    return n;
}

static double time_of_call(const vlt_pair_run *run, const vlt_pair *pair, int side)
{
    double epoch_ns = fmax(0, (double)pair->wall_ns[side] - run->overhead_ns);
    return epoch_ns / (double)run->iterations;
}

vlt_status vlt_pair_summarise(vlt_pair_run *run, vlt_error *err)
{
    void *block = NULL;
    int n = 0;
    count_flags(run);
    if (run->used == 0) {
        return vlt_fail(err, VLT_STATUS_UNMEASURED,
                        "none of %d pairs is usable: the clock stood still or stepped back",
                        run->pair_count);
    }
    vlt_status status = vlt_alloc(4 * (size_t)run->pair_count * sizeof(double), &block, err);
    if (status != VLT_OK) {
        return status;
    }
    double *log_ratio = block, *scratch = log_ratio + run->pair_count;
    double *side_ns[2] = {scratch + run->pair_count, scratch + 2 * run->pair_count};
    for (int i = 0; i < run->pair_count; i++) {
        if (vlt_pair_used(run, i)) {
            for (int side = 0; side < 2; side++) {
                side_ns[side][n] = time_of_call(run, &run->pair[i], side);
            }
            n++;
        }
    }
    vlt_pair_log_ratios(run, log_ratio);
    run->scatter = 1.4826 * vlt_mad(log_ratio, (size_t)n, scratch);
    run->log_ratio = vlt_median(log_ratio, (size_t)n);
    for (int side = 0; side < 2; side++) {
        run->call_ns[side] = vlt_median(side_ns[side], (size_t)n);
        run->floor_ns[side] = side_ns[side][0]; /* the median has sorted them */
    }
    vlt_free(block);
    return VLT_OK;
}

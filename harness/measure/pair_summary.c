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

/* Do all pairs have the CPU time of all threads, and had threads to wait? */
static bool is_crowded(const vlt_pair_run *run)
{
    for (int i = 0; i < run->pair_count; i++) {
        const vlt_pair *pair = &run->pair[i];
        if (!(pair->flags & VLT_PAIR_CROWDED) || pair->cpu_ns[0] == 0 || pair->cpu_ns[1] == 0) {
            return false;
        }
    }
    return run->pair_count > 0;
}

static void count_flags(vlt_pair_run *run)
{
    run->preempted = run->used = 0;
    for (int i = 0; i < run->pair_count; i++) {
        run->preempted += (run->pair[i].flags & VLT_PAIR_PREEMPTED) != 0;
    }
    run->crowded = is_crowded(run);
    /* Losing most pairs would leave a handful from rare quiet moments; the coin keeps the others
     * fair, so then all of them stay. CPU time does not run while a thread is switched off. */
    run->keeps_preempted = run->crowded || 2 * run->preempted > run->pair_count;
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

/* The figures of a crowded run by CPU time; log_ns[2] are scratch, room for all pairs each. */
static void summarise_cpu(vlt_pair_run *run, double *const log_ns[2])
{
    size_t n = 0;
    double cpu_ns[2] = {0}, wall_ns[2] = {0};
    for (int i = 0; i < run->pair_count; i++) {
        if (vlt_pair_used(run, i)) {
            const vlt_pair *pair = &run->pair[i];
            for (int side = 0; side < 2; side++) {
                log_ns[side][n] = log((double)pair->cpu_ns[side]);
                cpu_ns[side] += (double)pair->cpu_ns[side];
                wall_ns[side] += (double)pair->wall_ns[side];
            }
            n++;
        }
    }
    vlt_sort(log_ns[0], n);
    vlt_sort(log_ns[1], n);
    run->cpu_log_ratio = vlt_shift(log_ns[0], log_ns[1], n);
    run->log_busy_ratio = log(cpu_ns[1] / wall_ns[1]) - log(cpu_ns[0] / wall_ns[0]);
}

/* By how much the used pairs with or without that flag say that B takes longer, into *out; false:
 * there are none. All epochs of A with all of B: what disturbs an epoch disturbs its own side
 * alone, and twice as many of the pairs' differences would contain it. */
static bool shift_of(const vlt_pair_run *run, bool exchanged, double *const log_ns[2], double *out)
{
    size_t n = 0;
    for (int i = 0; i < run->pair_count; i++) {
        const vlt_pair *pair = &run->pair[i];
        if (vlt_pair_used(run, i) && !!(pair->flags & VLT_PAIR_EXCHANGED) == exchanged) {
            log_ns[0][n] = log((double)pair->wall_ns[0]);
            log_ns[1][n++] = log((double)pair->wall_ns[1]);
        }
    }
    if (n > 0) {
        vlt_sort(log_ns[0], n);
        vlt_sort(log_ns[1], n);
        *out = vlt_shift(log_ns[0], log_ns[1], n);
    }
    return n > 0;
}

/* What one place costs more than the other is in both halves, with opposite signs. log_ns[2] are
 * scratch, room for all pairs each. */
static double wall_log_ratio(const vlt_pair_run *run, double *const log_ns[2])
{
    double half[2];
    bool there = shift_of(run, false, log_ns, &half[0]);
    bool exchanged = shift_of(run, true, log_ns, &half[1]);
    return there && exchanged ? 0.5 * (half[0] + half[1]) : half[exchanged];
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
    run->log_ratio = run->wall_log_ratio = wall_log_ratio(run,
                                                          (double *const[]){log_ratio, scratch});
    if (run->crowded) {
        summarise_cpu(run, (double *const[]){log_ratio, scratch});
    }
    for (int side = 0; side < 2; side++) {
        run->call_ns[side] = vlt_median(side_ns[side], (size_t)n);
        run->floor_ns[side] = side_ns[side][0]; /* the median has sorted them */
    }
    vlt_free(block);
    return VLT_OK;
}

/* What a next experiment like this one should be given; declared in experiment.h.
 *
 * Nothing is supposed of how launches scatter: a verdict counts those beyond the margin, and so
 * does the plan. On a busy machine launches fall into groups (had both threads a CPU?), and a
 * robust standard deviation sees the larger group alone.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/measure/experiment.h"
#include "harness/measure/statistics.h"
#include "optimizations/core/memory.h"

/* Launches by their log-ratio, and which of them lie outside the margin. */
struct sorted {
    double *log_ratio; /* owned, ascending */
    size_t count;
    int below, above;
};

static bool sort_launches(const vlt_measure_result *result, double margin, struct sorted *sorted)
{
    void *block;
    sorted->count = (size_t)result->launches;
    if (vlt_alloc(sorted->count * sizeof(double), &block, NULL) != VLT_OK) {
        return false; /* then there is no plan */
    }
    sorted->log_ratio = block;
    sorted->below = sorted->above = 0;
    for (size_t i = 0; i < sorted->count; i++) {
        sorted->log_ratio[i] = result->run[i].log_ratio;
        sorted->below += sorted->log_ratio[i] < -margin;
        sorted->above += sorted->log_ratio[i] > margin;
    }
    vlt_sort(sorted->log_ratio, sorted->count);
    return true;
}

/* Of few launches a share is not known well: none of eight is not never. */
static double share(int some, size_t all)
{
    return (some + 0.5) / ((double)all + 1);
}

/* Two groups between which a bound of the margin lies. */
static bool split_by_margin(const struct sorted *sorted, double margin, vlt_experiment *experiment)
{
    size_t low, count[2];
    if (!vlt_two_groups(sorted->log_ratio, sorted->count, &low)) {
        return false;
    }
    const double ends = sorted->log_ratio[low - 1], begins = sorted->log_ratio[low];
    if (!(ends <= margin && begins > margin) && !(ends < -margin && begins >= -margin)) {
        return false;
    }
    count[0] = low;
    count[1] = sorted->count - low;
    for (int i = 0; i < 2; i++) {
        experiment->grouped[i] = (int)count[i];
        experiment->group_ratio[i] = exp(
            vlt_quantile(sorted->log_ratio + (i ? low : 0), count[i], 0.5));
    }
    return true;
}

/* Launches on whose share the verdict hangs: those beyond the margin where the median is, else
 * those outside it on either side. */
static int count_outside(const struct sorted *sorted, double median, double margin)
{
    return median > margin    ? sorted->above
           : median < -margin ? sorted->below
                              : sorted->above + sorted->below;
}

static int plan_launches(const struct sorted *sorted, double median, double margin,
                         const vlt_judge_options *options)
{
    const double power = 0.9;
    if (fabs(median) > margin) {
        const int beyond = count_outside(sorted, median, margin);
        /* where all agree, as many as can decide at all: the next ones agree, too */
        const double hit = (size_t)beyond == sorted->count ? 1 : share(beyond, sorted->count);
        return vlt_plan_launches(hit, options->alpha, power, options->anytime,
                                 VLT_EXPERIMENT_PLAN_MAX);
    }
    return vlt_plan_equal(share(sorted->below, sorted->count), share(sorted->above, sorted->count),
                          options->coverage, power, options->anytime, VLT_EXPERIMENT_PLAN_MAX);
}

/* Time of a pair in a launch: two epochs, and a priming call before each that is not long. */
static double pair_s(const vlt_pair_run *run)
{
    double epoch_ns = (double)run->iterations * fmax(run->call_ns[0], run->call_ns[1]);
    double calls = (double)run->iterations + (epoch_ns > VLT_PAIR_LONG_NS ? 0 : 1);
    return 1e-9 * (calls * (run->call_ns[0] + run->call_ns[1]) + run->book_ns);
}

/* The scatter of launches seen contains what the shift of their pairs leaves (its variance is pi/3
 * of the mean's). */
static int plan_pairs(const vlt_experiment *experiment, const vlt_pair_run *last)
{
    enum { PAIRS_MIN = 10, PAIRS_MAX = 1000 };
    const double sigma = experiment->log_ratio_sigma;
    double within = 1.0233 * last->scatter / sqrt(last->used);
    double between = sqrt(fmax(sigma * sigma - within * within, 0.01 * sigma * sigma));
    double launch_cost_s = experiment->launch_s - last->pair_count * pair_s(last);
    return vlt_plan_pairs(fmax(launch_cost_s, 0), pair_s(last), last->scatter, between, PAIRS_MIN,
                          PAIRS_MAX);
}

/* Where a person looks for what to do. outside: of all launches, as count_outside. */
static void explain(vlt_experiment *experiment, int outside)
{
    vlt_judgement *judgement = &experiment->result.judgement;
    const int planned = experiment->launches_planned, *grouped = experiment->grouped;
    size_t used = strlen(judgement->reason), room = sizeof judgement->reason - used;
    char *end = judgement->reason + used;
    if (grouped[0]) {
        snprintf(end, room,
                 "; the processes are in two groups, %d near a ratio of %.3g and %d near %.3g: how "
                 "many would decide cannot be foretold",
                 grouped[0], experiment->group_ratio[0], grouped[1], experiment->group_ratio[1]);
    } else if (planned > VLT_EXPERIMENT_PLAN_MAX) {
        snprintf(end, room, "; with %d of %d processes outside it more than %d would be needed",
                 outside, experiment->result.launches, VLT_EXPERIMENT_PLAN_MAX);
    } else if (planned > 0) {
        snprintf(end, room, "; with %d of %d processes outside it about %d would decide", outside,
                 experiment->result.launches, planned);
    }
}

void vlt_experiment_plan(vlt_experiment *experiment, const vlt_judge_options *options)
{
    const vlt_measure_result *result = &experiment->result;
    const vlt_pair_run *last = &result->run[result->launches - 1];
    const double margin = log1p(options->margin);
    const double median = log(result->judgement.ratio);
    struct sorted sorted = {0};
    if (!(experiment->log_ratio_sigma > 0) || last->used == 0 ||
        !sort_launches(result, margin, &sorted)) {
        return;
    }
    if (result->judgement.verdict == VLT_VERDICT_INCONCLUSIVE &&
        !split_by_margin(&sorted, margin, experiment)) {
        experiment->launches_planned = plan_launches(&sorted, median, margin, options);
    }
    experiment->pairs_planned = plan_pairs(experiment, last);
    explain(experiment, count_outside(&sorted, median, margin));
    vlt_free(sorted.log_ratio);
}

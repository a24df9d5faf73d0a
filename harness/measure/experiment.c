#include "harness/measure/experiment.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/measure/statistics.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

enum { FAILURES_MAX = 3, LAUNCHES_LIMIT = 100000 };

vlt_experiment_options vlt_experiment_defaults(void)
{
    return (vlt_experiment_options){
        .launch = {.seed = 1,
                   .data_seed = 2,
                   .pairs = 100,
                   .limit_s = 0.18,
                   .timeout_s = 120,
                   .verify = true},
        .judge = vlt_judge_defaults(),
        .launches_min = 8,
        .launches_max = 40,
        .budget_s = 20,
    };
}

void vlt_experiment_release(vlt_experiment *experiment)
{
    vlt_measure_result_release(&experiment->result);
    *experiment = (vlt_experiment){0};
}

static vlt_status open_result(vlt_measure_result *result, int launches, vlt_error *err)
{
    void *runs = NULL, *seeds = NULL;
    vlt_status status = vlt_alloc((size_t)launches * sizeof *result->run, &runs, err);
    if (status == VLT_OK) {
        result->run = runs;
        status = vlt_alloc((size_t)launches * sizeof *result->seed, &seeds, err);
        result->seed = seeds;
    }
    return status;
}

/* Is it CPU time that is compared? Where most processes were crowded and both sides kept as many
 * CPUs busy: by CPU time alone, code that lost a thread looks equal. */
static bool is_by_cpu(const vlt_measure_result *result)
{
    const double most = 1.25; /* beside one busy thread, of 2 CPUs: half the threads keep 1.33 to 2
                                 times fewer CPUs busy, and processes scatter by 0.2 */
    int crowded = 0;
    double log_busy_ratio = 0;
    for (int i = 0; i < result->launches; i++) {
        crowded += result->run[i].crowded;
        log_busy_ratio += result->run[i].crowded ? result->run[i].log_busy_ratio : 0;
    }
    return 2 * crowded > result->launches && fabs(log_busy_ratio / crowded) < log(most);
}

/* What the launches' statistic is of; is it CPU time? */
static bool choose_clock(vlt_measure_result *result)
{
    bool by_cpu = is_by_cpu(result);
    for (int i = 0; i < result->launches; i++) {
        vlt_pair_run *run = &result->run[i];
        run->by_cpu = by_cpu && run->crowded;
        if (run->crowded) {
            run->log_ratio = run->by_cpu ? run->cpu_log_ratio : run->wall_log_ratio;
        }
    }
    return by_cpu;
}

static void explain_clock(vlt_judgement *judgement)
{
    size_t used = strlen(judgement->reason);
    snprintf(judgement->reason + used, sizeof judgement->reason - used,
             ", by CPU time: the threads waited for CPUs");
}

vlt_status vlt_experiment_judge(vlt_experiment *experiment, const vlt_judge_options *options,
                                vlt_error *err)
{
    vlt_measure_result *result = &experiment->result;
    size_t m = (size_t)result->launches;
    void *block;
    vlt_status status = vlt_alloc(3 * (m + 1) * sizeof(double), &block, err);
    if (status != VLT_OK) {
        return status;
    }
    double *log_ratio = block, *call_ns[2] = {log_ratio + m, log_ratio + 2 * m};
    bool by_cpu = choose_clock(result);
    result->pairs = 0;
    result->steadiness = m ? result->run[0].steadiness : VLT_STEADY_UNKNOWN;
    for (size_t i = 0; i < m; i++) {
        const vlt_pair_run *run = &result->run[i];
        log_ratio[i] = run->log_ratio;
        call_ns[0][i] = run->call_ns[0];
        call_ns[1][i] = run->call_ns[1];
        result->pairs += run->used;
        if (run->steadiness == VLT_STEADY_NO) {
            result->steadiness = VLT_STEADY_NO;
        }
    }
    vlt_judge(log_ratio, (int)m, options, &result->judgement);
    if (by_cpu) {
        explain_clock(&result->judgement);
    }
    vlt_sort(log_ratio, m);
    experiment->log_ratio_sigma = m < 3 ? NAN : vlt_scatter(log_ratio, m);
    for (int side = 0; side < 2; side++) {
        result->call_ns[side] = m ? vlt_median(call_ns[side], m) : NAN;
    }
    vlt_free(block);
    return VLT_OK;
}

/* Takes over what the launch measured. */
static void keep_launch(vlt_experiment *experiment, vlt_launch *launch, uint64_t seed)
{
    vlt_measure_result *result = &experiment->result;
    memcpy(experiment->cost, launch->cost, sizeof experiment->cost);
    memcpy(experiment->unit, launch->unit, sizeof experiment->unit);
    memcpy(experiment->note, launch->note, sizeof experiment->note);
    result->run[result->launches] = launch->run;
    result->seed[result->launches++] = seed;
    launch->run = (vlt_pair_run){0};
}

/* A launch, repeated with another seed when its process was ended from outside. */
static vlt_status launch_again(const vlt_side side[2], vlt_launch_options *options,
                               vlt_random *random, vlt_experiment *experiment, vlt_launch *launch,
                               vlt_error *err)
{
    vlt_status status = VLT_STATUS_STOPPED;
    for (int attempt = 0; attempt < FAILURES_MAX && status == VLT_STATUS_STOPPED; attempt++) {
        options->seed = vlt_random_next(random) >> 2; /* fits whatever stores it */
        status = vlt_launch_run(side, options, launch, err);
        experiment->failed_launches += status == VLT_STATUS_STOPPED;
    }
    return status;
}

/* In a process of its own: a launch that had verified first would find another heap than all the
 * others, and not the same one for A and for B. */
static vlt_status verify(const vlt_side side[2], const vlt_experiment_options *options,
                         vlt_experiment *experiment, vlt_error *err)
{
    vlt_launch_options launch_options = options->launch;
    vlt_random random = {options->launch.seed + 1}; /* the series keeps its own */
    vlt_launch launch;
    launch_options.pairs = 0;
    vlt_status status = launch_again(side, &launch_options, &random, experiment, &launch, err);
    vlt_launch_release(&launch);
    return status;
}

static vlt_status one_launch(const vlt_side side[2], const vlt_experiment_options *options,
                             vlt_random *random, vlt_experiment *experiment, vlt_error *err)
{
    vlt_launch_options launch_options = options->launch;
    vlt_launch launch;
    int index = experiment->result.launches;
    uint64_t begin = vlt_clock_wall(vlt_clock_system());
    launch_options.verify = false;
    launch_options.count = options->launch.count && index == 0;
    vlt_status status = launch_again(side, &launch_options, random, experiment, &launch, err);
    if (status != VLT_OK) {
        return status;
    }
    double spent_s = (double)(vlt_clock_wall(vlt_clock_system()) - begin) * 1e-9;
    double mean_s = index > 0 ? experiment->launch_s : 0;
    experiment->launch_s = mean_s + (spent_s - mean_s) / (index + 1);
    if (options->on_launch) {
        status = options->on_launch(options->user, index, launch_options.seed, &launch, err);
    }
    keep_launch(experiment, &launch, launch_options.seed);
    vlt_launch_release(&launch);
    return status;
}

double vlt_experiment_pressure(const vlt_experiment *experiment)
{
    double sum = 0;
    int known = 0;
    for (int i = 0; i < experiment->result.launches; i++) {
        double pressure = experiment->result.run[i].pressure;
        if (isfinite(pressure)) {
            sum += pressure;
            known++;
        }
    }
    return known ? sum / known : NAN;
}

static bool enough(const vlt_experiment *experiment, const vlt_experiment_options *options,
                   double spent_s)
{
    const vlt_judgement *judgement = &experiment->result.judgement;
    int launches = experiment->result.launches;
    if (launches < options->launches_min) {
        return false;
    }
    bool bounded = isfinite(judgement->high) || !options->until_bounded;
    bool clear = judgement->verdict != VLT_VERDICT_INCONCLUSIVE && bounded;
    return clear || (options->budget_s > 0 && spent_s > options->budget_s);
}

vlt_status vlt_experiment_run(const vlt_side side[2], const vlt_experiment_options *options,
                              vlt_experiment *experiment, vlt_error *err)
{
    vlt_random random = {options->launch.seed};
    uint64_t begin = vlt_clock_wall(vlt_clock_system());
    *experiment = (vlt_experiment){.log_ratio_sigma = NAN, .launch_s = NAN};
    int launches_max = options->launches_max < LAUNCHES_LIMIT ? options->launches_max
                                                              : LAUNCHES_LIMIT;
    vlt_status status = open_result(&experiment->result, launches_max, err);
    if (status == VLT_OK && options->launch.verify) {
        status = verify(side, options, experiment, err);
    }
    while (status == VLT_OK && experiment->result.launches < launches_max) {
        double spent_s = (double)(vlt_clock_wall(vlt_clock_system()) - begin) * 1e-9;
        if (enough(experiment, options, spent_s)) {
            break;
        }
        status = one_launch(side, options, &random, experiment, err);
        if (status == VLT_OK) {
            status = vlt_experiment_judge(experiment, &options->judge, err);
        }
    }
    if (status == VLT_STATUS_STOPPED) {
        /* the machine ends our processes: what came back before still counts */
        status = experiment->result.launches > 0
                     ? VLT_OK
                     : vlt_fail_in(err, VLT_STATUS_UNMEASURED,
                                   "no launch of '%s' came back: ", side[1].what);
    }
    if (experiment->result.launches > 0) {
        vlt_status judged = vlt_experiment_judge(experiment, &options->judge, NULL);
        status = status == VLT_OK ? judged : status;
        vlt_experiment_plan(experiment, &options->judge);
    }
    return status;
}

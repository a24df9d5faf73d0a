#include "harness/measure/measure.h"

#include <string.h>

#include "optimizations/core/memory.h"

vlt_measure_options vlt_measure_defaults(void)
{
    return (vlt_measure_options){
        .seed = 1, .budget_s = 1, .pairs_max = 2000, .judge = vlt_judge_defaults()};
}

void vlt_measure_result_release(vlt_measure_result *result)
{
    for (int i = 0; i < result->launches; i++) {
        vlt_pair_run_release(&result->run[i]);
    }
    vlt_free(result->run);
    vlt_free(result->seed);
    *result = (vlt_measure_result){0};
}

/* The pairs of one process as the sample. */
static vlt_status judge_pairs(const vlt_pair_run *run, const vlt_judge_options *options,
                              vlt_judgement *judgement, vlt_error *err)
{
    void *block = NULL;
    vlt_status status = vlt_alloc((size_t)run->pair_count * sizeof(double), &block, err);
    if (status != VLT_OK) {
        return status;
    }
    double *log_ratio = block;
    int n = vlt_pair_log_ratios(run, log_ratio);
    vlt_judge(log_ratio, n, options, judgement);
    vlt_free(block);
    return VLT_OK;
}

static vlt_status keep_run(vlt_measure_result *result, vlt_pair_run *run, uint64_t seed,
                           vlt_error *err)
{
    void *runs = NULL, *seeds = NULL;
    vlt_status status = vlt_alloc(sizeof *run, &runs, err);
    if (status == VLT_OK) {
        status = vlt_alloc(sizeof seed, &seeds, err);
    }
    if (status != VLT_OK) {
        vlt_free(runs);
        return status;
    }
    *result = (vlt_measure_result){.launches = 1, .run = runs, .seed = seeds};
    result->run[0] = *run;
    result->seed[0] = seed;
    memcpy(result->call_ns, run->call_ns, sizeof result->call_ns);
    result->pairs = run->used;
    result->steadiness = run->steadiness;
    *run = (vlt_pair_run){0};
    return VLT_OK;
}

vlt_status vlt_measure_subjects(const vlt_subject subject[2], bool whole_process,
                                const vlt_measure_options *options, vlt_measure_result *result,
                                vlt_error *err)
{
    vlt_pair_run run;
    vlt_pair_options pairs = {.seed = options->seed,
                              .pairs = options->pairs_max,
                              .pairs_min = 1,
                              .limit_s = options->budget_s,
                              .whole_process = whole_process,
                              .stop = options->stop,
                              .judge = &options->judge};
    *result = (vlt_measure_result){0};
    vlt_status status = vlt_pair_measure(NULL, subject, &pairs, &run, err);
    if (status != VLT_OK) {
        return status;
    }
    status = keep_run(result, &run, options->seed, err);
    if (status == VLT_OK) {
        status = judge_pairs(&result->run[0], &options->judge, &result->judgement, err);
    }
    if (status != VLT_OK) {
        vlt_pair_run_release(&run);
        vlt_measure_result_release(result);
    }
    return status;
}

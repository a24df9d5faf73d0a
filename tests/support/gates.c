#include "tests/support/gates.h"

#include <math.h>
#include <string.h>

#include "optimizations/core/memory.h"

static vlt_pair_run run_of(double log_ratio, double pressure)
{
    enum { PAIRS = 9, ITERATIONS = 10 };
    void *pairs;
    vlt_alloc(PAIRS * sizeof(vlt_pair), &pairs, NULL);
    vlt_pair_run run = {
        .pair = pairs, .pair_count = PAIRS, .iterations = ITERATIONS, .pressure = pressure};
    for (int i = 0; i < PAIRS; i++) {
        double a_ns = 2e6 + 100 * i;
        run.pair[i] = (vlt_pair){.wall_ns = {(uint64_t)a_ns, (uint64_t)(a_ns * exp(log_ratio))},
                                 .cpu_ns = {(uint64_t)a_ns, (uint64_t)(a_ns * exp(log_ratio))},
                                 .pressure = (float)pressure};
    }
    vlt_pair_summarise(&run, NULL);
    return run;
}

void test_gate_row(vlt_row *row, double ratio, double scatter, int launches, double pressure,
                   const vlt_judge_options *options)
{
    vlt_measure_result *result = &row->experiment.result;
    void *runs, *seeds;
    vlt_alloc((size_t)launches * sizeof *result->run, &runs, NULL);
    vlt_alloc((size_t)launches * sizeof *result->seed, &seeds, NULL);
    result->run = runs;
    result->seed = seeds;
    for (int i = 0; i < launches; i++) {
        double place = launches > 1 ? 2.0 * (i * 7 % launches) / (launches - 1) - 1 : 0;
        result->run[i] = run_of(log(ratio) + place * scatter, pressure);
        result->seed[i] = (uint64_t)i + 1;
    }
    result->launches = launches;
    row->status = VLT_OK;
    for (int i = 0; i < 6; i++) {
        row->experiment.cost[i / 3][i % 3] = 1e6;
    }
    memcpy(row->experiment.unit, "row", 4);
    vlt_experiment_judge(&row->experiment, options, NULL);
}

vlt_gate_stage *test_gate_stage(vlt_gate *gate, const char *name, double ratio, double scatter,
                                int launches, double pressure)
{
    const vlt_side side[2] = {{.what = name}, {.what = name}};
    vlt_gate_stage *stage = vlt_gate_add(gate, name, side, 0.01, NULL);
    vlt_judge_options judge = vlt_judge_defaults();
    test_gate_row(&stage->screen, ratio, scatter, launches, pressure, &judge);
    return stage;
}

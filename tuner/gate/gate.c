#include "tuner/gate/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/measure/disturbance.h"
#include "harness/measure/instructions.h"
#include "harness/measure/unpaired.h"
#include "optimizations/core/utf8_text.h"

vlt_gate_options vlt_gate_defaults(void)
{
    return (vlt_gate_options){
        .experiment = vlt_experiment_defaults(), .confirm_launches = 30, .pressure_max = 0.95};
}

vlt_gate_stage *vlt_gate_add(vlt_gate *gate, const char *name, const vlt_side side[2],
                             double margin, vlt_error *err)
{
    if (gate->stage_count == VLT_GATE_STAGES_MAX) {
        vlt_fail(err, VLT_STATUS_LIMIT, "gate: more than %d stages", VLT_GATE_STAGES_MAX);
        return NULL;
    }
    size_t count = (size_t)gate->stage_count + 1;
    vlt_gate_stage *stages = realloc(gate->stage, count * sizeof *stages);
    if (!stages) {
        vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu stages", count);
        return NULL;
    }
    gate->stage = stages;
    vlt_gate_stage *stage = &stages[gate->stage_count++];
    *stage = (vlt_gate_stage){.margin = margin,
                              .p_holm = NAN,
                              .p_confirm = NAN,
                              .instructions = {NAN, NAN},
                              .verdict = VLT_GATE_INCONCLUSIVE,
                              .screen = {.status = VLT_STATUS_UNMEASURED},
                              .confirm = {.status = VLT_STATUS_UNMEASURED}};
    vlt_utf8_format(stage->name, sizeof stage->name, "%s", name);
    for (int i = 0; i < 2; i++) {
        stage->library[i] = side[i].library;
        stage->what[i] = strdup(side[i].what);
    }
    if (!stage->what[0] || !stage->what[1]) {
        vlt_fail(err, VLT_STATUS_NOMEM, "gate: out of memory");
        return NULL;
    }
    return stage;
}

void vlt_gate_release(vlt_gate *gate)
{
    for (int i = 0; i < gate->stage_count; i++) {
        vlt_experiment_release(&gate->stage[i].screen.experiment);
        vlt_experiment_release(&gate->stage[i].confirm.experiment);
        free(gate->stage[i].stored);
        free(gate->stage[i].what[0]);
        free(gate->stage[i].what[1]);
    }
    free(gate->stage);
    *gate = (vlt_gate){0};
}

static void sides_of(const vlt_gate_stage *stage, vlt_side side[2])
{
    for (int i = 0; i < 2; i++) {
        side[i] = (vlt_side){.what = stage->what[i], .library = stage->library[i]};
    }
}

static void tell(const vlt_gate_options *options, const vlt_gate_stage *stage, const char *phase)
{
    if (options->progress) {
        options->progress(options->user, stage->name, phase);
    }
}

/* What others do to the CPUs while we sleep. */
static double measure_idle_pressure(void)
{
    vlt_disturbance_files files;
    vlt_disturbance before, after;
    vlt_disturbance_open(&files);
    vlt_disturbance_read(&files, 0, &before);
    usleep(500 * 1000);
    vlt_disturbance_read(&files, 0, &after);
    vlt_disturbance_close(&files);
    return vlt_disturbance_pressure(&before, &after);
}

vlt_status vlt_gate_check(const vlt_gate *gate, vlt_quality quality, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < gate->stage_count && status == VLT_OK; i++) {
        vlt_side side[2];
        sides_of(&gate->stage[i], side);
        for (int k = 0; k < 2 && status == VLT_OK; k++) {
            status = vlt_side_check(&side[k], quality, err);
        }
    }
    return status == VLT_OK ? VLT_OK : vlt_fail_in(err, status, "gate: ");
}

vlt_status vlt_gate_verify(vlt_gate *gate, const vlt_gate_options *options, vlt_error *err)
{
    for (int i = 0; i < gate->stage_count; i++) {
        vlt_gate_stage *stage = &gate->stage[i];
        vlt_launch_options launch_options = options->experiment.launch;
        vlt_error own = {0};
        vlt_launch launch;
        vlt_side side[2];
        sides_of(stage, side);
        tell(options, stage, "verifying");
        vlt_row_describe(&stage->screen, side);
        launch_options.pairs = 0;
        launch_options.verify = true;
        vlt_status status = vlt_launch_run(side, &launch_options, &launch, &own);
        vlt_launch_release(&launch);
        if (status == VLT_STATUS_INTERRUPTED) {
            return vlt_fail(err, status, "%s", own.message);
        }
        stage->screen.status = status;
        vlt_utf8_format(stage->screen.invalid_reason, sizeof stage->screen.invalid_reason, "%s",
                        own.message);
        if (status == VLT_STATUS_WRONG) {
            stage->verdict = VLT_GATE_WRONG;
        }
    }
    return VLT_OK;
}

/* Distinct seeds for every stage and series, all from the one that was given. */
static uint64_t series_seed(const vlt_gate_options *options, int stage, int series)
{
    return options->experiment.launch.seed + 1000003u * (uint64_t)(stage + 1) +
           7919u * (uint64_t)series;
}

/* Against a stored run there is one look, at the end: its statistic has no anytime form. */
static vlt_status judge_against_stored(const vlt_gate_stage *stage, vlt_row *row,
                                       const vlt_judge_options *options, vlt_error *err)
{
    double now[VLT_UNPAIRED_MAX];
    vlt_measure_result *result = &row->experiment.result;
    int count = result->launches < VLT_UNPAIRED_MAX ? result->launches : VLT_UNPAIRED_MAX;
    if (!stage->stored || count == 0) {
        return VLT_OK;
    }
    for (int i = 0; i < count; i++) {
        now[i] = result->run[i].log_ratio;
    }
    return vlt_judge_unpaired(stage->stored, stage->stored_count, now, count, options,
                              &result->judgement, err);
}

static void fix_launches(const vlt_gate_stage *stage, vlt_experiment_options *experiment)
{
    enum { STORED_LAUNCHES = 20 };
    if (stage->stored) {
        experiment->launches_min = experiment->launches_max =
            experiment->launches_max < STORED_LAUNCHES ? experiment->launches_max : STORED_LAUNCHES;
    }
}

/* One series of one stage into *row. */
static vlt_status measure_series(vlt_gate_stage *stage, vlt_row *row,
                                 const vlt_gate_options *options,
                                 vlt_experiment_options *experiment, vlt_error *err)
{
    vlt_side side[2];
    sides_of(stage, side);
    experiment->launch.verify = false;
    experiment->launch.limit_s = stage->limit_s > 0 ? stage->limit_s : experiment->launch.limit_s;
    experiment->judge.margin = stage->margin;
    fix_launches(stage, experiment);
    if (options->recorder) {
        vlt_recorder_row(options->recorder, side);
        experiment->on_launch = vlt_recorder_launch;
        experiment->user = options->recorder;
        experiment->launch.count = true;
    }
    uint64_t begin_ns = vlt_clock_wall(vlt_clock_system());
    vlt_status status = vlt_row_measure(row, side, experiment, err);
    if (status == VLT_OK) {
        status = judge_against_stored(stage, row, &experiment->judge, err);
    }
    if (status == VLT_OK && options->recorder && row->status != VLT_OK) {
        status = vlt_recorder_failure(options->recorder, row, err);
    }
    stage->seconds += (double)(vlt_clock_wall(vlt_clock_system()) - begin_ns) * 1e-9;
    return status;
}

static vlt_status screen_stages(vlt_gate *gate, const vlt_gate_options *options, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < gate->stage_count && status == VLT_OK; i++) {
        vlt_gate_stage *stage = &gate->stage[i];
        vlt_experiment_options experiment = options->experiment;
        if (stage->screen.status != VLT_OK) {
            continue;
        }
        tell(options, stage, "measuring");
        experiment.launch.seed = series_seed(options, i, 0);
        experiment.judge.alpha = options->experiment.judge.alpha / gate->stage_count;
        status = measure_series(stage, &stage->screen, options, &experiment, err);
    }
    return status;
}

static vlt_status confirm_stages(vlt_gate *gate, const vlt_gate_options *options,
                                 const bool *needed, vlt_error *err)
{
    int suspects = 0;
    vlt_status status = VLT_OK;
    for (int i = 0; i < gate->stage_count; i++) {
        suspects += needed[i];
    }
    for (int i = 0; i < gate->stage_count && status == VLT_OK; i++) {
        vlt_gate_stage *stage = &gate->stage[i];
        vlt_experiment_options experiment = options->experiment;
        if (!needed[i]) {
            continue;
        }
        tell(options, stage, "confirming");
        experiment.launch.seed = series_seed(options, i, 1);
        experiment.judge.alpha = options->experiment.judge.alpha / suspects;
        experiment.launches_max = options->confirm_launches;
        status = measure_series(stage, &stage->confirm, options, &experiment, err);
    }
    return status;
}

vlt_status vlt_gate_measure(vlt_gate *gate, const vlt_gate_options *options, vlt_error *err)
{
    bool needed[VLT_GATE_STAGES_MAX] = {false};
    vlt_status status = screen_stages(gate, options, err);
    if (status == VLT_OK && vlt_gate_screen(gate, options, needed)) {
        status = confirm_stages(gate, options, needed, err);
    }
    vlt_gate_judge(gate, options);
    return status;
}

static bool any_wrong(const vlt_gate *gate)
{
    bool wrong = false;
    for (int i = 0; i < gate->stage_count; i++) {
        wrong |= gate->stage[i].verdict == VLT_GATE_WRONG;
    }
    return wrong;
}

vlt_status vlt_gate_run(vlt_gate *gate, const vlt_gate_options *options, vlt_error *err)
{
    gate->idle_pressure = measure_idle_pressure();
    vlt_status status = vlt_gate_verify(gate, options, err);
    gate->crowded = gate->idle_pressure > options->pressure_max;
    if (status == VLT_OK && !any_wrong(gate) && !gate->crowded) {
        return vlt_gate_measure(gate, options, err);
    }
    vlt_gate_judge(gate, options);
    return status;
}

vlt_status vlt_gate_count(vlt_gate *gate, const vlt_gate_options *options, vlt_error *err)
{
    gate->idle_pressure = NAN; /* does not matter to a count */
    vlt_status status = vlt_gate_verify(gate, options, err);
    for (int i = 0; i < gate->stage_count && status == VLT_OK && !any_wrong(gate); i++) {
        vlt_gate_stage *stage = &gate->stage[i];
        vlt_error own = {0};
        vlt_side side[2];
        sides_of(stage, side);
        tell(options, stage, "counting");
        for (int s = 0; s < 2 && stage->screen.status == VLT_OK; s++) {
            double count = NAN;
            stage->screen.status = vlt_instructions_count(&side[s], &options->experiment.launch,
                                                          &count, &own);
            stage->instructions[s] = stage->screen.status == VLT_OK ? count : NAN;
        }
        vlt_utf8_format(stage->screen.invalid_reason, sizeof stage->screen.invalid_reason, "%s",
                        own.message);
        if (stage->screen.status == VLT_STATUS_INTERRUPTED) {
            status = vlt_fail(err, VLT_STATUS_INTERRUPTED, "%s", own.message);
        }
    }
    vlt_gate_judge(gate, options);
    return status;
}

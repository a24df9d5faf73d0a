/* The verdicts of a gate, from what was measured; declared in gate.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/measure/statistics.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/gate/gate.h"

const char *vlt_gate_verdict_name(vlt_gate_verdict verdict)
{
    static const char *const names[] = {"pass", "inconclusive", "regression", "wrong"};
    return names[verdict];
}

/* Slower beyond the margin, by direction as well as by p: a p of a series that ended elsewhere must
 * not condemn. */
static bool beyond_margin(const vlt_gate_stage *stage, const vlt_row *row)
{
    return row->experiment.result.judgement.ratio > 1 + stage->margin;
}

/* Holm over every stage that was measured, whatever it shows: all of them could fail the gate. */
static void adjust_screen(vlt_gate *gate)
{
    double p[VLT_GATE_STAGES_MAX], adjusted[VLT_GATE_STAGES_MAX];
    int n = 0;
    for (int i = 0; i < gate->stage_count; i++) {
        if (vlt_row_measured(&gate->stage[i].screen)) {
            p[n++] = gate->stage[i].screen.experiment.result.judgement.p_slower;
        }
    }
    vlt_holm(p, n, adjusted);
    for (int i = 0, k = 0; i < gate->stage_count; i++) {
        bool measured = vlt_row_measured(&gate->stage[i].screen);
        gate->stage[i].p_holm = measured ? adjusted[k++] : NAN;
    }
}

bool vlt_gate_screen(vlt_gate *gate, const vlt_gate_options *options, bool *needs_confirming)
{
    bool any = false;
    adjust_screen(gate);
    for (int i = 0; i < gate->stage_count; i++) {
        vlt_gate_stage *stage = &gate->stage[i];
        needs_confirming[i] = stage->p_holm <= options->experiment.judge.alpha &&
                              beyond_margin(stage, &stage->screen) &&
                              !(vlt_experiment_pressure(&stage->screen.experiment) >
                                options->pressure_max);
        any |= needs_confirming[i];
    }
    return any;
}

static void adjust_confirm(vlt_gate *gate)
{
    double p[VLT_GATE_STAGES_MAX], adjusted[VLT_GATE_STAGES_MAX];
    int n = 0;
    for (int i = 0; i < gate->stage_count; i++) {
        if (vlt_row_measured(&gate->stage[i].confirm)) {
            p[n++] = gate->stage[i].confirm.experiment.result.judgement.p_slower;
        }
    }
    vlt_holm(p, n, adjusted);
    for (int i = 0, k = 0; i < gate->stage_count; i++) {
        bool measured = vlt_row_measured(&gate->stage[i].confirm);
        gate->stage[i].p_confirm = measured ? adjusted[k++] : NAN;
    }
}

static void set_verdict(vlt_gate_stage *stage, vlt_gate_verdict verdict, const char *reason)
{
    stage->verdict = verdict;
    vlt_utf8_format(stage->reason, sizeof stage->reason, "%s", reason);
}

/* An uncertain verdict of what was measured says how busy the machine was meanwhile. */
static void set_uncertain(vlt_gate_stage *stage, const vlt_row *row, const char *reason)
{
    char text[VLT_GATE_REASON_BYTES];
    vlt_row_uncertainty(row, reason, text, sizeof text);
    set_verdict(stage, VLT_GATE_INCONCLUSIVE, text);
}

static void judge_suspect(vlt_gate_stage *stage, const vlt_gate_options *options)
{
    char text[VLT_GATE_REASON_BYTES];
    const vlt_judgement *first = &stage->screen.experiment.result.judgement;
    const vlt_judgement *second = &stage->confirm.experiment.result.judgement;
    if (!vlt_row_measured(&stage->confirm)) {
        set_uncertain(stage, &stage->screen, "slower at first, but not measured a second time");
    } else if (stage->p_confirm <= options->experiment.judge.alpha &&
               beyond_margin(stage, &stage->confirm)) {
        snprintf(text, sizeof text,
                 "%.1f %% slower, confirmed as %.1f %% by %d more processes (p = %.2g)",
                 100 * (first->ratio - 1), 100 * (second->ratio - 1),
                 stage->confirm.experiment.result.launches, stage->p_confirm);
        set_verdict(stage, VLT_GATE_REGRESSION, text);
    } else {
        snprintf(text, sizeof text,
                 "%.1f %% slower at first, not confirmed by fresh processes (%.1f %%, p = %.2g)",
                 100 * (first->ratio - 1), 100 * (second->ratio - 1), stage->p_confirm);
        set_uncertain(stage, &stage->confirm, text);
    }
}

static bool counted(const vlt_gate_stage *stage)
{
    return isfinite(stage->instructions[0]) && isfinite(stage->instructions[1]);
}

static void judge_count(vlt_gate_stage *stage)
{
    char text[VLT_GATE_REASON_BYTES];
    const double *count = stage->instructions;
    snprintf(text, sizeof text, "%.0f instructions a call, %.0f before (%+.3f %%)", count[1],
             count[0], 100 * (count[1] / count[0] - 1));
    set_verdict(stage,
                count[1] > count[0] * (1 + stage->margin) ? VLT_GATE_REGRESSION : VLT_GATE_PASS,
                text);
}

static void judge_stage(vlt_gate_stage *stage, const vlt_gate_options *options)
{
    char text[VLT_GATE_REASON_BYTES];
    const vlt_judgement *judgement = &stage->screen.experiment.result.judgement;
    double pressure = vlt_experiment_pressure(&stage->screen.experiment);
    if (stage->screen.status == VLT_STATUS_WRONG) {
        set_verdict(stage, VLT_GATE_WRONG, stage->screen.invalid_reason);
    } else if (counted(stage)) {
        judge_count(stage);
    } else if (!vlt_row_measured(&stage->screen)) {
        set_verdict(stage, VLT_GATE_INCONCLUSIVE,
                    stage->screen.invalid_reason[0] ? stage->screen.invalid_reason
                                                    : "not measured");
    } else if (pressure > options->pressure_max) {
        snprintf(text, sizeof text,
                 "no verdict under pressure: CPUs were waited for %.0f %% of the time, at most "
                 "%.0f %% is accepted",
                 100 * pressure, 100 * options->pressure_max);
        set_verdict(stage, VLT_GATE_INCONCLUSIVE, text);
    } else if (stage->p_holm <= options->experiment.judge.alpha &&
               beyond_margin(stage, &stage->screen)) {
        judge_suspect(stage, options);
    } else if (judgement->high <= 1 + stage->margin) {
        snprintf(text, sizeof text, "at most %.1f %% slower, margin %.3g %%",
                 fmax(0, 100 * (judgement->high - 1)), 100 * stage->margin);
        set_verdict(stage, VLT_GATE_PASS,
                    judgement->verdict == VLT_VERDICT_FASTER ? "faster" : text);
    } else {
        set_uncertain(stage, &stage->screen, judgement->reason);
    }
}

/* A gate of which nothing could be judged has not passed. */
static void judge_whole(vlt_gate *gate, const vlt_gate_options *options)
{
    int count[4] = {0};
    gate->verdict = VLT_GATE_PASS;
    for (int i = 0; i < gate->stage_count; i++) {
        vlt_gate_verdict verdict = gate->stage[i].verdict;
        count[verdict]++;
        gate->verdict = verdict > gate->verdict ? verdict : gate->verdict;
    }
    if (gate->stage_count == 0) {
        gate->verdict = VLT_GATE_INCONCLUSIVE;
    }
    if (gate->crowded && count[VLT_GATE_WRONG] == 0) {
        snprintf(
            gate->reason, sizeof gate->reason,
            "the machine is busy: CPUs were waited for %.0f %% of the time before anything was "
            "measured, at most %.0f %% is accepted",
            100 * gate->idle_pressure, 100 * options->pressure_max);
    } else {
        snprintf(gate->reason, sizeof gate->reason,
                 "%d of %d stages pass, %d inconclusive, %d slower, %d wrong", count[VLT_GATE_PASS],
                 gate->stage_count, count[VLT_GATE_INCONCLUSIVE], count[VLT_GATE_REGRESSION],
                 count[VLT_GATE_WRONG]);
    }
}

double vlt_gate_pressure(const vlt_gate *gate)
{
    double sum = 0;
    int known = 0;
    for (int i = 0; i < gate->stage_count; i++) {
        double pressure = vlt_experiment_pressure(&gate->stage[i].screen.experiment);
        if (isfinite(pressure)) {
            sum += pressure;
            known++;
        }
    }
    return known ? sum / known : NAN;
}

void vlt_gate_judge(vlt_gate *gate, const vlt_gate_options *options)
{
    adjust_screen(gate);
    adjust_confirm(gate);
    for (int i = 0; i < gate->stage_count; i++) {
        judge_stage(&gate->stage[i], options);
    }
    judge_whole(gate, options);
}

vlt_status vlt_gate_status(const vlt_gate *gate, bool strict, vlt_error *err)
{
    bool measured = false, runnable = false;
    for (int i = 0; i < gate->stage_count; i++) {
        measured |= vlt_row_measured(&gate->stage[i].screen) || counted(&gate->stage[i]);
        runnable |= gate->stage[i].screen.status == VLT_OK;
    }
    for (int i = 0; i < gate->stage_count; i++) {
        const vlt_gate_stage *stage = &gate->stage[i];
        if (stage->verdict != gate->verdict) {
            continue;
        }
        if (stage->verdict == VLT_GATE_WRONG) {
            return vlt_fail(err, VLT_STATUS_WRONG, "%s: %s", stage->name, stage->reason);
        }
        if (stage->verdict == VLT_GATE_REGRESSION) {
            return vlt_fail(err, VLT_STATUS_REGRESSION, "%s: %s", stage->name, stage->reason);
        }
    }
    /* what the user can mend (a wrong name, a library that is none) is not "nothing measured" */
    const vlt_row *first = gate->stage_count ? &gate->stage[0].screen : NULL;
    bool mendable = first && vlt_row_mendable(first) && first->status != VLT_STATUS_UNSUPPORTED;
    if (!measured && mendable) {
        return vlt_fail(err, first->status, "%s: %s", gate->stage[0].name, first->invalid_reason);
    }
    /* on a quiet machine nothing would have been measured either, where nothing can run */
    if (!measured && !(gate->crowded && runnable)) {
        return vlt_fail(err, VLT_STATUS_UNMEASURED, "gate: nothing was measured: %s",
                        first ? gate->stage[0].reason : "there is no stage");
    }
    if (gate->verdict == VLT_GATE_INCONCLUSIVE && strict) {
        return vlt_fail(err, VLT_STATUS_INCONCLUSIVE, "gate: %s", gate->reason);
    }
    return VLT_OK;
}

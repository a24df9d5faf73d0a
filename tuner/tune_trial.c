#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/measure/launch.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/tune_internal.h"

enum { PAIRS = 40, WHAT_BYTES = 768 };

/* A trial that takes this many times what the baseline took is hanging. */
static const double patience = 6, patience_min_s = 2, patience_unknown_s = 20;

static vlt_outcome outcome_of(vlt_status status, vlt_child_end end)
{
    switch (status) {
    case VLT_OK:
        return VLT_OUTCOME_OK;
    case VLT_STATUS_WRONG:
        return VLT_OUTCOME_WRONG;
    case VLT_STATUS_UNSUPPORTED:
    case VLT_STATUS_USAGE:
    case VLT_STATUS_LIMIT:
        return VLT_OUTCOME_INVALID;
    case VLT_STATUS_NOMEM:
        return VLT_OUTCOME_MEMORY;
    default:
        return end == VLT_CHILD_TIMEOUT   ? VLT_OUTCOME_TIMEOUT
               : end == VLT_CHILD_MEMORY  ? VLT_OUTCOME_MEMORY
               : end == VLT_CHILD_CRASHED ? VLT_OUTCOME_CRASH
                                          : VLT_OUTCOME_FAILED;
    }
}

static void format_what(const vlt_tune_item *item, const vlt_setting *setting, char *what)
{
    char knobs[VLT_SETTING_BYTES];
    vlt_binding_format(setting->variant, &setting->binding, knobs, sizeof knobs);
    vlt_utf8_format(what, WHAT_BYTES, "%s/%s@%s%s%s", item->met.op, setting->variant->name,
                    item->met.problem, knobs[0] ? ":" : "", knobs);
}

static vlt_status store_trial(vlt_tuner *tuner, const vlt_tune_item *item,
                              const vlt_setting *setting, const char *stage, uint64_t seed,
                              const vlt_launch *launch, const vlt_trial_shown *shown,
                              const char *message, vlt_error *err)
{
    char knobs[VLT_SETTING_BYTES];
    bool ok = shown->outcome == VLT_OUTCOME_OK;
    vlt_binding_format(setting->variant, &setting->binding, knobs, sizeof knobs);
    const vlt_store_trial trial = {
        .workload = {item->met.op, item->met.bucket, item->met.problem, ""},
        .variant = setting->variant->name,
        .knobs = knobs,
        .stage = stage,
        .seed = seed,
        .outcome = shown->outcome,
        .message = ok ? NULL : message,
        .run = ok ? &launch->run : NULL,
        .wall_s = shown->wall_s};
    return vlt_store_add_trial(tuner->store, tuner->session, &trial, NULL, err);
}

vlt_status vlt_tuner_try(vlt_tuner *tuner, vlt_tune_item *item, const vlt_setting *setting,
                         const char *stage, bool verify, double limit_s, vlt_trial_shown *shown,
                         vlt_error *err)
{
    char what[2][WHAT_BYTES];
    const vlt_setting baseline = vlt_space_baseline(&item->search.space);
    format_what(item, &baseline, what[0]);
    format_what(item, setting, what[1]);
    double left_s = vlt_tuner_left(tuner, 1);
    double wanted_s = isnan(item->wall_s) ? patience_unknown_s
                                          : fmax(patience_min_s, patience * item->wall_s);
    const vlt_side side[2] = {{.what = what[0]}, {.what = what[1]}};
    const vlt_launch_options options = {
        .program = tuner->program,
        .seed = ++tuner->launch_seed,
        .data_seed = tuner->launch_seed % 7 + 1, /* several inputs, and so several verifications */
        .pairs = PAIRS,
        .limit_s = limit_s,
        .timeout_s = fmin(wanted_s, left_s),
        .memory_bytes = tuner->machine->caps.memory_bytes / 2,
        .threads = tuner->options->threads,
        .quality = tuner->options->quality,
        .verify = verify,
        .a_is_reference = true,
        .stop = tuner->options->stop};
    vlt_launch launch;
    vlt_error failure = {0};
    *shown = (vlt_trial_shown){.log_ratio = NAN, .call_ns = {NAN, NAN}};
    if (left_s <= 0) {
        return VLT_STATUS_INTERRUPTED;
    }
    double begin_s = vlt_tuner_elapsed(tuner);
    vlt_status status = vlt_launch_run(side, &options, &launch, &failure);
    shown->wall_s = vlt_tuner_elapsed(tuner) - begin_s;
    shown->outcome = outcome_of(status, launch.end);
    if (status == VLT_STATUS_INTERRUPTED ||
        (shown->outcome == VLT_OUTCOME_TIMEOUT && left_s < wanted_s)) {
        vlt_launch_release(&launch);
        return VLT_STATUS_INTERRUPTED; /* our own hurry says nothing about the setting */
    }
    if (status == VLT_OK) {
        shown->log_ratio = launch.run.log_ratio;
        memcpy(shown->call_ns, launch.run.call_ns, sizeof shown->call_ns);
    }
    item->trials++;
    item->failed += shown->outcome != VLT_OUTCOME_OK;
    tuner->result->trials++;
    status = store_trial(tuner, item, setting, stage, options.seed, &launch, shown, failure.message,
                         err);
    if (shown->outcome != VLT_OUTCOME_OK && !item->why[0]) {
        vlt_utf8_format(item->why, sizeof item->why, "%s: %s", vlt_outcome_name(shown->outcome),
                        failure.message);
    }
    vlt_launch_release(&launch);
    return status;
}

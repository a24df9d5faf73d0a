/* The raw times of one setting, from child processes. */
#include <math.h>
#include <string.h>

#include "harness/measure/launch.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/record/record_internal.h"

enum { WHAT_BYTES = 768, PATIENCE = 8, LAUNCHES_MAX = 32 };

/* Measuring time of a launch, and when its child hangs. */
static const double limit_s = 2, timeout_s = 60;

static void format_what(const vlt_record_problem *problem, const vlt_setting *setting, char *what)
{
    char knobs[VLT_SETTING_BYTES];
    vlt_binding_format(setting->variant, &setting->binding, knobs, sizeof knobs);
    vlt_utf8_format(what, WHAT_BYTES, "%s/%s@%s%s%s", problem->problem.op->name,
                    setting->variant->name, problem->text, knobs[0] ? ":" : "", knobs);
}

static vlt_validity validity_of(vlt_status status, vlt_child_end end)
{
    switch (status) {
    case VLT_STATUS_WRONG:
        return VLT_VALIDITY_CORRECTNESS;
    case VLT_STATUS_UNSUPPORTED:
    case VLT_STATUS_USAGE:
    case VLT_STATUS_LIMIT:
        return VLT_VALIDITY_CONSTRAINTS;
    default:
        return end == VLT_CHILD_TIMEOUT ? VLT_VALIDITY_TIMEOUT : VLT_VALIDITY_RUNTIME;
    }
}

/* Both sides of a pair are the setting itself: two times a pair, to tenths of a nanosecond. Those
 * that the system interrupted do not count, unless that goes on for many launches. */
static int keep_runs(const vlt_pair_run *run, bool all, double *run_ms, int count)
{
    for (int i = 0; i < run->pair_count; i++) {
        for (int side = 0; side < 2 && count < VLT_RECORD_RUNS; side++) {
            double wall_ns = (double)run->pair[i].wall_ns[side] - run->overhead_ns;
            bool quiet = run->pair[i].flags == 0;
            if ((quiet || (all && vlt_pair_used(run, i))) && wall_ns > 0) {
                run_ms[count++] = round(wall_ns / (double)run->iterations * 10) / 1e7;
            }
        }
    }
    return count;
}

vlt_status vlt_record_measure(const vlt_record_options *options, const vlt_machine *machine,
                              const vlt_record_problem *problem, const vlt_setting *setting,
                              uint64_t seed, double *run_ms, vlt_validity *validity, vlt_error *err)
{
    char what[WHAT_BYTES];
    format_what(problem, setting, what);
    const vlt_side side[2] = {{.what = what}, {.what = what}};
    int count = 0;
    *validity = VLT_VALIDITY_CORRECT;
    for (int i = 0; i < LAUNCHES_MAX && count < VLT_RECORD_RUNS; i++) {
        const vlt_launch_options launch_options = {.program = options->program,
                                                   .seed = seed * LAUNCHES_MAX + (uint64_t)i,
                                                   .data_seed = seed % 7 + 1,
                                                   .pairs = (VLT_RECORD_RUNS - count + 1) / 2,
                                                   .limit_s = limit_s,
                                                   .timeout_s = timeout_s,
                                                   .memory_bytes = machine->caps.memory_bytes / 2,
                                                   .threads = options->threads,
                                                   .quality = options->quality,
                                                   .verify = i == 0,
                                                   .stop = options->stop};
        vlt_launch launch;
        vlt_status status = vlt_launch_run(side, &launch_options, &launch, err);
        if (status == VLT_OK) {
            count = keep_runs(&launch.run, i >= PATIENCE, run_ms, count);
        }
        vlt_launch_release(&launch);
        if (options->stop && options->stop()) {
            return vlt_fail(err, VLT_STATUS_INTERRUPTED, "stopped");
        }
        if (status == VLT_STATUS_IO || status == VLT_STATUS_INTERRUPTED) {
            return status; /* ours, not the setting's */
        }
        if (status != VLT_OK) {
            *validity = validity_of(status, launch.end);
            return VLT_OK;
        }
    }
    *validity = count < VLT_RECORD_RUNS ? VLT_VALIDITY_TIMEOUT : VLT_VALIDITY_CORRECT;
    return VLT_OK;
}

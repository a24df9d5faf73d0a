/* Figures of a self-check from its lines; declared in selfcheck.h. */
#include <math.h>
#include <stdlib.h>

#include "harness/json/json_make.h"
#include "harness/measure/statistics.h"
#include "tuner/selfcheck/selfcheck.h"

const int vlt_selfcheck_work[VLT_SELFCHECK_WORKS] = {1000, 1020, 1030, 1050};

static bool matches(const vlt_selfcheck_line *line, int busy, int kernel, int work)
{
    return (busy < 0 || line->busy == busy) && (kernel < 0 || line->kernel == kernel) &&
           (work < 0 || line->work == work);
}

/* Is this the first line of its gate, and was any kernel of the gate judged slower? The lines of a
 * gate stand together. */
static bool begins_gate(const vlt_selfcheck *check, int i)
{
    const vlt_selfcheck_line *line = &check->line[i], *before = line - 1;
    return i == 0 || before->gate != line->gate || before->busy != line->busy ||
           before->work != line->work;
}

static bool gate_failed(const vlt_selfcheck *check, int i)
{
    bool failed = false;
    for (int k = i; k < check->count && (k == i || !begins_gate(check, k)); k++) {
        failed |= check->line[k].verdict >= VLT_GATE_REGRESSION;
    }
    return failed;
}

/* Scatter of the launches around the median of their own series. */
static void add_deviations(const vlt_selfcheck_line *line, double *deviation, size_t *n)
{
    double values[VLT_SELFCHECK_LAUNCHES], sorted[VLT_SELFCHECK_LAUNCHES];
    for (int i = 0; i < line->launches; i++) {
        values[i] = sorted[i] = line->ppm[i] * 1e-6;
    }
    if (line->launches > 1) {
        double median = vlt_median(sorted, (size_t)line->launches);
        for (int i = 0; i < line->launches; i++) {
            deviation[(*n)++] = fabs(values[i] - median);
        }
    }
}

void vlt_selfcheck_figure(const vlt_selfcheck *check, int busy, int kernel, int work,
                          vlt_selfcheck_figures *f)
{
    size_t room = (size_t)check->count * VLT_SELFCHECK_LAUNCHES + 1, deviations = 0;
    double *deviation = malloc(room * sizeof *deviation);
    double *seconds = malloc(((size_t)check->count + 1) * sizeof *seconds);
    *f = (vlt_selfcheck_figures){.failed_upper = NAN,
                                 .slower_lower = NAN,
                                 .slower_upper = NAN,
                                 .seconds_median = NAN,
                                 .launch_sigma = NAN};
    for (int i = 0; i < check->count; i++) {
        const vlt_selfcheck_line *line = &check->line[i];
        if (matches(line, busy, -1, work) && begins_gate(check, i)) {
            f->gates++;
            f->failed_gates += gate_failed(check, i);
        }
        if (!matches(line, busy, kernel, work)) {
            continue;
        }
        f->slower += line->verdict >= VLT_GATE_REGRESSION;
        f->rivals.replays += line->rivals.replays;
        f->rivals.google_benchmark += line->rivals.google_benchmark;
        f->rivals.criterion += line->rivals.criterion;
        f->rivals.threshold += line->rivals.threshold;
        if (seconds && deviation) {
            seconds[f->series] = line->seconds;
            add_deviations(line, deviation, &deviations);
        }
        f->series++;
    }
    if (f->gates > 0) {
        f->failed_upper = vlt_proportion_upper(f->failed_gates, f->gates, 0.95);
    }
    if (f->series > 0) {
        f->slower_lower = vlt_proportion_lower(f->slower, f->series, 0.95);
        f->slower_upper = vlt_proportion_upper(f->slower, f->series, 0.95);
        f->seconds_median = seconds ? vlt_median(seconds, (size_t)f->series) : NAN;
    }
    if (deviations > 0) {
        f->launch_sigma = 1.4826 * vlt_median(deviation, deviations);
    }
    free(deviation);
    free(seconds);
}

static json_t *share(int part, int whole)
{
    return whole ? vlt_json_real((double)part / whole) : json_null();
}

static json_t *figures_to_json(const vlt_selfcheck *check, int busy, int kernel, int work)
{
    vlt_selfcheck_figures f;
    vlt_selfcheck_figure(check, busy, kernel, work, &f);
    return vlt_json_make(
        "{s:s, s:s, s:f, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o}", "machine",
        busy < 0 ? "any"
        : busy   ? "busy neighbour"
                 : "as it is",
        "kernel", kernel < 0 ? "any" : vlt_probe_name(kernel), "injected",
        vlt_selfcheck_work[work] / 1000.0 - 1, "series", f.series, "slower", f.slower, "share",
        share(f.slower, f.series), "share_low", vlt_json_real(f.slower_lower), "share_high",
        vlt_json_real(f.slower_upper), "seconds_median", vlt_json_real(f.seconds_median),
        "launch_sigma", vlt_json_real(f.launch_sigma), "replays", f.rivals.replays,
        "google_benchmark", share(f.rivals.google_benchmark, f.rivals.replays), "criterion",
        share(f.rivals.criterion, f.rivals.replays), "threshold_5_percent",
        share(f.rivals.threshold, f.rivals.replays));
}

static json_t *costs_to_json(const vlt_selfcheck_costs *costs)
{
    bool known = costs->known;
    return vlt_json_make("{s:o, s:o, s:o, s:o, s:o}", "overhead_ns",
                         vlt_json_real(known ? costs->clock.overhead_ns : NAN), "tick_ns",
                         vlt_json_real(known ? costs->clock.tick_ns : NAN), "thread_clock_ns",
                         vlt_json_real(known ? costs->clock.thread_ns : NAN),
                         "pair_book_keeping_ns", vlt_json_real(known ? costs->book_ns : NAN),
                         "empty_kernel_ns", vlt_json_real(known ? costs->empty_ns : NAN));
}

json_t *vlt_selfcheck_to_json(const vlt_selfcheck *check)
{
    json_t *rows = json_array(), *gates = json_array();
    for (int busy = -1; busy <= 1; busy++) {
        vlt_selfcheck_figures f;
        vlt_selfcheck_figure(check, busy, -1, 0, &f);
        vlt_json_append(&gates, vlt_json_make("{s:s, s:i, s:i, s:o, s:f}", "machine",
                                              busy < 0 ? "any"
                                              : busy   ? "busy neighbour"
                                                       : "as it is",
                                              "gates", f.gates, "false_failures", f.failed_gates,
                                              "upper_bound", vlt_json_real(f.failed_upper),
                                              "confidence", 0.95));
        for (int kernel = -1; kernel < VLT_PROBE_COUNT; kernel++) {
            for (int work = 0; work < VLT_SELFCHECK_WORKS; work++) {
                vlt_json_append(&rows, figures_to_json(check, busy, kernel, work));
            }
        }
    }
    return vlt_json_make("{s:o, s:o, s:o, s:o, s:s}", "clock", costs_to_json(&check->costs[0]),
                         "clock_busy_neighbour", costs_to_json(&check->costs[1]), "a_a_gates",
                         gates, "rows", rows, "note", check->note);
}

void vlt_selfcheck_release(vlt_selfcheck *check)
{
    free(check->line);
    *check = (vlt_selfcheck){0};
}

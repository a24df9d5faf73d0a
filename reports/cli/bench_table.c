/* The tables of bench and compare; declared in bench_options.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/cli/format.h"
#include "optimizations/core/utf8_text.h"
#include "reports/cli/bench_options.h"

/* "[15.6, 16.0]" as speed-ups, "" where not bounded. */
static void format_interval(const vlt_judgement *judgement, char *text, size_t text_bytes)
{
    char low[24], high[24];
    text[0] = '\0';
    if (isfinite(judgement->high) && judgement->low > 0) {
        vlt_format_factor(1 / judgement->high, "", low, sizeof low);
        vlt_format_factor(1 / judgement->low, "", high, sizeof high);
        vlt_utf8_format(text, text_bytes, "[%s, %s]", low, high);
    }
}

/* "12.3 G" for 1.23e10, to go before "flop/s" or "px/s". */
static void format_rate(double value, const char *unit, char *text, size_t text_bytes)
{
    static const char *const prefix[] = {"", "k", "M", "G", "T"};
    int i = 0;
    while (value >= 999.5 && i < 4) {
        value /= 1000;
        i++;
    }
    if (isfinite(value)) {
        vlt_utf8_format(text, text_bytes, "%.3g %s%s/s", value, prefix[i], unit);
    } else {
        snprintf(text, text_bytes, "-");
    }
}

void vlt_bench_print_head(const vlt_row *row, FILE *stream)
{
    fprintf(stream, "\n%s", row->op);
    if (row->shape[0]) {
        fprintf(stream, "  %s", row->shape);
    }
    if (row->dims[0] && strcmp(row->dims, row->shape)) {
        fprintf(stream, "  (%s)", row->dims);
    }
    fprintf(stream, "\n  %-22s %9s %9s  %-15s %-12s %s\n", "variant", "time", "speed-up",
            "95 % interval", "verdict", "rate");
}

/* What takes a variant away (a mask, the CPU, the shape) is in the reason, whose subject stands at
 * the begin of the line. */
static void print_unmeasured(const vlt_row *row, const char *name, FILE *stream)
{
    char line[VLT_ERROR_BYTES + VLT_ROW_TEXT_BYTES], subject[sizeof row->op + sizeof row->variant];
    const bool lacks = row->status == VLT_STATUS_UNSUPPORTED;
    const char *reason = row->invalid_reason;
    vlt_utf8_format(subject, sizeof subject, "%s/%s: ", row->op, row->variant);
    reason += strncmp(reason, subject, strlen(subject)) ? 0 : strlen(subject);
    vlt_utf8_format(line, sizeof line, "%s - %s: %s", name,
                    lacks ? "not available" : vlt_status_text(row->status), reason);
    vlt_format_wrapped(2, 0, line, stream);
}

void vlt_bench_print_row(const vlt_row *row, FILE *stream)
{
    char name[VLT_ROW_TEXT_BYTES], time[24], factor[24] = "", interval[64], rate[48];
    const vlt_experiment *experiment = &row->experiment;
    const vlt_judgement *judgement = &experiment->result.judgement;
    vlt_utf8_format(name, sizeof name, "%s%s%s", row->variant[0] ? row->variant : "untuned",
                    row->knobs[0] ? " " : "", row->knobs);
    if (!vlt_row_measured(row)) {
        print_unmeasured(row, name, stream);
        return;
    }
    vlt_format_ns(experiment->result.call_ns[1], time, sizeof time);
    if (judgement->verdict == VLT_VERDICT_SAME) {
        snprintf(factor, sizeof factor, "same");
    } else {
        vlt_format_factor(1 / judgement->ratio, "x", factor, sizeof factor);
    }
    format_interval(judgement, interval, sizeof interval);
    format_rate(experiment->cost[1][2] / (experiment->result.call_ns[1] * 1e-9), experiment->unit,
                rate, sizeof rate);
    const char *verdict = judgement->verdict == VLT_VERDICT_INCONCLUSIVE
                              ? "inconclusive"
                              : vlt_verdict_name(judgement->verdict);
    if (strlen(name) > 22) {
        fprintf(stream, "  %s\n", name);
        name[0] = '\0';
    }
    fprintf(stream, "  %-22s %9s %9s  %-15s %-12s %s\n", name, time, factor, interval, verdict,
            rate);
    if (judgement->verdict == VLT_VERDICT_INCONCLUSIVE && judgement->reason[0]) {
        char reason[VLT_VERDICT_REASON_BYTES + 64];
        vlt_row_uncertainty(row, judgement->reason, reason, sizeof reason);
        vlt_format_wrapped(4, 0, reason, stream);
    }
}

static void print_side(char letter, const char *text, double ns, FILE *stream)
{
    char time[24];
    vlt_format_ns(ns, time, sizeof time);
    if (strlen(text) > 56) {
        fprintf(stream, "%c         %s\n%78s\n", letter, text, time);
    } else {
        fprintf(stream, "%c         %-56s %11s\n", letter, text, time);
    }
}

static void print_ratio(const vlt_judgement *judgement, FILE *stream)
{
    double percent = 100 * (judgement->ratio - 1);
    fprintf(stream, "ratio     %.4g", judgement->ratio);
    if (isfinite(judgement->high)) {
        fprintf(stream, "  [%.4g, %.4g]", judgement->low, judgement->high);
    }
    if (judgement->ratio >= 0.5) {
        fprintf(stream, "  B takes %.*f %% %s time than A\n", fabs(percent) < 10 ? 1 : 0,
                fabs(percent), percent < 0 ? "less" : "more");
    } else {
        fprintf(stream, "  B is %.3g times as fast as A\n", 1 / judgement->ratio);
    }
}

static void print_steadiness(const vlt_measure_result *result, FILE *stream)
{
    int count[3] = {0};
    for (int i = 0; i < result->launches; i++) {
        count[result->run[i].steadiness]++;
    }
    fprintf(stream, "          ");
    if (count[VLT_STEADY_NO] > 0) {
        fprintf(stream, "no steady state in %d of them", count[VLT_STEADY_NO]);
    } else {
        fprintf(stream, "%s", vlt_steadiness_name(result->steadiness));
    }
    fputc('\n', stream);
}

void vlt_bench_print_comparison(const vlt_row *row, FILE *stream)
{
    const vlt_measure_result *result = &row->experiment.result;
    if (!vlt_row_measured(row)) {
        fprintf(stream, "A         %s\nB         %s\n", row->baseline, row->candidate);
        fprintf(stream, "verdict   none\n");
        vlt_format_wrapped(10, 0, row->invalid_reason, stream);
        return;
    }
    char verdict[VLT_VERDICT_REASON_BYTES + 32];
    int taken = 0, preempted = 0;
    const double pressure = vlt_experiment_pressure(&row->experiment);
    for (int i = 0; i < result->launches; i++) {
        taken += result->run[i].pair_count;
        preempted += result->run[i].preempted;
    }
    print_side('A', row->baseline, result->call_ns[0], stream);
    print_side('B', row->candidate, result->call_ns[1], stream);
    print_ratio(&result->judgement, stream);
    vlt_utf8_format(verdict, sizeof verdict, "%s: %s", vlt_verdict_name(result->judgement.verdict),
                    result->judgement.reason);
    vlt_format_wrapped(10, fprintf(stream, "verdict   "), verdict, stream);
    if (taken > 0) {
        fprintf(stream, "sample    %d fresh processes, %d of %d pairs (%d interrupted)\n",
                result->launches, result->pairs, taken, preempted);
    } else { /* a stored run whose samples are not there any more */
        fprintf(stream, "sample    %d fresh processes, %d pairs\n", result->launches,
                result->pairs);
    }
    print_steadiness(result, stream);
    fprintf(stream, "noise     ");
    if (isfinite(row->experiment.log_ratio_sigma)) {
        fprintf(stream, "processes scatter by %.2g %%", 100 * row->experiment.log_ratio_sigma);
    } else {
        fprintf(stream, "scatter not known");
    }
    if (isfinite(pressure)) {
        fprintf(stream, "; CPU waited for %.0f %% of the time", 100 * pressure);
    }
    fputc('\n', stream);
    if (row->experiment.note[0]) {
        fprintf(stream, "note      %s\n", row->experiment.note);
    }
}

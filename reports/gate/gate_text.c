/* A gate in a terminal and as markdown. */
#include <math.h>
#include <string.h>

#include "harness/cli/format.h"
#include "optimizations/core/utf8_text.h"
#include "reports/gate/gate_format_internal.h"

/* Worst first: that is what one reads a gate for. */
static const vlt_gate_verdict order[] = {VLT_GATE_WRONG, VLT_GATE_REGRESSION, VLT_GATE_INCONCLUSIVE,
                                         VLT_GATE_PASS};

static void print_noise(const vlt_gate *gate, const char *before, const char *behind, FILE *stream)
{
    const double pressure = vlt_gate_pressure(gate);
    if (isfinite(pressure)) {
        fprintf(stream, "%sCPUs were waited for %.0f %% of the time%s", before, 100 * pressure,
                behind);
    }
}

vlt_status vlt_gate_write_text(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream,
                               vlt_error *err)
{
    (void)err;
    fprintf(stream, "baseline   %s\n", vlt_quoted_path(facts->baseline).text);
    fprintf(stream, "candidate  %s\n", vlt_quoted_path(facts->candidate).text);
    if (facts->machine) {
        int column = fprintf(stream, "machine    ");
        vlt_format_wrapped(column, column, facts->machine, stream);
    }
    print_noise(gate, "noise      ", "\n", stream);
    fprintf(stream, "\n%-30s %10s %7s  %-15s %s\n", "stage", "time", "ratio", "95 % interval",
            "verdict");
    for (size_t o = 0; o < sizeof order / sizeof *order; o++) {
        for (int i = 0; i < gate->stage_count; i++) {
            const vlt_gate_stage *stage = &gate->stage[i];
            char ratio[24], interval[48], time[24] = "-";
            if (stage->verdict != order[o]) {
                continue;
            }
            vlt_gate_format_ratio(stage, ratio, sizeof ratio, interval, sizeof interval);
            if (vlt_row_measured(&stage->screen)) {
                vlt_format_ns(stage->screen.experiment.result.call_ns[1], time, sizeof time);
            }
            bool long_name = strlen(stage->name) > 30;
            if (long_name) {
                fprintf(stream, "%s\n", stage->name);
            }
            fprintf(stream, "%-30s %10s %7s  %-15s %s\n", long_name ? "" : stage->name, time, ratio,
                    interval, vlt_gate_verdict_name(stage->verdict));
            if (stage->verdict != VLT_GATE_PASS) {
                vlt_format_wrapped(4, 0, stage->reason, stream);
            }
        }
    }
    int column = fprintf(stream, "\n%s: ", vlt_gate_verdict_name(gate->verdict)) - 1;
    vlt_format_wrapped(4, column, gate->reason, stream);
    return VLT_OK;
}

/* A cell must not end the table. */
static void write_cell(const char *text, FILE *stream)
{
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        length = vlt_utf8_length(text, left);
        length = length ? length : 1;
        if (*text == '|' || *text == '\\' || *text == '`' || *text == '<') {
            fputc('\\', stream);
        }
        fputs(*text == '\n' ? " " : vlt_quoted(text, length).text, stream);
    }
}

static void write_table(const vlt_gate *gate, bool passed, FILE *stream)
{
    fprintf(stream, "| stage | time | ratio | 95 %% interval | margin | verdict | reason |\n"
                    "|---|--:|--:|---|--:|---|---|\n");
    for (size_t o = 0; o < sizeof order / sizeof *order; o++) {
        for (int i = 0; i < gate->stage_count; i++) {
            const vlt_gate_stage *stage = &gate->stage[i];
            char ratio[24], interval[48], time[24] = "-";
            if (stage->verdict != order[o] || (stage->verdict == VLT_GATE_PASS) != passed) {
                continue;
            }
            vlt_gate_format_ratio(stage, ratio, sizeof ratio, interval, sizeof interval);
            if (vlt_row_measured(&stage->screen)) {
                vlt_format_ns(stage->screen.experiment.result.call_ns[1], time, sizeof time);
            }
            fputs("| ", stream);
            write_cell(stage->name, stream);
            fprintf(stream, " | %s | %s | %s | %.3g %% | %s | ", time, ratio, interval,
                    100 * stage->margin, vlt_gate_verdict_name(stage->verdict));
            write_cell(stage->reason, stream);
            fputs(" |\n", stream);
        }
    }
}

vlt_status vlt_gate_write_markdown(const vlt_gate *gate, const vlt_gate_facts *facts, FILE *stream,
                                   vlt_error *err)
{
    (void)err;
    int passed = 0;
    for (int i = 0; i < gate->stage_count; i++) {
        passed += gate->stage[i].verdict == VLT_GATE_PASS;
    }
    fprintf(stream,
            "### vltune gate: %s\n\n%s. ratio = time of the candidate / time of the "
            "baseline.\n\n",
            vlt_gate_verdict_name(gate->verdict), gate->reason);
    fputs("baseline `", stream);
    write_cell(facts->baseline, stream);
    fputs("`, candidate `", stream);
    write_cell(facts->candidate, stream);
    fprintf(stream, "`, seed %llu\n\n", (unsigned long long)facts->seed);
    if (facts->machine) {
        write_cell(facts->machine, stream);
        fputs("\n\n", stream);
    }
    print_noise(gate, "", "\n\n", stream);
    if (passed < gate->stage_count) {
        write_table(gate, false, stream);
        fputc('\n', stream);
    }
    if (passed > 0) {
        fprintf(stream, "<details><summary>%d stages pass</summary>\n\n", passed);
        write_table(gate, true, stream);
        fputs("\n</details>\n", stream);
    }
    return VLT_OK;
}

#include "reports/page/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/format.h"
#include "optimizations/core/utf8_text.h"
#include "reports/page/forest.h"
#include "reports/page/page_internal.h"
#include "reports/report_json.h"
#include "reports/report_text.h"
#include "reports/shape_text.h"

static void head(vlt_buffer *page, const vlt_report *report)
{
    vlt_page_begin(page, "vltune report");
    vlt_buffer_text(page, "<p>");
    vlt_page_escaped(page, report->machine);
    vlt_buffer_text(page, "</p>\n<p class=\"dim\">");
    vlt_page_escaped(page, report->model);
    vlt_buffer_text(page, "</p>\n");
}

static void cards(vlt_buffer *page, const vlt_report *report)
{
    char text[128], value[48], interval[48];
    vlt_buffer_text(page, "<div class=\"big\">");
    if (report->end_to_end.op[0]) {
        const char *how = vlt_tune_how_name(report->end_to_end.over_default.how);
        vlt_format_over_default(&report->end_to_end, value, sizeof value);
        vlt_utf8_format(text, sizeof text, "end to end over the default%s%s", how ? ", " : "",
                        how ? how : "");
        vlt_page_card(page, value, text);
        vlt_format_speedup(&report->end_to_end.over_baseline, value, sizeof value);
        vlt_format_interval(&report->end_to_end.over_baseline, interval, sizeof interval);
        vlt_utf8_format(text, sizeof text, "end to end over the baseline %s", interval);
        vlt_page_card(page, value, text);
    }
    if (report->accuracy_total > 0) {
        snprintf(value, sizeof value, "%lld of %lld", (long long)report->accuracy_tuned,
                 (long long)report->accuracy_total);
        snprintf(text, sizeof text, "unseen scenes right, default %lld, baseline %lld",
                 (long long)report->accuracy_default, (long long)report->accuracy_baseline);
        vlt_page_card(page, value, text);
    }
    if (report->loss.quality != VLT_QUALITY_EXACT && report->loss.measured.steps > 0) {
        const vlt_report_loss *loss = &report->loss;
        snprintf(value, sizeof value, "%.2g nats", loss->measured.kl_mean);
        vlt_utf8_format(text, sizeof text,
                        "%s from exact on average, %.2g permitted; %lld of %lld next tokens same",
                        vlt_quality_name(loss->quality), loss->max_kl,
                        (long long)loss->measured.agreed, (long long)loss->measured.steps);
        vlt_page_card(page, value, text);
    }
    if (isfinite(report->peak_tuned_bytes)) {
        vlt_format_bytes(report->peak_tuned_bytes, value, sizeof value);
        vlt_format_bytes(report->peak_baseline_bytes, interval, sizeof interval);
        vlt_utf8_format(text, sizeof text, "peak memory, baseline %s", interval);
        vlt_page_card(page, value, text);
    }
    snprintf(value, sizeof value, "%lld", (long long)report->trials);
    snprintf(text, sizeof text, "trials in %.0f s of %.0f s", report->seconds, report->budget_s);
    vlt_page_card(page, value, text);
    vlt_buffer_text(page, "</div>\n");
}

static vlt_forest_line plotted_line(const vlt_report_row *row, char *shape, size_t shape_bytes)
{
    const vlt_report_comparison *over = &row->over_baseline;
    vlt_forest_line line = {.name = row->op,
                            .rest = shape,
                            .ratio = over->ratio,
                            .low = over->low,
                            .high = over->high,
                            .mark = over->known ? vlt_report_verdict(over) : "unknown"};
    vlt_shape_text(row->op, row->shape, shape, shape_bytes);
    vlt_format_speedup(over, line.value, sizeof line.value);
    return line;
}

/* Measured rows, and the whole. False: no memory. */
static bool plot(vlt_buffer *page, const vlt_report *report)
{
    enum { SHAPE_BYTES = 96 };
    size_t room = (size_t)report->row_count + 1;
    vlt_forest_line *lines = calloc(room, sizeof *lines);
    char(*shapes)[SHAPE_BYTES] = calloc(room, sizeof *shapes);
    vlt_forest forest = {.line = lines, .speedups = true};
    for (int i = 0; i < report->row_count && lines && shapes; i++) {
        if (report->row[i].over_baseline.ratio > 0) {
            int k = forest.line_count++;
            lines[k] = plotted_line(&report->row[i], shapes[k], SHAPE_BYTES);
        }
    }
    if (report->end_to_end.op[0] && lines && shapes) {
        int k = forest.line_count++;
        lines[k] = plotted_line(&report->end_to_end, shapes[k], SHAPE_BYTES);
    }
    vlt_page_forest(page, &forest);
    bool done = lines && shapes;
    free(shapes);
    free(lines);
    return done;
}

static void table_row(vlt_buffer *page, const vlt_report_row *row, const char *last)
{
    char baseline[32], tuned[32], gain[32], interval[48], over[48], share[16] = "", shape[96];
    vlt_format_ns(row->baseline_ns, baseline, sizeof baseline);
    vlt_format_ns(row->tuned_ns, tuned, sizeof tuned);
    vlt_format_speedup(&row->over_baseline, gain, sizeof gain);
    vlt_format_interval(&row->over_baseline, interval, sizeof interval);
    vlt_format_over_default(row, over, sizeof over);
    if (isfinite(row->share)) {
        snprintf(share, sizeof share, "%.1f %%", row->share * 100);
    }
    vlt_buffer_text(page, "<tr><td>");
    vlt_page_escaped(page, row->op);
    vlt_buffer_text(page, "</td><td>");
    vlt_shape_text(row->op, row->shape, shape, sizeof shape);
    vlt_page_escaped(page, shape);
    vlt_buffer_print(page,
                     "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                     "<td class=\"n\">%s</td><td class=\"n ",
                     share, baseline, tuned, over);
    vlt_buffer_text(page, row->over_baseline.known ? vlt_report_verdict(&row->over_baseline) : "");
    vlt_buffer_print(page, "\">%s</td><td class=\"n\">%s</td><td>", gain, interval);
    vlt_page_escaped(page, last);
    if (row->reason[0]) {
        vlt_buffer_text(page, "<br><span class=\"dim\">");
        vlt_page_escaped(page, row->reason);
        vlt_buffer_text(page, "</span>");
    }
    if (row->counted[0]) {
        vlt_buffer_text(page, "<br><span class=\"dim\">counters: ");
        vlt_page_escaped(page, row->counted);
        vlt_buffer_text(page, "</span>");
    }
    vlt_buffer_text(page, "</td></tr>\n");
}

static void table(vlt_buffer *page, const vlt_report *report)
{
    vlt_buffer_text(page, "<h2>Choices</h2>\n<div class=\"scroll\"><table><tr><th>operator</th>"
                          "<th>shape</th><th class=\"n\">share</th><th class=\"n\">baseline</th>"
                          "<th class=\"n\">tuned</th><th class=\"n\">over default</th>"
                          "<th class=\"n\">over baseline</th>"
                          "<th class=\"n\">95 % interval</th><th>choice and reason</th></tr>\n");
    for (int i = 0; i < report->row_count; i++) {
        table_row(page, &report->row[i], report->row[i].choice);
    }
    if (report->end_to_end.op[0]) {
        table_row(page, &report->end_to_end, report->correctness);
    }
    vlt_buffer_text(page, "</table></div>\n");
}

static void trust(vlt_buffer *page, const vlt_report *report)
{
    if (report->trust) {
        vlt_buffer_text(page, "<h2>Can these numbers be trusted?</h2>\n<table>");
        vlt_page_facts(page, report->trust);
        vlt_buffer_text(page, "</table>\n");
    }
}

static void answers(vlt_buffer *page, const vlt_report *report)
{
    if (!report->answer_count) {
        return;
    }
    vlt_buffer_text(page, "<h2>Answers</h2>\n<table><tr><th>image and question</th><th>tuned</th>"
                          "<th>baseline</th><th>truth</th></tr>\n");
    for (int i = 0; i < report->answer_count; i++) {
        const vlt_report_answer *answer = &report->answer[i];
        const char *cell[] = {answer->tuned, answer->baseline, answer->truth};
        vlt_buffer_text(page, "<tr><td>");
        vlt_page_escaped(page, answer->image);
        vlt_buffer_text(page, "<br><span class=\"dim\">");
        vlt_page_escaped(page, answer->question);
        vlt_buffer_text(page, "</span></td>");
        for (int j = 0; j < 3; j++) {
            vlt_buffer_text(page, "<td>");
            vlt_page_escaped(page, cell[j]);
            vlt_buffer_text(page, "</td>");
        }
        vlt_buffer_text(page, "</tr>\n");
    }
    vlt_buffer_text(page, "</table>\n");
}

static void notes(vlt_buffer *page, const vlt_report *report)
{
    if (report->note_count) {
        vlt_buffer_text(page, "<h2>Notes</h2>\n<ul>");
        for (int i = 0; i < report->note_count; i++) {
            vlt_buffer_text(page, "<li>");
            vlt_page_escaped(page, report->note[i]);
            vlt_buffer_text(page, "</li>");
        }
        vlt_buffer_text(page, "</ul>\n");
    }
}

vlt_status vlt_page_write(const vlt_report *report, const char *path, vlt_error *err)
{
    vlt_buffer page = {0};
    head(&page, report);
    cards(&page, report);
    vlt_buffer_text(&page,
                    "<h2>Speed-up per operator</h2>\n<p class=\"dim\">baseline time over tuned "
                    "time, 95 % intervals, logarithmic</p>\n");
    page.failed |= !plot(&page, report);
    vlt_buffer_text(&page, "<h2>One request, phase by phase</h2>\n");
    vlt_page_waterfall(&page, report);
    table(&page, report);
    answers(&page, report);
    notes(&page, report);
    trust(&page, report);
    json_t *document = vlt_report_to_json(report);
    vlt_page_end(&page, document);
    json_decref(document);
    return vlt_page_finish(&page, path, err);
}

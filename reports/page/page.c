#include "reports/page/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "reports/page/page_internal.h"
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
    if (report->end_to_end.op) {
        const char *how = report->end_to_end.over_default.how;
        vlt_format_over_default(&report->end_to_end, value, sizeof value);
        vlt_utf8_format(text, sizeof text, "end to end over the default%s%s", how ? ", " : "",
                        how ? how : "");
        vlt_page_card(page, value, text);
        vlt_format_speedup(&report->end_to_end, value, sizeof value);
        vlt_format_interval(&report->end_to_end, interval, sizeof interval);
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
    if (report->loss.quality && report->loss.steps > 0) {
        const vlt_report_loss *loss = &report->loss;
        snprintf(value, sizeof value, "%.2g nats", loss->kl_mean);
        vlt_utf8_format(text, sizeof text,
                        "%s from exact on average, %.2g permitted; %lld of %lld next tokens same",
                        loss->quality, loss->max_kl, (long long)loss->agreed,
                        (long long)loss->steps);
        vlt_page_card(page, value, text);
    }
    if (isfinite(report->peak_tuned_bytes)) {
        vlt_format_bytes(report->peak_tuned_bytes, value, sizeof value);
        vlt_format_bytes(report->peak_baseline_bytes, interval, sizeof interval);
        vlt_utf8_format(text, sizeof text, "peak memory, baseline %s", interval);
        vlt_page_card(page, value, text);
    }
    snprintf(value, sizeof value, "%lld", (long long)report->trials);
    snprintf(text, sizeof text, "trials in %.0f s of %.0f s", report->seconds,
             report->budget_seconds);
    vlt_page_card(page, value, text);
    vlt_buffer_text(page, "</div>\n");
}

static void table_row(vlt_buffer *page, const vlt_report_row *row, const char *last)
{
    char baseline[32], tuned[32], gain[32], interval[48], over[48], share[16] = "", shape[96];
    vlt_format_ns(row->baseline_ns, baseline, sizeof baseline);
    vlt_format_ns(row->tuned_ns, tuned, sizeof tuned);
    vlt_format_speedup(row, gain, sizeof gain);
    vlt_format_interval(row, interval, sizeof interval);
    vlt_format_over_default(row, over, sizeof over);
    if (isfinite(row->share)) {
        snprintf(share, sizeof share, "%.1f %%", row->share * 100);
    }
    vlt_buffer_text(page, "<tr><td>");
    vlt_page_escaped(page, row->op);
    vlt_buffer_text(page, "</td><td>");
    vlt_shape_text(row->op, row->shape ? row->shape : "", shape, sizeof shape);
    vlt_page_escaped(page, shape);
    vlt_buffer_print(page,
                     "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                     "<td class=\"n\">%s</td><td class=\"n ",
                     share, baseline, tuned, over);
    vlt_page_escaped(page, row->verdict ? row->verdict : "");
    vlt_buffer_print(page, "\">%s</td><td class=\"n\">%s</td><td>", gain, interval);
    vlt_page_escaped(page, last);
    if (row->reason) {
        vlt_buffer_text(page, "<br><span class=\"dim\">");
        vlt_page_escaped(page, row->reason);
        vlt_buffer_text(page, "</span>");
    }
    if (row->counted) {
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
    if (report->end_to_end.op) {
        table_row(page, &report->end_to_end, report->correctness);
    }
    vlt_buffer_text(page, "</table></div>\n");
}

static void facts(vlt_buffer *page, const char *title, const vlt_report_fact *fact, int count)
{
    if (!count) {
        return;
    }
    vlt_buffer_print(page, "<h2>%s</h2>\n<table>", title);
    for (int i = 0; i < count; i++) {
        vlt_page_fact(page, fact[i].name, fact[i].value);
    }
    vlt_buffer_text(page, "</table>\n");
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
    vlt_page_forest(&page, report);
    vlt_buffer_text(&page, "<h2>One request, phase by phase</h2>\n");
    vlt_page_waterfall(&page, report);
    table(&page, report);
    answers(&page, report);
    notes(&page, report);
    facts(&page, "Can these numbers be trusted?", report->trust, report->trust_count);
    facts(&page, "Machine and settings", report->fact, report->fact_count);
    json_t *document = vlt_report_to_json(report);
    vlt_page_end(&page, document);
    json_decref(document);
    return vlt_page_finish(&page, path, err);
}

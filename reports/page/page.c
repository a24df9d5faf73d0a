#include "reports/page/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/page/page_internal.h"
#include "reports/shape_text.h"

static const char style[] =
    ":root{--ink:#1b1f24;--dim:#66707b;--paper:#fff;--panel:#f5f6f8;--line:#d5dae0;--good:#17803d;"
    "--bad:#b42318;--even:#66707b;--base:#9aa5b1;--tuned:#1f6feb}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--dim:#98a2ad;--paper:#14171a;"
    "--panel:#1d2126;--line:#343a41;--good:#4cc36e;--bad:#ff7b72;--even:#98a2ad;--base:#5b6672;"
    "--tuned:#58a6ff}}"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1000px;padding:24px 20px 60px;"
    "background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:34px 0 8px}p{margin:6px 0}"
    ".dim{color:var(--dim);fill:var(--dim)}.big{display:flex;gap:14px;flex-wrap:wrap;margin:18px 0}"
    ".big div{background:var(--panel);border-radius:8px;padding:12px 18px;min-width:150px}"
    ".big b{display:block;font-size:24px}table{border-collapse:collapse;width:100%;font-size:14px}"
    "th,td{text-align:left;padding:5px 10px 5px 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}"
    ".scroll{overflow-x:auto}svg{width:100%;height:auto;display:block;font:12px "
    "system-ui,sans-serif}"
    "svg text{fill:var(--ink)}svg .dim,svg .tick{fill:var(--dim)}svg .tick{text-anchor:middle}"
    "svg .label{text-anchor:end}svg .head{font-weight:600}svg .grid{stroke:var(--line)}"
    "svg .one{stroke:var(--dim);stroke-dasharray:4 3}svg "
    ".interval{stroke:var(--dim);stroke-width:3}"
    "svg circle{fill:var(--even)}svg circle.faster{fill:var(--good)}svg "
    "circle.slower{fill:var(--bad)}"
    "svg rect.baseline{fill:var(--base)}svg rect.tuned{fill:var(--tuned)}"
    ".faster{color:var(--good)}.slower{color:var(--bad)}ul{padding-left:20px}";

static void card(vlt_page_text *page, const char *value, const char *label)
{
    vlt_page_raw(page, "<div><b>");
    vlt_page_escaped(page, value);
    vlt_page_raw(page, "</b>");
    vlt_page_escaped(page, label);
    vlt_page_raw(page, "</div>");
}

static void head(vlt_page_text *page, const vlt_report *report)
{
    vlt_page_raw(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                       "<title>vltune report</title><style>");
    vlt_page_raw(page, style);
    vlt_page_raw(page, "</style></head><body>\n<h1>vltune report</h1>\n<p>");
    vlt_page_escaped(page, report->machine);
    vlt_page_raw(page, "</p>\n<p class=\"dim\">");
    vlt_page_escaped(page, report->model);
    vlt_page_raw(page, "</p>\n");
}

static void cards(vlt_page_text *page, const vlt_report *report)
{
    char text[96], value[48], interval[48];
    vlt_page_raw(page, "<div class=\"big\">");
    if (report->end_to_end.op) {
        vlt_format_speedup(&report->end_to_end, value, sizeof value);
        vlt_format_interval(&report->end_to_end, interval, sizeof interval);
        snprintf(text, sizeof text, "end to end %s", interval);
        card(page, value, text);
    }
    if (report->accuracy_total > 0) {
        snprintf(value, sizeof value, "%lld of %lld", (long long)report->accuracy_tuned,
                 (long long)report->accuracy_total);
        snprintf(text, sizeof text, "unseen scenes right, baseline %lld",
                 (long long)report->accuracy_baseline);
        card(page, value, text);
    }
    if (isfinite(report->peak_tuned_bytes)) {
        vlt_format_bytes(report->peak_tuned_bytes, value, sizeof value);
        vlt_format_bytes(report->peak_baseline_bytes, interval, sizeof interval);
        snprintf(text, sizeof text, "peak memory, baseline %s", interval);
        card(page, value, text);
    }
    snprintf(value, sizeof value, "%lld", (long long)report->trials);
    snprintf(text, sizeof text, "trials in %.0f s of %.0f s", report->seconds,
             report->budget_seconds);
    card(page, value, text);
    vlt_page_raw(page, "</div>\n");
}

static void table_row(vlt_page_text *page, const vlt_report_row *row, const char *last)
{
    char baseline[32], tuned[32], gain[32], interval[48], share[16] = "", shape[96];
    vlt_format_ns(row->baseline_ns, baseline, sizeof baseline);
    vlt_format_ns(row->tuned_ns, tuned, sizeof tuned);
    vlt_format_speedup(row, gain, sizeof gain);
    vlt_format_interval(row, interval, sizeof interval);
    if (isfinite(row->share)) {
        snprintf(share, sizeof share, "%.1f %%", row->share * 100);
    }
    vlt_page_raw(page, "<tr><td>");
    vlt_page_escaped(page, row->op);
    vlt_page_raw(page, "</td><td>");
    vlt_shape_text(row->op, row->shape ? row->shape : "", shape, sizeof shape);
    vlt_page_escaped(page, shape);
    vlt_page_format(page,
                    "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                    "<td class=\"n %s\">%s</td><td class=\"n\">%s</td><td>",
                    share, baseline, tuned, row->verdict ? row->verdict : "", gain, interval);
    vlt_page_escaped(page, last);
    if (row->reason) {
        vlt_page_raw(page, "<br><span class=\"dim\">");
        vlt_page_escaped(page, row->reason);
        vlt_page_raw(page, "</span>");
    }
    vlt_page_raw(page, "</td></tr>\n");
}

static void table(vlt_page_text *page, const vlt_report *report)
{
    vlt_page_raw(page, "<h2>Choices</h2>\n<div class=\"scroll\"><table><tr><th>operator</th>"
                       "<th>shape</th><th class=\"n\">share</th><th class=\"n\">baseline</th>"
                       "<th class=\"n\">tuned</th><th class=\"n\">speed-up</th>"
                       "<th class=\"n\">95 % interval</th><th>choice and reason</th></tr>\n");
    for (int i = 0; i < report->row_count; i++) {
        table_row(page, &report->row[i], report->row[i].choice);
    }
    if (report->end_to_end.op) {
        table_row(page, &report->end_to_end, report->correctness);
    }
    vlt_page_raw(page, "</table></div>\n");
}

static void facts(vlt_page_text *page, const char *title, const vlt_report_fact *fact, int count)
{
    if (!count) {
        return;
    }
    vlt_page_format(page, "<h2>%s</h2>\n<table>", title);
    for (int i = 0; i < count; i++) {
        vlt_page_raw(page, "<tr><td>");
        vlt_page_escaped(page, fact[i].name);
        vlt_page_raw(page, "</td><td>");
        vlt_page_escaped(page, fact[i].value);
        vlt_page_raw(page, "</td></tr>\n");
    }
    vlt_page_raw(page, "</table>\n");
}

static void answers(vlt_page_text *page, const vlt_report *report)
{
    if (!report->answer_count) {
        return;
    }
    vlt_page_raw(page, "<h2>Answers</h2>\n<table><tr><th>image and question</th><th>tuned</th>"
                       "<th>baseline</th><th>truth</th></tr>\n");
    for (int i = 0; i < report->answer_count; i++) {
        const vlt_report_answer *answer = &report->answer[i];
        const char *cell[] = {answer->tuned, answer->baseline, answer->truth};
        vlt_page_raw(page, "<tr><td>");
        vlt_page_escaped(page, answer->image);
        vlt_page_raw(page, "<br><span class=\"dim\">");
        vlt_page_escaped(page, answer->question);
        vlt_page_raw(page, "</span></td>");
        for (int j = 0; j < 3; j++) {
            vlt_page_raw(page, "<td>");
            vlt_page_escaped(page, cell[j]);
            vlt_page_raw(page, "</td>");
        }
        vlt_page_raw(page, "</tr>\n");
    }
    vlt_page_raw(page, "</table>\n");
}

static void notes(vlt_page_text *page, const vlt_report *report)
{
    if (report->note_count) {
        vlt_page_raw(page, "<h2>Notes</h2>\n<ul>");
        for (int i = 0; i < report->note_count; i++) {
            vlt_page_raw(page, "<li>");
            vlt_page_escaped(page, report->note[i]);
            vlt_page_raw(page, "</li>");
        }
        vlt_page_raw(page, "</ul>\n");
    }
}

/* "</" must not end the script element early */
static void embed(vlt_page_text *page, const vlt_report *report)
{
    json_t *document = vlt_report_to_json(report);
    char *text = document ? json_dumps(document, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
    vlt_page_raw(page, "<script type=\"application/json\" id=\"data\">\n");
    for (char *p = text, *end; p && *p; p = end) {
        end = strstr(p, "</");
        end = end ? end : p + strlen(p);
        char kept = *end;
        *end = '\0';
        vlt_page_raw(page, p);
        *end = kept;
        if (kept) {
            vlt_page_raw(page, "<\\/");
            end += 2;
        }
    }
    vlt_page_raw(page, "\n</script>\n</body></html>\n");
    page->failed |= !text;
    free(text);
    json_decref(document);
}

vlt_status vlt_page_write(const vlt_report *report, const char *path, vlt_error *err)
{
    vlt_page_text page = {0};
    head(&page, report);
    cards(&page, report);
    vlt_page_raw(&page, "<h2>Speed-up per operator</h2>\n<p class=\"dim\">baseline time over tuned "
                        "time, 95 % intervals, logarithmic</p>\n");
    vlt_page_forest(&page, report);
    vlt_page_raw(&page, "<h2>One request, phase by phase</h2>\n");
    vlt_page_waterfall(&page, report);
    table(&page, report);
    answers(&page, report);
    notes(&page, report);
    facts(&page, "Can these numbers be trusted?", report->trust, report->trust_count);
    facts(&page, "Machine and settings", report->fact, report->fact_count);
    embed(&page, report);
    vlt_status status = page.failed
                            ? vlt_fail(err, VLT_STATUS_NOMEM, "%s: no memory for the page", path)
                            : vlt_write_file(path, page.data, page.used, err);
    free(page.data);
    return status;
}

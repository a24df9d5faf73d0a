#include "reports/page/comparison_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/format.h"
#include "optimizations/core/utf8_text.h"
#include "reports/page/forest.h"
#include "reports/page/page_internal.h"
#include "reports/trust.h"

static const char *verdict_of(const vlt_comparison_line *line)
{
    if (line->verdict) {
        return line->verdict;
    }
    return vlt_row_measured(line->row)
               ? vlt_verdict_name(line->row->experiment.result.judgement.verdict)
               : "not measured";
}

static const char *reason_of(const vlt_comparison_line *line)
{
    if (line->reason) {
        return line->reason;
    }
    return vlt_row_measured(line->row) ? line->row->experiment.result.judgement.reason
                                       : line->row->invalid_reason;
}

static void head(vlt_buffer *page, const vlt_comparison_page *comparison)
{
    vlt_page_begin(page, comparison->title);
    if (comparison->baseline && comparison->candidate) {
        vlt_buffer_text(page, "<p>baseline ");
        vlt_page_escaped(page, comparison->baseline);
        vlt_buffer_text(page, "<br>candidate ");
        vlt_page_escaped(page, comparison->candidate);
        vlt_buffer_text(page, "</p>\n");
    }
    if (comparison->machine) {
        vlt_buffer_text(page, "<p class=\"dim\">");
        vlt_page_escaped(page, comparison->machine);
        vlt_buffer_text(page, "</p>\n");
    }
    if (comparison->verdict) {
        vlt_buffer_text(page, "<div class=\"big\">");
        vlt_page_card(page, comparison->verdict, comparison->reason ? comparison->reason : "");
        vlt_buffer_text(page, "</div>\n");
    }
}

static vlt_forest_line plotted_line(const vlt_comparison_line *line)
{
    const vlt_measure_result *result = &line->row->experiment.result;
    const vlt_judgement *judgement = &result->judgement;
    vlt_forest_line plotted = {
        .name = line->name, .rest = line->row->shape, .ratio = NAN, .margin = line->margin};
    if (!vlt_row_measured(line->row)) {
        vlt_utf8_format(plotted.value, sizeof plotted.value, "%s", verdict_of(line));
        return plotted;
    }
    plotted.ratio = judgement->ratio;
    plotted.low = judgement->low;
    plotted.high = judgement->high;
    plotted.mark = vlt_verdict_name(judgement->verdict);
    plotted.run = result->run;
    plotted.run_count = result->launches;
    vlt_utf8_format(plotted.value, sizeof plotted.value, "%.4g  %s", judgement->ratio,
                    verdict_of(line));
    return plotted;
}

/* False: no memory. */
static bool plot(vlt_buffer *page, const vlt_comparison_page *comparison)
{
    vlt_forest_line *lines = calloc((size_t)comparison->line_count, sizeof *lines);
    if (!lines) {
        return false;
    }
    for (int i = 0; i < comparison->line_count; i++) {
        lines[i] = plotted_line(&comparison->line[i]);
    }
    const vlt_forest forest = {.line = lines, .line_count = comparison->line_count};
    vlt_page_forest(page, &forest);
    free(lines);
    return true;
}

static void number_cell(vlt_buffer *page, const char *text)
{
    vlt_buffer_text(page, "<td class=\"n\">");
    vlt_page_escaped(page, text);
    vlt_buffer_text(page, "</td>");
}

static void measured_cells(vlt_buffer *page, const vlt_experiment *experiment)
{
    const vlt_measure_result *result = &experiment->result;
    const vlt_judgement *judgement = &result->judgement;
    char text[64];
    for (int side = 0; side < 2; side++) {
        vlt_format_ns(result->call_ns[side], text, sizeof text);
        number_cell(page, text);
    }
    snprintf(text, sizeof text, "%.4g", judgement->ratio);
    number_cell(page, text);
    snprintf(text, sizeof text, "not bounded");
    if (isfinite(judgement->high)) {
        snprintf(text, sizeof text, "[%.4g, %.4g]", judgement->low, judgement->high);
    }
    number_cell(page, text);
    snprintf(text, sizeof text, "%d, %d pairs", result->launches, result->pairs);
    number_cell(page, text);
}

static void table_row(vlt_buffer *page, const vlt_comparison_line *line)
{
    const char *verdict = verdict_of(line);
    vlt_buffer_text(page, "<tr><td>");
    vlt_page_escaped(page, line->name);
    vlt_buffer_text(page, "<br><span class=\"dim\">against ");
    vlt_page_escaped(page, line->row->baseline);
    vlt_buffer_text(page, "</span></td>");
    if (vlt_row_measured(line->row)) {
        measured_cells(page, &line->row->experiment);
    } else {
        vlt_buffer_text(page, "<td class=\"n\" colspan=\"5\">\xE2\x80\x93</td>");
    }
    vlt_buffer_print(page, "<td><span class=\"%s\">", verdict);
    vlt_page_escaped(page, verdict);
    vlt_buffer_text(page, "</span><br><span class=\"dim\">");
    vlt_page_escaped(page, reason_of(line));
    vlt_buffer_text(page, "</span></td></tr>\n");
}

static void table(vlt_buffer *page, const vlt_comparison_page *comparison)
{
    vlt_buffer_text(page, "<h2>Verdicts</h2>\n<div class=\"scroll\"><table><tr><th>candidate</th>"
                          "<th class=\"n\">baseline</th><th class=\"n\">candidate</th>"
                          "<th class=\"n\">ratio</th><th class=\"n\">95 % interval</th>"
                          "<th class=\"n\">processes</th><th>verdict and reason</th></tr>\n");
    for (int i = 0; i < comparison->line_count; i++) {
        table_row(page, &comparison->line[i]);
    }
    vlt_buffer_text(page, "</table></div>\n");
}

/* What the system said about all processes of the page. */
struct noise {
    int launches, pairs, preempted, kept, unsteady;
    double pressure, steal;
    int pressures, steals;
    uint64_t faults;
};

static void add_run(struct noise *noise, const vlt_pair_run *run)
{
    noise->launches++;
    noise->pairs += run->pair_count;
    noise->preempted += run->preempted;
    noise->kept += run->keeps_preempted;
    noise->unsteady += run->steadiness == VLT_STEADY_NO;
    if (isfinite(run->pressure)) {
        noise->pressure += run->pressure;
        noise->pressures++;
    }
    if (isfinite(run->steal)) {
        noise->steal += run->steal;
        noise->steals++;
    }
    for (int i = 0; i < run->pair_count; i++) {
        noise->faults += run->pair[i].faults[0] + run->pair[i].faults[1];
    }
}

static void disturbances(vlt_buffer *page, const struct noise *noise)
{
    char text[128];
    snprintf(text, sizeof text, "%d, %d without a steady state", noise->launches, noise->unsteady);
    vlt_page_fact(page, "fresh processes", text);
    if (noise->pairs > 0) {
        snprintf(text, sizeof text, "%d, %d interrupted by the scheduler (%.1f %%)", noise->pairs,
                 noise->preempted, 100.0 * noise->preempted / noise->pairs);
        vlt_page_fact(page, "pairs", text);
        snprintf(text, sizeof text, "%llu", (unsigned long long)noise->faults);
        vlt_page_fact(page, "page faults while measuring", text);
    }
    snprintf(text, sizeof text, "not said by this system");
    if (noise->pressures > 0) {
        snprintf(text, sizeof text, "%.1f %% of the time",
                 100 * noise->pressure / noise->pressures);
    }
    vlt_page_fact(page, "CPUs were waited for", text);
    snprintf(text, sizeof text, "not said by this system");
    if (noise->steals > 0) {
        snprintf(text, sizeof text, "%.1f %% of the time", 100 * noise->steal / noise->steals);
    }
    vlt_page_fact(page, "taken by the hypervisor", text);
}

static void trust(vlt_buffer *page, const vlt_comparison_page *comparison)
{
    struct noise noise = {0};
    for (int i = 0; i < comparison->line_count; i++) {
        const vlt_measure_result *result = &comparison->line[i].row->experiment.result;
        for (int k = 0; k < result->launches; k++) {
            add_run(&noise, &result->run[k]);
        }
    }
    vlt_buffer_text(page, "<h2>Can these numbers be trusted?</h2>\n<table>");
    if (noise.launches > 0) {
        disturbances(page, &noise);
    }
    vlt_page_facts(page, comparison->trust);
    if (!comparison->trust) {
        vlt_page_fact(page, "self-check of this machine",
                      "not given: vltune bench --self-check --json > trust.json, then --trust "
                      "trust.json");
    }
    vlt_buffer_text(page, "</table>\n");
}

vlt_status vlt_comparison_page_write(const vlt_comparison_page *comparison, const char *path,
                                     vlt_error *err)
{
    vlt_buffer page = {0};
    head(&page, comparison);
    if (comparison->line_count > 0) {
        vlt_buffer_text(&page,
                        "<h2>Time of the candidate over time of the baseline</h2>\n"
                        "<p class=\"dim\">point and line: median over fresh processes and its "
                        "95 % interval; small dots: the processes; band: the margin within "
                        "which times count as equal</p>\n");
        page.failed |= !plot(&page, comparison);
        table(&page, comparison);
    }
    trust(&page, comparison);
    vlt_page_end(&page, comparison->document);
    return vlt_page_finish(&page, path, err);
}

vlt_status vlt_comparison_trust(const char *path, json_t **facts, vlt_error *err)
{
    enum { LIMIT = 16 << 20 };
    json_t *selfcheck = NULL;
    *facts = NULL;
    if (!path) {
        return VLT_OK;
    }
    vlt_status status = vlt_json_load(path, LIMIT, &selfcheck, err);
    if (status == VLT_OK) {
        status = vlt_trust_facts(selfcheck, facts, err);
    }
    json_decref(selfcheck);
    return status;
}

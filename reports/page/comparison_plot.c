/* The forest plot of a comparison; declared in page_internal.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "reports/page/page_internal.h"

enum { WIDTH = 960, LEFT = 300, RIGHT = 170, LINE = 40, TOP = 44 };

struct axis {
    double low, high; /* natural logarithms of ratios */
};

static double x_of(const struct axis *axis, double log_ratio)
{
    double at = fmin(fmax(log_ratio, axis->low), axis->high);
    return LEFT + (WIDTH - LEFT - RIGHT) * (at - axis->low) / (axis->high - axis->low);
}

static void widen(struct axis *axis, double log_ratio)
{
    if (isfinite(log_ratio)) {
        axis->low = fmin(axis->low, log_ratio);
        axis->high = fmax(axis->high, log_ratio);
    }
}

/* Holds every interval and the margins; single processes far out are drawn at the edge. */
static struct axis axis_of(const vlt_comparison_page *comparison)
{
    struct axis axis = {0, 0};
    for (int i = 0; i < comparison->line_count; i++) {
        const vlt_comparison_line *line = &comparison->line[i];
        const vlt_judgement *judgement = &line->row->experiment.result.judgement;
        widen(&axis, 2 * log1p(line->margin));
        widen(&axis, -2 * log1p(line->margin));
        if (vlt_row_measured(line->row)) {
            widen(&axis, log(judgement->ratio));
            widen(&axis, log(judgement->low)); /* -INFINITY where it is not bounded: left out */
            widen(&axis, log(judgement->high));
        }
    }
    double pad = 0.06 * (axis.high - axis.low) + 1e-6;
    return (struct axis){axis.low - pad, axis.high + pad};
}

static void tick(vlt_buffer *page, const struct axis *axis, double ratio, int height)
{
    char text[32];
    double x = x_of(axis, log(ratio));
    snprintf(text, sizeof text, "%.4g", ratio);
    vlt_buffer_print(page,
                     "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                     "<text class=\"tick\" x=\"%.1f\" y=\"%d\">%s</text>",
                     ratio == 1 ? "one" : "grid", x, x, TOP - 8, height, x, TOP - 14, text);
}

/* Round ratios around 1 where all are near it, powers of two (or four, sixteen) elsewhere. */
static void ticks(vlt_buffer *page, const struct axis *axis, int height)
{
    static const double steps[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2};
    double low = exp(axis->low), high = exp(axis->high);
    if (high < 1.8 * low) {
        size_t s = 0;
        while (s + 1 < sizeof steps / sizeof *steps && (high - low) / steps[s] > 9) {
            s++;
        }
        for (int k = (int)ceil((low - 1) / steps[s]); 1 + k * steps[s] <= high; k++) {
            tick(page, axis, 1 + k * steps[s], height);
        }
        return;
    }
    int from = (int)ceil(axis->low / log(2)), to = (int)floor(axis->high / log(2));
    int step = to - from > 18 ? 4 : to - from > 9 ? 2 : 1;
    for (int power = from; power <= to; power++) {
        if (power % step == 0) {
            tick(page, axis, exp2(power), height);
        }
    }
}

/* Name on the left, its size or its other half below: of what is too long for both the middle is
 * left out, so that the file at the end of a path can be told. */
static void label(vlt_buffer *page, const vlt_comparison_line *line, int y)
{
    enum { NAME_COLUMNS = 44, REST_COLUMNS = 46 };
    const char *at = strchr(line->name, '@');
    size_t length = at ? (size_t)(at - line->name) : strlen(line->name);
    size_t kept = vlt_utf8_cut_columns(line->name, length, NAME_COLUMNS);
    const char *behind = at && kept == length ? at + 1
                         : kept < length      ? line->name + kept
                                              : line->row->shape;
    const vlt_quoted_text name = vlt_quoted(line->name, kept);
    const char *end = behind;
    while (vlt_utf8_columns(end, strlen(end)) > REST_COLUMNS) {
        size_t first = vlt_utf8_length(end, strlen(end));
        end += first ? first : 1;
    }
    vlt_buffer_print(page, "<text class=\"label\" x=\"%d\" y=\"%d\">", LEFT - 12,
                     behind[0] ? y - 2 : y + 5);
    vlt_buffer_text(page, "<title>");
    vlt_page_escaped(page, line->name);
    vlt_buffer_text(page, "</title>");
    vlt_page_escaped(page, name.text);
    vlt_buffer_print(page, "</text><text class=\"label dim\" x=\"%d\" y=\"%d\">", LEFT - 12,
                     y + 13);
    vlt_buffer_text(page, end > behind ? "..." : "");
    vlt_page_escaped(page, end);
    vlt_buffer_text(page, "</text>");
}

static void marks(vlt_buffer *page, const struct axis *axis, const vlt_comparison_line *line, int y)
{
    const vlt_measure_result *result = &line->row->experiment.result;
    const vlt_judgement *judgement = &result->judgement;
    const char *verdict = vlt_verdict_name(judgement->verdict);
    for (int i = 0; i < result->launches; i++) {
        vlt_buffer_print(page, "<circle class=\"launch\" cx=\"%.1f\" cy=\"%d\" r=\"2.5\"/>",
                         x_of(axis, result->run[i].log_ratio), y + 11);
    }
    if (isfinite(judgement->high) && judgement->low > 0) {
        vlt_buffer_print(page,
                         "<line class=\"interval\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
                         x_of(axis, log(judgement->low)), x_of(axis, log(judgement->high)), y, y);
    }
    vlt_buffer_print(page,
                     "<circle class=\"%s\" cx=\"%.1f\" cy=\"%d\" r=\"5\"><title>%s: %.4g "
                     "[%.4g, %.4g]</title></circle>",
                     verdict, x_of(axis, log(judgement->ratio)), y, verdict, judgement->ratio,
                     judgement->low, judgement->high);
}

void vlt_page_comparison_plot(vlt_buffer *page, const vlt_comparison_page *comparison)
{
    const struct axis axis = axis_of(comparison);
    int height = TOP + LINE * comparison->line_count + 4, y = TOP + LINE / 2;
    vlt_buffer_print(
        page, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"ratios with intervals\">",
        WIDTH, height);
    for (int i = 0; i < comparison->line_count; i++) {
        double margin = log1p(comparison->line[i].margin);
        vlt_buffer_print(
            page, "<rect class=\"band\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>",
            x_of(&axis, -margin), TOP + LINE * i, x_of(&axis, margin) - x_of(&axis, -margin), LINE);
    }
    ticks(page, &axis, height);
    vlt_buffer_print(page,
                     "<text class=\"dim\" x=\"%d\" y=\"12\">\xE2\x86\x90 faster</text>"
                     "<text class=\"dim right\" x=\"%d\" y=\"12\">slower \xE2\x86\x92</text>",
                     LEFT, WIDTH - RIGHT);
    for (int i = 0; i < comparison->line_count; i++, y += LINE) {
        const vlt_comparison_line *line = &comparison->line[i];
        const vlt_judgement *judgement = &line->row->experiment.result.judgement;
        label(page, line, y);
        vlt_buffer_print(page, "<text x=\"%d\" y=\"%d\">", WIDTH - RIGHT + 12, y + 5);
        if (vlt_row_measured(line->row)) {
            vlt_buffer_print(page, "%.4g  ", judgement->ratio);
        }
        vlt_page_escaped(page, vlt_page_comparison_verdict(line));
        vlt_buffer_text(page, "</text>");
        if (vlt_row_measured(line->row)) {
            marks(page, &axis, line, y);
        }
    }
    vlt_buffer_text(page, "</svg>\n");
}

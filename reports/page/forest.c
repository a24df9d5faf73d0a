/* The forest plot of every page. */
#include "reports/page/forest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "reports/page/page_internal.h"

enum { WIDTH = 960, LEFT = 300, RIGHT = 170, LINE = 40, TOP = 44 };

struct axis {
    double low, high; /* natural logarithms of what stands at the ticks */
    bool speedups;
};

/* Where a ratio of times is on the axis: speed-ups grow to the right. */
static double place_of(const struct axis *axis, double log_ratio)
{
    return axis->speedups ? -log_ratio : log_ratio;
}

static double x_at(const struct axis *axis, double place)
{
    double at = fmin(fmax(place, axis->low), axis->high);
    return LEFT + (WIDTH - LEFT - RIGHT) * (at - axis->low) / (axis->high - axis->low);
}

static double x_of(const struct axis *axis, double log_ratio)
{
    return x_at(axis, place_of(axis, log_ratio));
}

static void widen(struct axis *axis, double log_ratio)
{
    if (isfinite(log_ratio)) {
        axis->low = fmin(axis->low, place_of(axis, log_ratio));
        axis->high = fmax(axis->high, place_of(axis, log_ratio));
    }
}

static bool is_plotted(const vlt_forest_line *line)
{
    return isfinite(line->ratio) && line->ratio > 0;
}

/* Holds every interval and the margins; single processes far out are drawn at the edge. */
static struct axis axis_of(const vlt_forest *forest)
{
    struct axis axis = {.speedups = forest->speedups};
    for (int i = 0; i < forest->line_count; i++) {
        const vlt_forest_line *line = &forest->line[i];
        const double margin = 2 * log1p(fmax(line->margin, 0.01));
        widen(&axis, margin);
        widen(&axis, -margin);
        if (is_plotted(line)) {
            widen(&axis, log(line->ratio));
            widen(&axis, log(line->low)); /* -INFINITY where it is not bounded: left out */
            widen(&axis, log(line->high));
        }
    }
    const double pad = 0.06 * (axis.high - axis.low) + 1e-6;
    axis.low -= pad;
    axis.high += pad;
    return axis;
}

static void tick(vlt_buffer *page, const struct axis *axis, double at, int height)
{
    char text[32];
    double x = x_at(axis, log(at));
    vlt_utf8_format(text, sizeof text, "%.4g%s", at, axis->speedups ? "x" : "");
    vlt_buffer_print(page,
                     "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                     "<text class=\"tick\" x=\"%.1f\" y=\"%d\">%s</text>",
                     at == 1 ? "one" : "grid", x, x, TOP - 8, height, x, TOP - 14, text);
}

/* Round figures around 1 where all are near it, powers of two (or four, sixteen) elsewhere. */
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
static void label(vlt_buffer *page, const vlt_forest_line *line, int y)
{
    enum { NAME_COLUMNS = 44, REST_COLUMNS = 46 };
    const char *at = strchr(line->name, '@');
    size_t length = at ? (size_t)(at - line->name) : strlen(line->name);
    size_t kept = vlt_utf8_cut_columns(line->name, length, NAME_COLUMNS);
    const char *behind = at && kept == length ? at + 1
                         : kept < length      ? line->name + kept
                                              : line->rest;
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

static void marks(vlt_buffer *page, const struct axis *axis, const vlt_forest_line *line, int y)
{
    for (int i = 0; i < line->run_count; i++) {
        vlt_buffer_print(page, "<circle class=\"launch\" cx=\"%.1f\" cy=\"%d\" r=\"2.5\"/>",
                         x_of(axis, line->run[i].log_ratio), y + 11);
    }
    if (isfinite(line->high) && line->low > 0) {
        vlt_buffer_print(page,
                         "<line class=\"interval\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
                         x_of(axis, log(line->low)), x_of(axis, log(line->high)), y, y);
    }
    vlt_buffer_print(page, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%d\" r=\"5\"><title>%s: %.4g",
                     line->mark, x_of(axis, log(line->ratio)), y, line->mark, line->ratio);
    if (isfinite(line->high) && line->low > 0) {
        vlt_buffer_print(page, " [%.4g, %.4g]", line->low, line->high);
    }
    vlt_buffer_text(page, "</title></circle>");
}

static void bands(vlt_buffer *page, const struct axis *axis, const vlt_forest *forest)
{
    for (int i = 0; i < forest->line_count; i++) {
        const double margin = log1p(forest->line[i].margin);
        const double left = x_at(axis, -margin), right = x_at(axis, margin);
        if (margin > 0) {
            vlt_buffer_print(
                page, "<rect class=\"band\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>",
                left, TOP + LINE * i, right - left, LINE);
        }
    }
}

void vlt_page_forest(vlt_buffer *page, const vlt_forest *forest)
{
    const struct axis axis = axis_of(forest);
    const char *left = forest->speedups ? "slower" : "faster";
    const char *right = forest->speedups ? "faster" : "slower";
    const int height = TOP + LINE * forest->line_count + 4;
    vlt_buffer_print(page, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", WIDTH,
                     height,
                     forest->speedups ? "speed-ups with intervals" : "ratios with intervals");
    bands(page, &axis, forest);
    ticks(page, &axis, height);
    vlt_buffer_print(page,
                     "<text class=\"dim\" x=\"%d\" y=\"12\">\xE2\x86\x90 %s</text>"
                     "<text class=\"dim right\" x=\"%d\" y=\"12\">%s \xE2\x86\x92</text>",
                     LEFT, left, WIDTH - RIGHT, right);
    for (int i = 0, y = TOP + LINE / 2; i < forest->line_count; i++, y += LINE) {
        const vlt_forest_line *line = &forest->line[i];
        label(page, line, y);
        vlt_buffer_print(page, "<text x=\"%d\" y=\"%d\">", WIDTH - RIGHT + 12, y + 5);
        vlt_page_escaped(page, line->value);
        vlt_buffer_text(page, "</text>");
        if (is_plotted(line)) {
            marks(page, &axis, line, y);
        }
    }
    vlt_buffer_text(page, "</svg>\n");
}

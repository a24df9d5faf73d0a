#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/page/page_internal.h"
#include "reports/shape_text.h"

enum { WIDTH = 920, LABEL = 290, RIGHT = 120, ROW = 26, TOP = 34 };

static double clamp(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

static bool plotted(const vlt_report_row *row)
{
    return isfinite(row->ratio) && row->ratio > 0;
}

/* Largest and smallest speed-up that the axis must hold, as log2. */
static void axis_range(const vlt_report *report, double *low, double *high)
{
    *low = -0.25;
    *high = 1;
    for (int i = 0; i <= report->row_count; i++) {
        const vlt_report_row *row = i < report->row_count ? &report->row[i] : &report->end_to_end;
        if (plotted(row)) {
            double from = isfinite(row->ratio_high) ? row->ratio_high : row->ratio;
            double to = isfinite(row->ratio_low) && row->ratio_low > 0 ? row->ratio_low
                                                                       : row->ratio;
            *low = fmin(*low, -log2(from) - 0.1);
            *high = fmax(*high, -log2(to) + 0.1);
        }
    }
    *low = clamp(*low, -6, 0);
    *high = clamp(*high, 1, 12);
}

static double x_of(double log2_speedup, double low, double high)
{
    return LABEL + (WIDTH - LABEL - RIGHT) * (clamp(log2_speedup, low, high) - low) / (high - low);
}

static void forest_axis(vlt_buffer *page, double low, double high, int height)
{
    for (int power = (int)ceil(low); power <= (int)floor(high); power++) {
        double x = x_of(power, low, high);
        vlt_buffer_print(page,
                         "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                         "<text class=\"tick\" x=\"%.1f\" y=\"%d\">%gx</text>",
                         power ? "grid" : "one", x, x, TOP - 8, height, x, TOP - 14, exp2(power));
    }
}

static void forest_row(vlt_buffer *page, const vlt_report_row *row, int y, double low, double high)
{
    char gain[32], interval[48], shape[96];
    vlt_format_speedup(row, gain, sizeof gain);
    vlt_format_interval(row, interval, sizeof interval);
    vlt_buffer_print(page, "<text class=\"label\" x=\"%d\" y=\"%d\">", LABEL - 12, y + 5);
    vlt_page_escaped(page, row->op);
    vlt_buffer_text(page, " <tspan class=\"dim\">");
    vlt_shape_text(row->op, row->shape ? row->shape : "", shape, sizeof shape);
    vlt_page_escaped(page, shape);
    vlt_buffer_text(page, "</tspan></text>");
    if (plotted(row)) {
        double x = x_of(-log2(row->ratio), low, high);
        if (isfinite(row->ratio_low) && isfinite(row->ratio_high) && row->ratio_low > 0) {
            vlt_buffer_print(
                page, "<line class=\"interval\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
                x_of(-log2(row->ratio_high), low, high), x_of(-log2(row->ratio_low), low, high), y,
                y);
        }
        const char *verdict = row->verdict ? row->verdict : "unknown";
        vlt_buffer_text(page, "<circle class=\"");
        vlt_page_escaped(page, verdict);
        vlt_buffer_print(page, "\" cx=\"%.1f\" cy=\"%d\" r=\"5\"><title>", x, y);
        vlt_page_escaped(page, verdict);
        vlt_buffer_print(page, " %s</title></circle>", interval);
    }
    vlt_buffer_print(page, "<text class=\"value\" x=\"%d\" y=\"%d\">%s</text>", WIDTH - RIGHT + 12,
                     y + 5, gain);
}

void vlt_page_forest(vlt_buffer *page, const vlt_report *report)
{
    double low, high;
    int rows = 0, y = TOP + ROW / 2;
    for (int i = 0; i < report->row_count; i++) {
        rows += plotted(&report->row[i]);
    }
    int height = TOP + ROW * (rows + (report->end_to_end.op ? 1 : 0)) + 4;
    axis_range(report, &low, &high);
    vlt_buffer_print(
        page, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"speed-up per operator\">",
        WIDTH, height);
    forest_axis(page, low, high, height);
    for (int i = 0; i < report->row_count; i++) {
        if (plotted(&report->row[i])) {
            forest_row(page, &report->row[i], y, low, high);
            y += ROW;
        }
    }
    if (report->end_to_end.op) {
        forest_row(page, &report->end_to_end, y, low, high);
    }
    vlt_buffer_text(page, "</svg>\n");
}

/* NAN when no phase of that side was measured. */
static double total_ms(const vlt_report *report, bool tuned)
{
    double total = NAN;
    for (int i = 0; i < report->phase_count; i++) {
        double ms = tuned ? report->phase[i].tuned_ms : report->phase[i].baseline_ms;
        if (isfinite(ms)) {
            total = isfinite(total) ? total + ms : ms;
        }
    }
    return total;
}

/* One staircase: every phase begins where the one before it ended. */
static void staircase(vlt_buffer *page, const vlt_report *report, bool tuned, int y, double scale)
{
    double at = 0;
    for (int i = 0; i < report->phase_count; i++) {
        const vlt_report_phase *phase = &report->phase[i];
        double ms = tuned ? phase->tuned_ms : phase->baseline_ms;
        char text[32];
        if (!isfinite(ms)) {
            continue;
        }
        vlt_format_ns(ms * 1e6, text, sizeof text);
        vlt_buffer_print(page, "<text class=\"label\" x=\"%d\" y=\"%d\">", LABEL - 12, y + 13);
        vlt_page_escaped(page, phase->name);
        vlt_buffer_text(page, "</text>");
        vlt_buffer_print(page,
                         "<rect class=\"bar %s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"16\"/>"
                         "<text class=\"value\" x=\"%.1f\" y=\"%d\">%s</text>",
                         tuned ? "tuned" : "baseline", LABEL + at * scale, y, fmax(ms * scale, 1),
                         LABEL + (at + ms) * scale + 6, y + 13, text);
        at += ms;
        y += 20;
    }
}

/* One side with its head; returns the height. */
static int waterfall_side(vlt_buffer *page, const vlt_report *report, bool tuned, double total,
                          int y, double scale)
{
    const char *name = tuned ? "tuned" : "baseline";
    char text[32];
    if (!isfinite(total)) {
        vlt_buffer_print(page,
                         "<text class=\"head\" x=\"%d\" y=\"%d\">%s: not measured in this run"
                         "</text>",
                         LABEL, y + 16, name);
        return 26;
    }
    vlt_format_ns(total * 1e6, text, sizeof text);
    vlt_buffer_print(page, "<text class=\"head\" x=\"%d\" y=\"%d\">%s, %s</text>", LABEL, y + 16,
                     name, text);
    staircase(page, report, tuned, y + 26, scale);
    return 20 * report->phase_count + 34;
}

void vlt_page_waterfall(vlt_buffer *page, const vlt_report *report)
{
    double total[2] = {total_ms(report, false), total_ms(report, true)};
    double longest = fmax(total[0], total[1]); /* the other one where one is NAN */
    int block = 20 * report->phase_count + 34, y = 0;
    if (!(longest > 0)) {
        vlt_buffer_text(page, "<p>not measured in this run</p>\n");
        return;
    }
    double scale = (WIDTH - LABEL - RIGHT) / longest;
    vlt_buffer_print(
        page, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"phases of one request\">",
        WIDTH, (isfinite(total[0]) ? block : 26) + (isfinite(total[1]) ? block : 26));
    for (int side = 0; side < 2; side++) {
        y += waterfall_side(page, report, side, total[side], y, scale);
    }
    vlt_buffer_text(page, "</svg>\n");
}

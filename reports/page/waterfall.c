/* The phases of one request as two staircases. */
#include <math.h>

#include "harness/cli/format.h"
#include "reports/page/page_internal.h"

enum { WIDTH = 920, LABEL = 290, RIGHT = 120 };

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

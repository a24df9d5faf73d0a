#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "reports/report.h"

void vlt_format_speedup(const vlt_report_row *row, char *text, size_t text_bytes)
{
    if (!isfinite(row->ratio) || !row->verdict) {
        snprintf(text, text_bytes, "-");
    } else if (!strcmp(row->verdict, "same")) {
        snprintf(text, text_bytes, "same");
    } else if (!strcmp(row->verdict, "inconclusive")) {
        snprintf(text, text_bytes, "unsure");
    } else {
        vlt_format_factor(1 / row->ratio, "x", text, text_bytes);
    }
}

void vlt_format_interval(const vlt_report_row *row, char *text, size_t text_bytes)
{
    char low[24], high[24];
    text[0] = '\0';
    if (isfinite(row->ratio_low) && isfinite(row->ratio_high) && row->ratio_low > 0) {
        vlt_format_factor(1 / row->ratio_high, "", low, sizeof low);
        vlt_format_factor(1 / row->ratio_low, "", high, sizeof high);
        vlt_utf8_format(text, text_bytes, "[%s, %s]", low, high);
    }
}

void vlt_format_over_default(const vlt_report_row *row, char *text, size_t text_bytes)
{
    const vlt_report_comparison *over = &row->over_default;
    char factor[24];
    if (!(over->ratio > 0) || !over->verdict) {
        snprintf(text, text_bytes, "-");
    } else if (row->is_default) {
        snprintf(text, text_bytes, "default");
    } else if (!strcmp(over->verdict, "inconclusive")) {
        snprintf(text, text_bytes, "unsure");
    } else {
        snprintf(factor, sizeof factor, "%.2fx", 1 / over->ratio);
        if (over->low > 0 && isfinite(over->high)) {
            double half = (1 / over->low - 1 / over->high) / 2;
            vlt_utf8_format(text, text_bytes, "%s \xC2\xB1%.2f", factor, half);
        } else {
            vlt_utf8_format(text, text_bytes, "%s", factor);
        }
    }
}

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

#include "reports/report_text.h"

#include <math.h>
#include <stdio.h>

#include "harness/cli/format.h"
#include "optimizations/core/utf8_text.h"

const char *vlt_report_known(const char *text)
{
    return text && text[0] ? text : NULL;
}

const char *vlt_report_verdict(const vlt_report_comparison *comparison)
{
    return comparison->known ? vlt_verdict_name(comparison->verdict) : NULL;
}

void vlt_format_speedup(const vlt_report_comparison *comparison, char *text, size_t text_bytes)
{
    if (!isfinite(comparison->ratio) || !comparison->known) {
        snprintf(text, text_bytes, "-");
    } else if (comparison->verdict == VLT_VERDICT_SAME) {
        snprintf(text, text_bytes, "same");
    } else if (comparison->verdict == VLT_VERDICT_INCONCLUSIVE) {
        snprintf(text, text_bytes, "unsure");
    } else {
        vlt_format_factor(1 / comparison->ratio, "x", text, text_bytes);
    }
}

void vlt_format_interval(const vlt_report_comparison *comparison, char *text, size_t text_bytes)
{
    char low[24], high[24];
    text[0] = '\0';
    if (isfinite(comparison->low) && isfinite(comparison->high) && comparison->low > 0) {
        vlt_format_factor(1 / comparison->high, "", low, sizeof low);
        vlt_format_factor(1 / comparison->low, "", high, sizeof high);
        vlt_utf8_format(text, text_bytes, "[%s, %s]", low, high);
    }
}

void vlt_format_over_default(const vlt_report_row *row, char *text, size_t text_bytes)
{
    const vlt_report_comparison *over = &row->over_default;
    char factor[24];
    if (!(over->ratio > 0) || !over->known) {
        snprintf(text, text_bytes, "-");
    } else if (row->is_default) {
        snprintf(text, text_bytes, "default");
    } else if (over->verdict == VLT_VERDICT_INCONCLUSIVE) {
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

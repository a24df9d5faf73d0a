#include "harness/cli/format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

/* Three significant digits, as people read them. */
static void format_digits(double value, const char *unit, char *text, size_t text_bytes)
{
    int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    vlt_utf8_format(text, text_bytes, "%.*f%s", decimals, value, unit);
}

void vlt_format_ns(double ns, char *text, size_t text_bytes)
{
    if (!isfinite(ns)) {
        snprintf(text, text_bytes, "-");
    } else if (ns < 999.5) {
        snprintf(text, text_bytes, "%.0f ns", ns);
    } else if (ns < 999.5e3) {
        format_digits(ns / 1e3, " us", text, text_bytes);
    } else if (ns < 999.5e6) {
        format_digits(ns / 1e6, " ms", text, text_bytes);
    } else {
        format_digits(ns / 1e9, " s", text, text_bytes);
    }
}

void vlt_format_factor(double factor, const char *unit, char *text, size_t text_bytes)
{
    if (factor < 1.995) {
        vlt_utf8_format(text, text_bytes, "%.2f%s", factor, unit);
    } else {
        vlt_utf8_format(text, text_bytes, "%.*f%s", factor < 99.95 ? 1 : 0, factor, unit);
    }
}

void vlt_format_bytes(double bytes, char *text, size_t text_bytes)
{
    if (!isfinite(bytes)) {
        snprintf(text, text_bytes, "-");
    } else if (bytes < 1e6) {
        snprintf(text, text_bytes, "%.0f KB", bytes / 1e3);
    } else if (bytes < 1e9) {
        snprintf(text, text_bytes, "%.0f MB", bytes / 1e6);
    } else {
        snprintf(text, text_bytes, "%.1f GB", bytes / 1e9);
    }
}

void vlt_format_clean(const char *text, size_t bytes, FILE *stream)
{
    for (size_t at = 0, length; at < bytes; at += length) {
        /* a piece that the holder shows whole: escapes take four bytes for one */
        length = vlt_utf8_cut(text + at, bytes - at, (VLT_QUOTED_BYTES - 1) / 4);
        fputs(vlt_quoted(text + at, length).text, stream);
    }
}

void vlt_format_wrapped(int indent, int column, const char *text, FILE *stream)
{
    enum { COLUMNS = 78 };
    bool begin = true;
    if (column == 0) {
        column = fprintf(stream, "%*s", indent, "");
    }
    while (*text) {
        size_t bytes = strcspn(text, " ");
        int word = (int)vlt_utf8_columns(text, bytes);
        if (!begin && column + 1 + word > COLUMNS) {
            column = fprintf(stream, "\n%*s", indent, "") - 1;
            begin = true;
        }
        fputs(begin ? "" : " ", stream);
        vlt_format_clean(text, bytes, stream);
        column += !begin + word;
        begin = false;
        text += bytes;
        text += strspn(text, " ");
    }
    fputc('\n', stream);
}

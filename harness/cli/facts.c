#include "harness/cli/facts.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/status.h"
#include "optimizations/core/utf8_text.h"

enum { LABEL_COLUMNS = 15, COLUMNS = 80 };

void vlt_facts_print(const char *label, const char *format, ...)
{
    char text[VLT_ERROR_BYTES];
    va_list args;
    va_start(args, format);
    vlt_utf8_vformat(text, sizeof text, format, args);
    va_end(args);
    printf("%-*s", LABEL_COLUMNS, label);
    int column = LABEL_COLUMNS;
    bool first = true;
    for (const char *word = text; *word;) {
        size_t bytes = strcspn(word, " ");
        int wide = (int)vlt_utf8_columns(word, bytes);
        if (!first && column + 1 + wide > COLUMNS) {
            printf("\n%*s", LABEL_COLUMNS, "");
            column = LABEL_COLUMNS;
            first = true;
        }
        fputs(first ? "" : " ", stdout);
        fwrite(word, 1, bytes, stdout);
        column += wide + !first;
        first = false;
        word += bytes;
        word += strspn(word, " ");
    }
    printf("\n");
}

void vlt_facts_size(uint64_t bytes, char *text, size_t text_bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    bool whole = value >= 100 || value == (double)(uint64_t)value;
    vlt_utf8_format(text, text_bytes, whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

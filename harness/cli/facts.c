#include "harness/cli/facts.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

enum { LABEL_COLUMNS = 15, COLUMNS = 80 };

/* Columns that a text takes: bytes that do not continue a UTF-8 character. */
static int columns_of(const char *text, int bytes)
{
    int columns = 0;
    for (int i = 0; i < bytes; i++) {
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return columns;
}

void vlt_facts_print(const char *label, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("%-*s", LABEL_COLUMNS, label);
    int column = LABEL_COLUMNS;
    bool first = true;
    for (const char *word = text; *word;) {
        int bytes = (int)strcspn(word, " ");
        int wide = columns_of(word, bytes);
        if (!first && column + 1 + wide > COLUMNS) {
            printf("\n%*s", LABEL_COLUMNS, "");
            column = LABEL_COLUMNS;
            first = true;
        }
        printf("%s%.*s", first ? "" : " ", bytes, word);
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

#include "tuner/space/scalar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"

double vlt_scalar_number(const vlt_scalar *value)
{
    switch (value->kind) {
    case VLT_SCALAR_REAL:
        return value->real;
    case VLT_SCALAR_TEXT:
        return 0;
    default:
        return (double)value->integer;
    }
}

int vlt_scalar_compare(const vlt_scalar *a, const vlt_scalar *b)
{
    bool text_a = a->kind == VLT_SCALAR_TEXT, text_b = b->kind == VLT_SCALAR_TEXT;
    if (text_a || text_b) {
        int order = text_a && text_b ? strcmp(a->text, b->text) : text_a - text_b;
        return (order > 0) - (order < 0);
    }
    if (a->kind != VLT_SCALAR_REAL && b->kind != VLT_SCALAR_REAL) {
        return (a->integer > b->integer) - (a->integer < b->integer);
    }
    double x = vlt_scalar_number(a), y = vlt_scalar_number(b);
    return (x > y) - (x < y);
}

void vlt_scalar_format(const vlt_scalar *value, char *text, size_t text_bytes)
{
    switch (value->kind) {
    case VLT_SCALAR_INTEGER:
        snprintf(text, text_bytes, "%" PRId64, value->integer);
        return;
    case VLT_SCALAR_BOOL:
        vlt_utf8_format(text, text_bytes, "%s", value->integer ? "true" : "false");
        return;
    case VLT_SCALAR_TEXT:
        vlt_utf8_format(text, text_bytes, "%s", value->text);
        return;
    case VLT_SCALAR_REAL:
        break;
    }
    for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back equal */
        char number[40];
        snprintf(number, sizeof number, "%.*g", digits, value->real);
        if (digits == 17 || strtod(number, NULL) == value->real) {
            bool whole = !strpbrk(number, ".einf");
            vlt_utf8_format(text, text_bytes, "%s%s", number, whole ? ".0" : "");
            return;
        }
    }
}

#include "harness/model/chat_python.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Any real literal: its text is copied because the tree's has no end mark. */
static double real_value(const vlt_tree *value)
{
    char few[64], *text = value->length < sizeof few ? few : malloc(value->length + 1);
    double number = 0;
    if (text) {
        memcpy(text, value->text, value->length);
        text[value->length] = '\0';
        number = strtod(text, NULL);
    }
    if (text != few) {
        free(text);
    }
    return number;
}

/* repr(float): the fewest digits that read back as the same number; exponent form below 1e-4 and
 * from 1e16. */
static void put_real(vlt_buffer *buffer, double number)
{
    char text[40];
    int precision = 0;
    do {
        snprintf(text, sizeof text, "%.*e", precision, number);
    } while (strtod(text, NULL) != number && ++precision < 17);
    const char *mark = strchr(text, 'e');
    int exponent = (int)strtol(mark + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        vlt_buffer_put(buffer, text, (size_t)(mark - text));
        vlt_buffer_print(buffer, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else {
        int decimals = precision - exponent;
        vlt_buffer_print(buffer, "%.*f", decimals > 1 ? decimals : 1, number);
    }
}

static void put_number(vlt_buffer *buffer, const vlt_tree *value, const char *infinity,
                       const char *nan)
{
    if (value->type == VLT_TREE_INTEGER) {
        bool zero = value->length == 2 && memcmp(value->text, "-0", 2) == 0;
        vlt_buffer_put(buffer, value->text + zero, value->length - zero);
        return;
    }
    double number = real_value(value);
    if (isnan(number)) {
        vlt_buffer_text(buffer, nan);
    } else if (isinf(number)) {
        vlt_buffer_print(buffer, "%s%s", number < 0 ? "-" : "", infinity);
    } else {
        put_real(buffer, number);
    }
}

void vlt_python_dumps(vlt_buffer *buffer, const vlt_tree *value)
{
    bool object = value->type == VLT_TREE_OBJECT;
    switch (value->type) {
    case VLT_TREE_NULL:
        vlt_buffer_text(buffer, "null");
        break;
    case VLT_TREE_FALSE:
        vlt_buffer_text(buffer, "false");
        break;
    case VLT_TREE_TRUE:
        vlt_buffer_text(buffer, "true");
        break;
    case VLT_TREE_INTEGER:
    case VLT_TREE_REAL:
        put_number(buffer, value, "Infinity", "NaN");
        break;
    case VLT_TREE_STRING:
        vlt_buffer_json_string(buffer, value->text, value->length);
        break;
    case VLT_TREE_ARRAY:
    case VLT_TREE_OBJECT:
        vlt_buffer_text(buffer, object ? "{" : "[");
        for (uint32_t i = 0; i < value->count; i++) {
            vlt_buffer_text(buffer, i ? ", " : "");
            if (object) {
                const vlt_tree *key = vlt_tree_key(value, i);
                vlt_buffer_json_string(buffer, key->text, key->length);
                vlt_buffer_text(buffer, ": ");
            }
            vlt_python_dumps(buffer, object ? vlt_tree_value(value, i) : &value->child[i]);
        }
        vlt_buffer_text(buffer, object ? "}" : "]");
        break;
    }
}

bool vlt_python_str(vlt_buffer *buffer, const vlt_tree *value)
{
    switch (value->type) {
    case VLT_TREE_NULL:
        vlt_buffer_text(buffer, "None");
        return true;
    case VLT_TREE_FALSE:
        vlt_buffer_text(buffer, "False");
        return true;
    case VLT_TREE_TRUE:
        vlt_buffer_text(buffer, "True");
        return true;
    case VLT_TREE_INTEGER:
    case VLT_TREE_REAL:
        put_number(buffer, value, "inf", "nan");
        return true;
    case VLT_TREE_STRING:
        vlt_buffer_put(buffer, value->text, value->length);
        return true;
    default:
        return false;
    }
}

bool vlt_python_true(const vlt_tree *value)
{
    if (!value) {
        return false;
    }
    switch (value->type) {
    case VLT_TREE_NULL:
    case VLT_TREE_FALSE:
        return false;
    case VLT_TREE_TRUE:
        return true;
    case VLT_TREE_INTEGER:
    case VLT_TREE_REAL:
        return real_value(value) != 0;
    case VLT_TREE_STRING:
        return value->length > 0;
    default:
        return value->count > 0;
    }
}

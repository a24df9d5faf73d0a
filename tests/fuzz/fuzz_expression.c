/* Restrictions and lists of values: refused with a column, or computed to what a value can be. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/space/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAMES_MAX = 64 };

static void compute(const vlt_expression *expression)
{
    vlt_scalar values[NAMES_MAX], result;
    vlt_error err;
    int names = vlt_expression_name_count(expression);
    if (names > NAMES_MAX) {
        return;
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < names; i++) {
            values[i] = round == 0   ? vlt_scalar_integer(i)
                        : round == 1 ? vlt_scalar_text("text")
                                     : vlt_scalar_real(1e300 * (i - 1));
        }
        if (vlt_expression_eval(expression, values, &result, &err) == VLT_OK) {
            if (result.kind == VLT_SCALAR_REAL && !isfinite(result.real)) {
                abort();
            }
        } else if (!strstr(err.message, "column ")) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlt_expression *expression, *part;
    vlt_error err;
    char *text = malloc(size + 1);
    if (!text) {
        return 0;
    }
    if (size) {
        memcpy(text, data, size);
    }
    text[size] = 0;
    if (vlt_expression_parse(text, "input", &expression, &err) == VLT_OK) {
        vlt_scalar *list = NULL;
        int count;
        compute(expression);
        if (vlt_expression_list(expression, &list, &count, &err) == VLT_OK &&
            count > VLT_EXPRESSION_LIST_MAX) {
            abort();
        }
        free(list);
        for (int i = 0; i < vlt_expression_part_count(expression); i++) {
            if (vlt_expression_part(expression, i, &part, &err) == VLT_OK) {
                compute(part);
                vlt_expression_destroy(part);
            }
        }
        vlt_expression_destroy(expression);
    } else if (!strstr(err.message, "column ")) {
        abort();
    }
    free(text);
    return 0;
}

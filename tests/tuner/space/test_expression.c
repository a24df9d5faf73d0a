#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/space/expression.h"

/* Names of the expression get the values of x = 6, y = -4, f = 0.5, name = 'row', on = True. */
static vlt_status compute(const char *text, vlt_scalar *out, char *string, vlt_error *err)
{
    static const char *const names[] = {"x", "y", "f", "name", "on"};
    const vlt_scalar known[] = {vlt_scalar_integer(6), vlt_scalar_integer(-4), vlt_scalar_real(0.5),
                                vlt_scalar_text("row"), vlt_scalar_bool(true)};
    vlt_scalar values[8] = {0};
    vlt_expression *expression;
    vlt_status status = vlt_expression_parse(text, "it", &expression, err);
    if (status != VLT_OK) {
        return status;
    }
    for (int i = 0; i < vlt_expression_name_count(expression); i++) {
        for (int k = 0; k < 5; k++) {
            if (!strcmp(names[k], vlt_expression_name(expression, i))) {
                values[i] = known[k];
            }
        }
    }
    status = vlt_expression_eval(expression, values, out, err);
    if (status == VLT_OK) {
        vlt_scalar_format(out, string, 64);
    }
    vlt_expression_destroy(expression);
    return status;
}

/* What Python 3 answers, where both spellings are Python's. */
Test(expression, values)
{
    static const char *const table[][2] = {
        {"1 + 2 * 3", "7"},
        {"(1 + 2) * 3", "9"},
        {"7 / 2", "3.5"},
        {"7 // 2", "3"},
        {"-7 // 2", "-4"},
        {"-7 % 3", "2"},
        {"7 % -3", "-2"},
        {"-7.5 // 2", "-4.0"},
        {"2 ** 3 ** 2", "512"},
        {"-2 ** 2", "-4"},
        {"2 ** -1", "0.5"},
        {"(-1) ** 7", "-1"},
        {"1 << 5 | 3", "35"},
        {"6 & 3 ^ 1", "3"},
        {"~5", "-6"},
        {"1 < x < 10", "true"},
        {"1 < x > 10", "false"},
        {"1 <= x and y >= 0", "false"},
        {"x == 6 && y == -4 || f == 1", "true"},
        {"not x", "false"},
        {"!x == 0", "true"},
        {"name == 'row'", "true"},
        {"name != \"col\"", "true"},
        {"name in ['col', 'row']", "true"},
        {"x not in [1, 2, 3]", "true"},
        {"x in (6, 7)", "true"},
        {"on + 1", "2"},
        {"on == 1", "true"},
        {"10 if x > 5 else 20", "10"},
        {"10 if x > 6 else 20", "20"},
        {"min(x, y, 3) + max(1, 2)", "-2"},
        {"abs(y) * sqrt(16)", "16.0"},
        {"int(7.9) + round(2.5) + floor(-0.5) + ceil(0.5)", "9"},
        {"log2(8)", "3.0"},
        {"pow(2, 10)", "1024"},
        {"x * f", "3.0"},
        {"x % 4 == 0 or y % 4 == 0", "true"},
        {"0x10 + 1e1", "26.0"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        vlt_scalar value;
        vlt_error err = {0};
        char text[64] = "", wanted[64];
        vlt_status status = compute(table[i][0], &value, text, &err);
        snprintf(wanted, sizeof wanted, "%s", table[i][1]);
        if (value.kind == VLT_SCALAR_REAL) { /* reals without a fraction may go without a point */
            char *end = strstr(wanted, ".0");
            char *own = strstr(text, ".0");
            if (end && !end[2]) {
                *end = 0;
            }
            if (own && !own[2]) {
                *own = 0;
            }
        }
        cr_expect_eq(status, VLT_OK, "%s: %s", table[i][0], err.message);
        cr_expect_str_eq(text, wanted, "%s is %s, expected %s", table[i][0], text, wanted);
    }
}

/* What cannot be computed, or is no expression: which column, and why. */
Test(expression, errors_name_the_place)
{
    static const char *const table[][3] = {
        {"x / (y + 4)", "column 3", "division by zero"},
        {"x % 0", "column 3", "division by zero"},
        {"1 + x // 0", "column 7", "division by zero"},
        {"0 ** -1", "column 3", "division by zero"},
        {"x +", "column 4", "end"},
        {"x & & y", "column 5", "&"},
        {"(x", "column 3", ")"},
        {"x = 6", "column 3", "=="},
        {"name + 1", "column", "text"},
        {"open('f')", "column 1", "open"},
        {"'row", "column 1", ""},
        {"", "column 1", ""},
        {"x << -1", "column 3", ""},
        {"sqrt(y)", "column 1", ""},
        {"log(0)", "column 1", ""},
        {"f & 1", "column 3", "integer"},
        {"min()", "column 1", ""},
        {"x in 5", "column", ""},
        {"x y", "column 3", ""},
        {"1e999", "column 1", ""},
        {"99999999999999999999999 &1", "column", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        vlt_scalar value;
        vlt_error err = {0};
        char text[64];
        cr_expect_eq(compute(table[i][0], &value, text, &err), VLT_STATUS_INPUT, "%s", table[i][0]);
        cr_expect(!strncmp(err.message, "it: ", 4) && strstr(err.message, table[i][1]) &&
                      strstr(err.message, table[i][2]),
                  "%s: %s", table[i][0], err.message);
    }
}

/* Deep nesting is an error, not a stack that ends. */
Test(expression, nesting_is_limited)
{
    enum { DEEP = 100000 };
    char *text = malloc(2 * DEEP + 2);
    vlt_expression *expression = NULL;
    memset(text, '(', DEEP);
    text[DEEP] = '1';
    memset(text + DEEP + 1, ')', DEEP);
    text[2 * DEEP + 1] = 0;
    cr_assert_neq(vlt_expression_parse(text, "it", &expression, NULL), VLT_OK);
    for (int i = 0; i < DEEP; i++) {
        text[i] = '-';
    }
    text[DEEP] = '1';
    text[DEEP + 1] = 0;
    cr_assert_neq(vlt_expression_parse(text, "it", &expression, NULL), VLT_OK);
    free(text);
}

static void list_is(const char *text, const char *wanted)
{
    vlt_expression *expression;
    vlt_error err = {0};
    vlt_scalar *values;
    int count;
    char found[256] = "";
    cr_assert_eq(vlt_expression_parse(text, "it", &expression, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_expression_list(expression, &values, &count, &err), VLT_OK, "%s: %s", text,
                 err.message);
    for (int i = 0; i < count; i++) {
        char one[32];
        vlt_scalar_format(&values[i], one, sizeof one);
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i ? " " : "", one);
    }
    cr_expect_str_eq(found, wanted, "%s", text);
    free(values);
    vlt_expression_destroy(expression);
}

Test(expression, lists)
{
    list_is("[1, 2, 4]", "1 2 4");
    list_is("[32 * i for i in range(1, 5)]", "32 64 96 128");
    list_is("[1] + [2 * i for i in range(6) if i % 2 == 0]", "1 0 4 8");
    list_is("list(range(10, 0, -3))", "10 7 4 1");
    list_is("sorted([3, 1, 2])", "1 2 3");
    list_is("['a', \"b\"]", "a b");
    list_is("[True, False]", "true false");
    list_is("[0.5, 2**3]", "0.5 8");
    list_is("(1, 2)", "1 2");
}

Test(expression, lists_are_limited)
{
    static const char *const texts[] = {"list(range(1000000000))", "range(0, 10, 0)", "5",
                                        "[i for i in range(100000)]", "[x]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        vlt_expression *expression;
        vlt_error err = {0};
        vlt_scalar *values = NULL;
        int count;
        vlt_status status = vlt_expression_parse(texts[i], "it", &expression, &err);
        if (status == VLT_OK) {
            status = vlt_expression_list(expression, &values, &count, &err);
            vlt_expression_destroy(expression);
        }
        cr_expect(status == VLT_STATUS_INPUT || status == VLT_STATUS_LIMIT, "%s", texts[i]);
        cr_expect(err.message[0]);
    }
}

/* "A && B && C" falls into its parts; "A || B" has one. */
Test(expression, parts)
{
    vlt_expression *expression, *part;
    vlt_error err = {0};
    cr_assert_eq(vlt_expression_parse("x > 1 && (y < 2 and f == 0) && name == 'r'", "--where",
                                      &expression, &err),
                 VLT_OK, "%s", err.message);
    int count = vlt_expression_part_count(expression);
    cr_expect_geq(count, 3);
    cr_assert_eq(vlt_expression_part(expression, 0, &part, &err), VLT_OK);
    cr_expect_eq(vlt_expression_name_count(part), 1);
    cr_expect_str_eq(vlt_expression_name(part, 0), "x");
    vlt_expression_destroy(part);
    cr_assert_eq(vlt_expression_part(expression, count - 1, &part, &err), VLT_OK);
    cr_expect_str_eq(vlt_expression_name(part, 0), "name");
    vlt_expression_destroy(part);
    vlt_expression_destroy(expression);
    cr_assert_eq(vlt_expression_parse("x > 1 || y < 2", "--where", &expression, &err), VLT_OK);
    cr_expect_eq(vlt_expression_part_count(expression), 1);
    vlt_expression_destroy(expression);
}

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/buffer.h"
#include "harness/json/tree.h"

static vlt_tree_document *parse(const char *text, vlt_error *err)
{
    vlt_tree_document *document;
    vlt_tree_parse(text, strlen(text), "input", true, &document, err);
    return document;
}

Test(tree, keeps_what_was_written)
{
    vlt_error err = {0};
    vlt_tree_document *document = parse(
        " {\"b\": 123456789012345678901234567890, \"a\": [1.0, -0, 1e-7, null, true],"
        "\"s\": \"x\\u0000y\\ud83d\\ude00\\n\", \"b\": 2} ",
        &err);
    cr_assert_not_null(document, "%s", err.message);
    const vlt_tree *root = vlt_tree_root(document), *list = vlt_tree_get(root, "a");
    cr_assert_eq(root->count, 3);
    cr_assert(vlt_tree_is(vlt_tree_key(root, 0), "b"), "the first place is kept");
    int64_t number;
    cr_assert(vlt_tree_int(vlt_tree_value(root, 0), 0, 9, &number) && number == 2,
              "the last value counts");
    cr_assert_eq(list->count, 5);
    cr_assert_eq(list->child[0].type, VLT_TREE_REAL);
    cr_assert_eq(list->child[1].type, VLT_TREE_INTEGER);
    cr_assert_eq(list->child[2].length, 4);
    const vlt_tree *text = vlt_tree_get(root, "s");
    cr_assert(text->length == 8 && memcmp(text->text, "x\0y\xF0\x9F\x98\x80\n", 8) == 0);
    vlt_tree_destroy(document);
}

Test(tree, refuses_with_the_place)
{
    static const char *const rows[][2] = {
        {"", "byte 0: ends where a value"},
        {"{", "byte 1: expected a key"},
        {"[1 2]", "byte 3: expected ',' or ']'"},
        {"[1,]", "byte 3: no value"},
        {"{\"a\" 1}", "byte 5: expected ':'"},
        {"{\"a\":1,}", "byte 7: expected a key"},
        {"\"a", "string without its end"},
        {"\"\\", "string without its end"},
        {"\"\\x\"", "unknown escape"},
        {"\"\\ud800\"", "lone high surrogate"},
        {"\"\\ud800\\u0041\"", "lone high surrogate"},
        {"\"\\udc00\"", "lone low surrogate"},
        {"\"\\u12g4\"", "four hex digits"},
        {"\"\x01\"", "control character"},
        {"\"\xFF\"", "invalid UTF-8"},
        {"\"\xED\xA0\x80\"", "invalid UTF-8"},
        {"\"\xF4\x90\x80\x80\"", "invalid UTF-8"},
        {"01", "no value"},
        {"-", "no value"},
        {"1.", "digits behind its point"},
        {"1e+", "digits in its exponent"},
        {"nul", "no value"},
        {"1 1", "byte 2: more behind the value"},
        {"'a'", "no value"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        vlt_error err = {0};
        cr_assert_null(parse(rows[i][0], &err), "%s", rows[i][0]);
        cr_assert_eq(err.status, VLT_STATUS_INPUT);
        cr_assert(strstr(err.message, rows[i][1]), "'%s' gave '%s'", rows[i][0], err.message);
    }
}

Test(tree, nesting_is_limited)
{
    enum { DEEP = 1 << 20 };
    char *text = malloc(DEEP + 1);
    vlt_error err = {0};
    memset(text, '[', DEEP);
    text[DEEP] = '\0';
    cr_assert_null(parse(text, &err));
    cr_assert(strstr(err.message, "nested too deep"), "%s", err.message);
    memset(text, '[', VLT_TREE_DEPTH_MAX);
    memset(text + VLT_TREE_DEPTH_MAX, ']', VLT_TREE_DEPTH_MAX);
    text[2 * VLT_TREE_DEPTH_MAX] = '\0';
    vlt_tree_document *document = parse(text, &err);
    cr_assert_not_null(document);
    vlt_tree_destroy(document);
    free(text);
}

Test(tree, numbers)
{
    vlt_error err = {0};
    vlt_tree_document *document = parse("[9223372036854775808, 1.5, 1e999, 7, NaN, \"7\"]", &err);
    const vlt_tree *child = vlt_tree_root(document)->child;
    int64_t integer;
    double number;
    cr_assert_not(vlt_tree_int(&child[0], INT64_MIN, INT64_MAX, &integer));
    cr_assert_not(vlt_tree_int(&child[1], INT64_MIN, INT64_MAX, &integer));
    cr_assert(vlt_tree_double(&child[1], &number) && number == 1.5);
    cr_assert_not(vlt_tree_double(&child[2], &number));
    cr_assert(vlt_tree_int(&child[3], 7, 7, &integer));
    cr_assert_not(vlt_tree_int(&child[3], 8, 9, &integer));
    cr_assert_not(vlt_tree_double(&child[4], &number));
    cr_assert_not(vlt_tree_int(&child[5], 0, 9, &integer));
    cr_assert_not(vlt_tree_int(NULL, 0, 9, &integer));
    vlt_tree_destroy(document);
}

Test(tree, buffer_writes_json)
{
    vlt_buffer buffer = {0};
    vlt_buffer_json_string(&buffer, "a\"\\\b\f\n\r\t\x01\x7F\0\u00E9", 13);
    cr_assert_str_eq(buffer.data, "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7F\\u0000\u00E9\"");
    buffer.bytes = 0;
    vlt_buffer_json_ids(&buffer, (int32_t[]){0, -1, INT32_MAX, INT32_MIN}, 4);
    cr_assert_str_eq(buffer.data, "[0,-1,2147483647,-2147483648]");
    free(buffer.data);
}

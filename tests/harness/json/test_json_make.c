#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"

static void check(json_t *value, const char *expected)
{
    vlt_error err = {0};
    char *text = vlt_json_dump(value, &err);
    cr_assert(text, "%s", err.message);
    cr_assert_str_eq(text, expected);
    free(text);
    json_decref(value);
}

Test(json_make, values_of_every_kind)
{
    check(vlt_json_make("{s:s, s:s?, s:s*, s:i, s:I, s:b, s:n}", "a", "x", "b", NULL, "c", NULL,
                        "d", -1, "e", (json_int_t)1 << 40, "f", 2, "g"),
          "{\"a\":\"x\",\"b\":null,\"d\":-1,\"e\":1099511627776,\"f\":true,\"g\":null}");
    check(vlt_json_make("[f, f, [i, [], {}], {s:{s:o}}]", 0.5, NAN, 7, "p", "q", json_true()),
          "[0.5,null,[7,[],{}],{\"p\":{\"q\":true}}]");
    json_t *kept = json_integer(3);
    check(vlt_json_make("[O, o]", kept, kept), "[3,3]");
    check(vlt_json_format("%d of %s", 3, "x\xFF"), "\"3 of x\\\\xFF\"");
    check(vlt_json_real(INFINITY), "null");
}

Test(json_make, text_of_any_bytes)
{
    check(vlt_json_make("[s]", "caf\xE9 \xE4\xB8\xAD \xE4\xB8"),
          "[\"caf\\\\xE9 \xE4\xB8\xAD \\\\xE4\\\\xB8\"]");
    check(vlt_json_name("a\\b\n"), "\"a\\\\b\\n\"");
    check(vlt_json_name_part("a\0b\xC0", 4), "\"a\\u0000b\\\\xC0\"");
    check(vlt_json_string("a\xED\xA0\x80z", 5), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
    json_t *object = json_object();
    vlt_json_set(&object, "k\xFF", json_true());
    check(object, "{\"k\\\\xFF\":true}");
}

/* What is missing spoils everything that should hold it, and is an error at the end. */
Test(json_make, nothing_is_left_out)
{
    vlt_error err = {0};
    json_t *array = json_array(), *object = json_object();
    vlt_json_append(&array, json_integer(1));
    vlt_json_append(&array, NULL);
    cr_assert_null(array);
    vlt_json_append(&array, json_integer(2));
    cr_assert_null(array);
    vlt_json_set(&object, "list", array);
    cr_assert_null(object);
    vlt_json_set_bytes(&object, "name", "x\xFF");
    cr_assert_null(object);
    cr_assert_null(vlt_json_make("{s:i, s:{s:[i, o, i]}, s:o}", "a", 1, "b", "c", 2, NULL, 3, "d",
                                 json_integer(4)));
    cr_assert_null(vlt_json_make("{s:s}", "a", NULL));
    cr_assert_null(vlt_json_dump(NULL, &err));
    cr_assert_eq(err.status, VLT_STATUS_NOMEM);
    cr_assert(strstr(err.message, "JSON"));
    cr_assert_eq(vlt_json_print(NULL, true, stdout, &err), VLT_STATUS_NOMEM);
}

Test(json_make, names_keep_their_bytes)
{
    static const char *const names[] = {"",        "plain",      "\xE4\xB8\xAD",
                                        "caf\xE9", "\xFF\x01\n", "%41"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *object = json_object(), *again;
        vlt_json_set_bytes(&object, "file", names[i]);
        vlt_json_set_bytes(&object, "none", NULL);
        char *text = vlt_json_dump(object, NULL), *name = NULL, *none = NULL;
        vlt_error err = {0};
        bool found = true;
        cr_assert_eq(vlt_json_parse(text, strlen(text), "x", &again, &err), VLT_OK, "%s",
                     err.message);
        cr_assert_eq(vlt_json_bytes(again, "x", "file", &name, NULL, &err), VLT_OK, "%s",
                     err.message);
        cr_assert_str_eq(name, names[i]);
        cr_assert_eq(vlt_json_bytes(again, "x", "none", &none, &found, &err), VLT_OK);
        cr_assert_not(found);
        cr_assert_null(none);
        cr_assert_eq(vlt_json_bytes(again, "x", "none", &none, NULL, &err), VLT_STATUS_INPUT);
        json_decref(object);
        json_decref(again);
        free(text);
        free(name);
    }
    static const char *const wrong[] = {"{\"f_hex\":\"0\"}", "{\"f_hex\":\"0g\"}",
                                        "{\"f_hex\":\"6100\"}", "{\"f_hex\":7}", "{\"f\":7}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *object;
        char *name;
        bool found;
        cr_assert_eq(vlt_json_parse(wrong[i], strlen(wrong[i]), "x", &object, NULL), VLT_OK);
        cr_assert_eq(vlt_json_bytes(object, "x", "f", &name, &found, NULL), VLT_STATUS_INPUT);
        cr_assert_null(name);
        json_decref(object);
    }
}

static int until_failure; /* allocations that still succeed; negative: all */

static void *scarce(size_t bytes)
{
    if (until_failure == 0) {
        return NULL;
    }
    until_failure -= until_failure > 0;
    return malloc(bytes);
}

/* A document through every maker. */
static json_t *make_document(void)
{
    json_t *list = json_array(), *more = json_object();
    for (int i = 0; i < 20; i++) {
        vlt_json_append(&list, vlt_json_make("{s:s, s:[I, f], s:s}", "name", "caf\xE9", "pair",
                                             (json_int_t)i, i * 0.5, "other", "x"));
    }
    vlt_json_set(&more, "text", vlt_json_string("\xFFz", 2));
    vlt_json_set(&more, "k\xE9", vlt_json_format("%d", 7));
    vlt_json_set_bytes(&more, "path", "/tmp/\xE9");
    json_t *document = vlt_json_make("{s:o, s:n, s:b, s:s?}", "list", list, "n", "b", 1, "t", NULL);
    vlt_json_set(&document, "more", more);
    return document;
}

/* Wherever memory runs out: all of it or nothing. */
Test(json_make, without_memory_all_or_nothing)
{
    json_object_seed(1); /* else the keys that share a bucket differ */
    until_failure = -1;
    json_set_alloc_funcs(scarce, free);
    json_t *whole = make_document();
    char *expected = json_dumps(whole, JSON_COMPACT);
    int made = 0, failed = 0;
    for (int n = 0; !made && n < 5000; n++) {
        until_failure = n;
        json_t *document = make_document();
        char *text = vlt_json_dump(document, NULL);
        if (text) {
            cr_assert_str_eq(text, expected, "allocation %d", n);
            made++;
        } else {
            failed++;
        }
        until_failure = -1;
        free(text);
        json_decref(document);
    }
    cr_assert_eq(made, 1);
    cr_assert_gt(failed, 100);
    json_decref(whole);
    free(expected);
}

/* vltune preprocess as a user runs it, on pictures that the program draws. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "tests/support/data.h"
#include "tests/support/run_program.h"

static char folder[] = "/tmp/vltune-preprocess-XXXXXX";

/* Runs `preprocess DEMO ARGUMENTS`; %s in the arguments is the folder of two scenes. */
static test_output run(const char *arguments)
{
    char command[2048], filled[1024];
    if (strstr(folder, "XXXXXX")) {
        cr_assert_not_null(mkdtemp(folder));
        snprintf(command, sizeof command, "model scenes %s --count 2 --seed 5 --quiet", folder);
        test_output drawn = test_program(command);
        cr_assert_eq(drawn.exit_code, 0, "%s", drawn.err);
        test_output_release(&drawn);
    }
    size_t used = 0;
    for (const char *p = arguments; *p && used + sizeof folder < sizeof filled; p++) {
        if (p[0] == '%' && p[1] == 's') {
            used += (size_t)snprintf(filled + used, sizeof filled - used, "%s", folder);
            p++;
        } else {
            filled[used++] = *p;
        }
    }
    filled[used] = 0;
    snprintf(command, sizeof command, "preprocess %s %s",
             test_source("harness/model/demo/checkpoint"), filled);
    return test_program(command);
}

static void clean(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

static json_t *parse(const test_output *output)
{
    json_t *all = NULL;
    cr_assert_eq(vlt_json_parse(output->out, strlen(output->out), "stdout", &all, NULL), VLT_OK,
                 "%s%s", output->out, output->err);
    cr_assert(json_is_array(all));
    return all;
}

static const char *text_of(const json_t *all, size_t index, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(all, index), key));
    cr_assert_not_null(text, "%zu: %s", index, key);
    return text;
}

Test(preprocess_command, answers_in_order_and_goes_on_after_a_refusal, .fini = clean)
{
    test_output output = run("%s/*.jpg /nonexistent.png %s/scenes.jsonl --json");
    cr_assert_eq(output.exit_code, 2);
    json_t *all = parse(&output);
    cr_assert_eq(json_array_size(all), 4);
    cr_assert_eq(strlen(text_of(all, 0, "sha256")), 64);
    cr_assert_str_neq(text_of(all, 0, "sha256"), text_of(all, 1, "sha256"));
    const json_t *shape = json_object_get(json_array_get(all, 0), "shape");
    cr_assert_eq(json_integer_value(json_array_get(shape, 0)), 64);
    cr_assert_eq(json_integer_value(json_array_get(shape, 1)), 1536);
    cr_assert(strstr(text_of(all, 2, "error"), "/nonexistent.png"));
    cr_assert(strstr(text_of(all, 3, "error"), "expected JPEG, PNG or WebP"));
    json_decref(all);
    test_output_release(&output);
}

/* The same values whatever computes them; other ones in the other arithmetic. */
Test(preprocess_command, variants_and_references, .fini = clean)
{
    static const char *const same[] = {"", "--baseline", "--threads 1",
                                       "--force preprocess=baseline", "--reference pillow"};
    char digest[65] = "";
    for (int i = 0; i < 5; i++) {
        char arguments[256];
        snprintf(arguments, sizeof arguments,
                 "%%s/$(basename $(ls -d %%s/*.jpg | head -n 1)) --json --max-pixels 9000 %s",
                 same[i]);
        test_output output = run(arguments);
        cr_assert_eq(output.exit_code, 0, "%s", output.err);
        json_t *all = parse(&output);
        cr_assert_eq(json_array_size(all), 1);
        if (i == 0) {
            snprintf(digest, sizeof digest, "%s", text_of(all, 0, "sha256"));
        } else if (i < 4) {
            cr_assert_str_eq(text_of(all, 0, "sha256"), digest, "%s", same[i]);
        } else {
            cr_assert_str_neq(text_of(all, 0, "sha256"), digest);
        }
        json_decref(all);
        test_output_release(&output);
    }
}

/* Digests are libcrypto's, which is loaded where one is asked for: without it the values are made
 * all the same, and one line says what is missing. What needs no digest does not look for it. */
Test(preprocess_command, does_without_libcrypto, .fini = clean)
{
    char text[512];
    test_output output = run("%s/*.jpg --json");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    test_output_release(&output);
    snprintf(text, sizeof text, "%s/libcrypto.so.3", folder);
    FILE *file = fopen(text, "w");
    cr_assert(file && fputs("no library", file) >= 0 && !fclose(file));
    cr_assert_eq(setenv("LD_LIBRARY_PATH", folder, 1), 0);
    output = run("%s/*.jpg --json --dump %s/values.safetensors");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    const char *said = strstr(output.err, "no SHA-256: ");
    cr_assert(said && strstr(said, "libcrypto.so.3"), "%s", output.err);
    cr_assert_null(strstr(said + 1, "no SHA-256: "), "said once");
    json_t *all = parse(&output);
    cr_assert_eq(json_array_size(all), 2);
    cr_assert(json_is_null(json_object_get(json_array_get(all, 1), "sha256")));
    json_decref(all);
    test_output_release(&output);
    output = run("%s/*.jpg");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert(strstr(output.out, "patches, no SHA-256"), "%s", output.out);
    test_output_release(&output);
    snprintf(text, sizeof text, "run %s --prompt a --max-tokens 1 --no-config",
             test_source("harness/model/demo/checkpoint"));
    output = test_program(text);
    cr_assert(output.exit_code == 0 && !strstr(output.err, "SHA-256"), "%s", output.err);
    test_output_release(&output);
    unsetenv("LD_LIBRARY_PATH");
}

Test(preprocess_command, refuses_bad_options, .fini = clean)
{
    static const struct {
        const char *arguments, *expected;
    } cases[] = {{"%s/x.jpg --reference nearest", "'nearest', expected torch, pillow or pillow12"},
                 {"%s/x.jpg --alpha black", "'black', expected auto, drop or white"},
                 {"%s/x.jpg --dialect 4", "'4', expected 5 or 4.57"},
                 {"%s/x.jpg --max-pixels 10", "the most 10"},
                 {"%s/x.jpg --min-pixels 0", "min-pixels"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_output output = run(cases[i].arguments);
        cr_assert_eq(output.exit_code, 2);
        cr_assert(strstr(output.err, cases[i].expected), "%s", output.err);
        test_output_release(&output);
    }
}

/* Where memory runs out while JSON is read or made: the whole answer or an error, never an answer
 * without some of its members. One allocation of jansson's fails at a time (support/scarce). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/compiler.h"
#include "optimizations/core/random.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

enum { TRIES = 40 };

/* NULL, with a SKIP, where nothing can be preloaded. */
static const char *library(void)
{
    const char *path = getenv("VLT_SCARCE_JSON");
    if (VLT_ASAN || !path) {
        test_skip("a sanitizer has a malloc of its own");
        return NULL;
    }
    return path;
}

static test_output run_at(const char *command, long at)
{
    char script[1024];
    snprintf(script, sizeof script,
             "VLT_SCARCE_COUNT=count VLT_SCARCE_AT=%ld LD_PRELOAD=\"$VLT_SCARCE_JSON\" "
             "\"$VLTUNE\" %s",
             at, command);
    return test_demo_script(script);
}

static long allocations(void)
{
    size_t bytes;
    char *text = test_read_file("count", &bytes);
    long count = text ? strtol(text, NULL, 10) : 0;
    free(text);
    return count;
}

/* Keys and texts of the answer, without its numbers: those of times differ. */
static char *skeleton(char *text)
{
    char *kept = text;
    bool quoted = false;
    for (const char *c = text; *c; c++) {
        quoted ^= *c == '"' && (c == text || c[-1] != '\\');
        if (quoted || !strchr("0123456789.e-+", *c)) {
            *kept++ = *c;
        }
    }
    *kept = '\0';
    return text;
}

Test(scarce_memory, an_answer_is_whole_or_an_error, .init = test_demo_make,
     .fini = test_demo_remove, .timeout = 300)
{
    static const char *const commands[] = {
        "list --json",
        "list linear --json",
        "preprocess \"$DEMO\" scenes/scene-000.jpg scenes/scene-001.jpg --json",
        "model check \"$DEMO\" --json",
        "run \"$DEMO\" --prompt x --max-tokens 2 --greedy --seed 1 --logprobs 2 --json",
    };
    if (!library()) {
        return;
    }
    vlt_random random = {.state = 17};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        int failed = 0;
        test_output whole = run_at(commands[i], -1);
        long total = allocations();
        cr_assert_gt(total, 50, "%s: %ld: %s", commands[i], total, whole.err);
        skeleton(whole.out);
        for (int k = 0; k < TRIES; k++) {
            long at = (long)(vlt_random_next(&random) % (uint64_t)total);
            test_output output = run_at(commands[i], at);
            cr_assert_lt(output.exit_code, 128, "%s, allocation %ld: crashed", commands[i], at);
            if (output.exit_code == whole.exit_code) {
                cr_assert_str_eq(skeleton(output.out), whole.out, "%s, allocation %ld", commands[i],
                                 at);
            } else {
                cr_assert(output.exit_code == 1 || output.exit_code == 2);
                cr_assert(strstr(output.err, "vltune: "), "%s, allocation %ld", commands[i], at);
                failed++;
            }
            test_output_release(&output);
        }
        cr_assert_gt(failed, 0, "%s", commands[i]);
        test_output_release(&whole);
    }
}

/* A line of a batch has its text or its error, and no success hides an error. */
Test(scarce_memory, a_batch_loses_no_answer, .init = test_demo_make, .fini = test_demo_remove,
     .timeout = 300)
{
    static const char command[] = "batch \"$DEMO\" in.jsonl";
    if (!library()) {
        return;
    }
    test_demo_write("in.jsonl", "{\"id\": 1, \"prompt\": \"x\", \"max_tokens\": 2}\n"
                                "{\"id\": \"two\", \"prompt\": \"y\", \"max_tokens\": 2}\n"
                                "{\"id\": 3, \"prompt\": \"z\", \"max_tokens\": 2}\n");
    test_output whole = run_at(command, -1);
    long total = allocations();
    vlt_random random = {.state = 18};
    cr_assert_eq(whole.exit_code, 0, "%s", whole.err);
    for (int k = 0; k < 2 * TRIES; k++) {
        long at = (long)(vlt_random_next(&random) % (uint64_t)total);
        test_output output = run_at(command, at);
        cr_assert_lt(output.exit_code, 128, "allocation %ld: crashed", at);
        char *rest = output.out, *line;
        int lines = 0;
        while ((line = strsep(&rest, "\n")) != NULL && *line) {
            json_t *answer = NULL;
            lines++;
            cr_assert_eq(vlt_json_parse(line, strlen(line), "line", &answer, NULL), VLT_OK,
                         "allocation %ld: %s", at, line);
            cr_assert_not_null(json_object_get(answer, "id"));
            cr_assert(!json_object_get(answer, "text") != !json_object_get(answer, "error"),
                      "allocation %ld: %s", at, line);
            cr_assert(!json_object_get(answer, "text") ||
                          (json_object_get(answer, "ids") && json_object_get(answer, "timings_ms")),
                      "allocation %ld: %s", at, line);
            json_decref(answer);
        }
        cr_assert(output.exit_code != 0 || lines == 3, "allocation %ld: %d lines", at, lines);
        test_output_release(&output);
    }
    test_output_release(&whole);
}

/* bench and compare as a user runs them, through the program. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "tests/support/run_program.h"

static json_t *run_json(const char *arguments, int expected_code)
{
    test_output output = test_program(arguments);
    json_t *document = NULL;
    vlt_error err = {0};
    cr_assert_eq(output.exit_code, expected_code, "%s: exit code %d, %s", arguments,
                 output.exit_code, output.err);
    cr_assert_eq(vlt_json_parse(output.out, output.out_bytes, arguments, &document, &err), VLT_OK,
                 "%s", err.message);
    test_output_release(&output);
    return document;
}

static const json_t *row_of(const json_t *document, size_t index)
{
    return json_array_get(json_object_get(document, "rows"), index);
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

Test(compare, has_every_field_of_the_interface)
{
    static const char *const fields[] = {
        "op",         "shape",          "variant",    "knobs",         "baseline",
        "launches",   "pairs",          "ns_median",  "ratio",         "ratio_low",
        "ratio_high", "verdict",        "throughput", "unit",          "flops",
        "bytes",      "roofline_share", "counters",   "invalid_reason"};
    json_t *document = run_json("compare --json --threads 1 norm/baseline@rows=64,width=512 "
                                "norm/baseline@rows=128,width=512",
                                0);
    const json_t *row = row_of(document, 0);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        cr_assert(json_object_get(row, fields[i]), "field '%s' is missing", fields[i]);
    }
    double ratio = json_number_value(json_object_get(row, "ratio"));
    cr_assert(ratio > 1.6 && ratio < 2.5, "%g", ratio);
    cr_assert_str_eq(text_of(row, "verdict"), "slower");
    cr_assert_str_eq(text_of(row, "unit"), "row/s");
    cr_assert(json_is_null(json_object_get(row, "invalid_reason")));
    cr_assert(json_is_null(json_object_get(row, "roofline_share")) ||
              json_number_value(json_object_get(row, "roofline_share")) > 0);
    json_decref(document);
}

/* The 3 % more work of reports/cli/README.md#compare, on the copy probe and on a real operator. */
Test(compare, finds_three_per_cent_more_work)
{
    static const char *const commands[] = {
        "compare --json --threads 1 --launches 80 probe/gemm probe/gemm@work=1030",
        "compare --json --threads 1 --launches 80 norm/baseline@rows=100,width=512 "
        "norm/baseline@rows=103,width=512"};
    for (int i = 0; i < 2; i++) {
        json_t *document = run_json(commands[i], 0);
        const json_t *row = row_of(document, 0);
        double ratio = json_number_value(json_object_get(row, "ratio"));
        cr_assert(ratio > 1.005 && ratio < 1.1, "%s: %g", commands[i], ratio);
        json_decref(document);
    }
}

Test(compare, a_text_for_people)
{
    test_output output = test_program("compare --threads 1 probe/copy probe/copy@work=1500");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert(strstr(output.out, "verdict   slower"), "%s", output.out);
    for (char *line = strtok(output.out, "\n"); line; line = strtok(NULL, "\n")) {
        cr_assert_leq(strlen(line), 80, "%s", line);
    }
    test_output_release(&output);
}

Test(compare, bad_input_has_its_code)
{
    static const char *const usage[] = {"compare norm/avx2",
                                        "compare norm/nothing norm/avx2",
                                        "compare baseline baseline",
                                        "compare --margin x norm/avx2 norm/avx2",
                                        "compare --cache warm norm/avx2 norm/avx2",
                                        "compare norm/avx2 no.toml",
                                        "compare --launches 0 norm/avx2 norm/avx2",
                                        "bench nothing",
                                        "bench norm --shape nothing",
                                        "compare probe/gemm probe/gem"};
    for (size_t i = 0; i < sizeof usage / sizeof *usage; i++) {
        test_output output = test_program(usage[i]);
        cr_assert_eq(output.exit_code, 2, "%s: exit code %d", usage[i], output.exit_code);
        test_output_release(&output);
    }
}

/* A candidate that cannot run is a row without verdict, with its reason. */
Test(compare, what_cannot_run_says_why)
{
    json_t *document = run_json(
        "compare --json probe/gemm 'norm/baseline@rows=2000000000,width=16000000'", 5);
    const json_t *row = row_of(document, 0);
    cr_assert(json_is_null(json_object_get(row, "verdict")));
    cr_assert(json_is_null(json_object_get(row, "ratio")));
    cr_assert(strlen(text_of(row, "invalid_reason")) > 0);
    json_decref(document);
}

Test(bench, baseline_row_first_and_every_variant)
{
    json_t *document = run_json("bench --json --threads 1 --launches 8 norm --shape decode", 0);
    const json_t *rows = json_object_get(document, "rows");
    cr_assert_geq(json_array_size(rows), 2);
    cr_assert_str_eq(text_of(row_of(document, 0), "variant"), "baseline");
    cr_assert_str_eq(text_of(row_of(document, 0), "shape"), "decode");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = row_of(document, i);
        bool valid = json_is_null(json_object_get(row, "invalid_reason"));
        cr_assert_eq(valid, !json_is_null(json_object_get(row, "verdict")));
    }
    json_decref(document);
}

/* Stopped in the middle: what was measured is still printed, the code says interrupted. */
Test(bench, an_interrupt_keeps_what_was_measured)
{
    char command[2048], out[65536] = "";
    snprintf(
        command, sizeof command,
        "timeout --preserve-status -s INT 6 '%s' bench norm --json --threads 1 --launches 4000 "
        "--budget 100s --margin 0 2>/dev/null",
        getenv("VLT_PROGRAM"));
    FILE *pipe = popen(command, "r");
    size_t bytes = fread(out, 1, sizeof out - 1, pipe);
    int ending = pclose(pipe);
    json_t *document = NULL;
    vlt_error err = {0};
    cr_assert(WIFEXITED(ending) && WEXITSTATUS(ending) == 130, "%d", ending);
    cr_assert_eq(vlt_json_parse(out, bytes, "bench", &document, &err), VLT_OK, "%s", err.message);
    cr_assert_geq(json_array_size(json_object_get(document, "rows")), 1);
    cr_assert_gt(json_integer_value(json_object_get(row_of(document, 0), "launches")), 0);
    json_decref(document);
}

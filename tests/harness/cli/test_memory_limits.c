/* The program inside a memory cgroup, for real: what does not fit is refused with numbers, nothing
 * is killed, and what is not used costs nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "optimizations/core/compiler.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"
#include "tests/support/image_files.h"
#include "tests/support/memory_cgroup.h"

#define MIB (UINT64_C(1) << 20)

/* Makes the cgroup and a tiny model with 262,144 positions. */
static bool set_up(uint64_t limit_bytes)
{
    char command[256];
    if (!test_cgroup_make(limit_bytes)) {
        test_skip("no memory cgroup can be made here");
        return false;
    }
    snprintf(command, sizeof command, "model make %s --quiet", test_folder_path("model"));
    test_output output = test_program(command);
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    test_output_release(&output);
    return true;
}

static test_output in_cgroup(const char *format, const char *rest)
{
    char command[2048];
    snprintf(command, sizeof command, format, test_folder_path("model"), rest);
    return test_cgroup_program(command);
}

TestSuite(memory_limits, .init = test_folder_make, .fini = test_folder_remove);

Test(memory_limits, a_long_context_costs_what_is_used)
{
    if (!set_up(400 * MIB)) {
        return;
    }
    json_t *answer = NULL;
    vlt_error err = {0};
    test_output output = in_cgroup("run %s --prompt hi --greedy --ignore-eos %s",
                                   "--context 262144 --max-tokens 40 --json");
    cr_expect_eq(output.exit_code, 0, "exit %d: %s", output.exit_code, output.err);
    cr_assert_eq(vlt_json_parse(output.out, output.out_bytes, "answer", &answer, &err), VLT_OK,
                 "%s", err.message);
    cr_expect_lt(json_integer_value(json_object_get(answer, "peak_rss_bytes")),
                 (json_int_t)(100 * MIB));
    json_decref(answer);
    test_output_release(&output);
    test_cgroup_remove();
}

Test(memory_limits, what_cannot_fit_is_refused_before_it_begins)
{
    if (!set_up(400 * MIB)) {
        return;
    }
    test_output output = in_cgroup("run %s --prompt hi --greedy --ignore-eos %s",
                                   "--context 262144 --max-tokens 250000");
    cr_expect_eq(output.exit_code, 2, "exit %d: %s", output.exit_code, output.err);
    cr_expect_eq(output.out_bytes, 0);
    cr_expect(strstr(output.err, "needs 3072") && strstr(output.err, "of 419.4 MB") &&
                  strstr(output.err, "vltune-test-"),
              "%s", output.err);
    test_output_release(&output);
    test_cgroup_remove();
}

/* A batch serves the lines that fit. */
Test(memory_limits, a_line_that_cannot_fit_leaves_the_others_alone)
{
    if (!set_up(400 * MIB)) {
        return;
    }
    FILE *lines = fopen(test_folder_path("in.jsonl"), "w");
    fputs("{\"id\": 1, \"prompt\": \"hi\", \"max_tokens\": 2}\n"
          "{\"id\": 2, \"prompt\": \"hi\", \"max_tokens\": 250000}\n"
          "{\"id\": 3, \"prompt\": \"hi\", \"max_tokens\": 2}\n",
          lines);
    fclose(lines);
    test_output output = in_cgroup("batch %s %s", test_folder_path("in.jsonl"));
    cr_expect_neq(output.exit_code, 137);
    char *second = strchr(output.out, '\n');
    cr_assert_not_null(second, "%s", output.err);
    cr_expect(strstr(second, "\"id\": 2") && strstr(second, "needs 3072"), "%s", output.out);
    cr_expect(strstr(second, "\"id\": 3") && strstr(strstr(second, "\"id\": 3"), "\"text\""), "%s",
              output.out);
    test_output_release(&output);
    test_cgroup_remove();
}

/* Six at a time would not fit: they wait for each other, and nobody is killed. */
Test(memory_limits, what_does_not_fit_at_once_waits)
{
    const char *picture = test_data("data/images/astronaut-512x512.png");
    if (VLT_ASAN) {
        test_skip("a sanitizer's own memory is more than the limit");
        return;
    }
    if (!picture) {
        test_skip("the picture is not there");
        return;
    }
    if (!set_up(36 * MIB)) {
        return;
    }
    FILE *lines = fopen(test_folder_path("in.jsonl"), "w");
    for (int i = 0; i < 6; i++) {
        fprintf(lines, "{\"id\": %d, \"prompt\": \"How many?\", \"images\": [\"%s\"]}\n", i,
                picture);
    }
    fclose(lines);
    char rest[512];
    snprintf(rest, sizeof rest, "%s --parallel 6 --prefetch 6 --embedding-cache 0 --threads 2 %s",
             test_folder_path("in.jsonl"), "--greedy --no-config --max-tokens 4");
    for (int i = 0; i < 4; i++) {
        int answers = 0;
        test_output output = in_cgroup("batch %s %s", rest);
        for (const char *at = output.out; (at = strstr(at, "{\"id\": ")); at++) {
            answers++;
        }
        cr_expect(output.exit_code < 2, "exit %d: %s", output.exit_code, output.err);
        cr_expect_eq(answers, 6, "%d answers: %s", answers, output.err);
        test_output_release(&output);
    }
    test_cgroup_remove();
}

/* Twelve megapixels are 290 MB of patches, and 36 MB as a picture. */
Test(memory_limits, a_large_photo_is_refused_or_fits)
{
    const char *photo = test_data("data/images/food-3024x4032-420.jpg");
    if (!photo) {
        test_skip("the photo is not there");
        return;
    }
    if (!set_up(150 * MIB)) {
        return;
    }
    char rest[512];
    snprintf(rest, sizeof rest, "%s --max-pixels 16777216", photo);
    test_output output = in_cgroup("preprocess %s %s", rest);
    cr_expect_eq(output.exit_code, 2, "exit %d: %s", output.exit_code, output.err);
    cr_expect(strstr(output.err, "needs 291.1 MB") && strstr(output.err, "of 157.3 MB"), "%s",
              output.err);
    test_output_release(&output);
    output = in_cgroup("preprocess %s %s", photo);
    cr_expect_eq(output.exit_code, 0, "exit %d: %s", output.exit_code, output.err);
    test_output_release(&output);
    test_cgroup_remove();
}

/* Before it is read or decoded: a file larger than the limit, and a picture whose pixels are, where
 * it is decoded whole (interlaced); one that is decoded in strips fits. */
Test(memory_limits, files_and_pictures_that_cannot_fit_are_refused)
{
    if (!set_up(60 * MIB)) {
        return;
    }
    const char *whole = test_folder_path("whole.png");
    const char *big = test_data("data/images/big-7680x4320-420.jpg");
    const char *file = test_folder_path("huge.jpg");
    FILE *stream = fopen(file, "w");
    cr_assert_eq(ftruncate(fileno(stream), 900 << 20), 0);
    fclose(stream);
    test_output output = in_cgroup("preprocess %s %s", file);
    cr_expect_eq(output.exit_code, 2, "exit %d: %s", output.exit_code, output.err);
    cr_expect(strstr(output.err, "huge.jpg: needs 943.7 MB"), "%s", output.err);
    test_output_release(&output);
    test_png_one_colour(whole, 7680, 4320, 1);
    output = in_cgroup("preprocess %s %s", whole);
    cr_expect_eq(output.exit_code, 2, "exit %d: %s", output.exit_code, output.err);
    cr_expect(strstr(output.err, "PNG of 7680x4320 pixels: needs 99.5 MB"), "%s", output.err);
    test_output_release(&output);
    if (big) {
        output = in_cgroup("preprocess %s --max-pixels 262144 %s", big);
        cr_expect_eq(output.exit_code, 0, "exit %d: %s", output.exit_code, output.err);
        test_output_release(&output);
    }
    test_cgroup_remove();
}

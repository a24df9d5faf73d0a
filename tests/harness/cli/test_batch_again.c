/* A half-written output of batch: gone on with where it is this batch's, and whatever found no
 * memory is answered again in its place. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/compiler.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"
#include "tests/support/folder.h"
#include "tests/support/image_files.h"

TestSuite(batch_again, .init = test_demo_make, .fini = test_demo_remove);

/* Each of these would make other answers; both values are named, and the file stays. */
Test(batch_again, another_batchs_output_is_refused)
{
    static const struct {
        const char *begun, *now, *had, *has;
    } cases[] = {
        {"--temperature 0.5 --seed 1", "--temperature 0.7 --seed 1", "temperature 0.5", "has 0.7"},
        {"--temperature 0.5 --seed 1", "--temperature 0.5 --seed 2", "seed 1", "has 2"},
        {"--temperature 0.5 --seed 1", "--greedy", "greedy none", "has true"},
        {"--greedy", "", "greedy true", "has none"},
        {"", "--top-k 5", "top_k none", "has 5"},
        {"--top-p 0.5", "--top-p 0.25", "top_p 0.5", "has 0.25"},
        {"", "--min-p 0.5", "min_p none", "has 0.5"},
        {"", "--repetition-penalty 2", "repetition_penalty none", "has 2"},
        {"", "--presence-penalty 2", "presence_penalty none", "has 2"},
        {"--stop x", "--stop y", "stop [\"x\"]", "has [\"y\"]"},
        {"", "--ignore-eos", "ignore_eos none", "has true"},
        {"--no-special", "", "no_special true", "has none"},
        {"--context 90", "--context 91", "context 90", "has 91"},
        {"--reference pillow", "", "pictures read by \"--reference pillow\"", "has none"},
        {"", "--strict-images", "pictures read by the defaults", "has \"--strict-images\""},
    };
    test_demo_write("in", "{\"id\":1,\"prompt\":\"a\"}\n{\"id\":2,\"prompt\":\"b\"}\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char script[1024];
        snprintf(script, sizeof script,
                 "rm -f out; $VLTUNE batch $DEMO in -o out -n 2 --quiet %s; head -n 1 out >kept;"
                 "cp kept out; $VLTUNE batch $DEMO in -o out -n 2 --quiet %s; echo code $?;"
                 "cmp out kept && $VLTUNE batch $DEMO in -o out -n 2 --quiet %s; echo code $?",
                 cases[i].begun, cases[i].now, cases[i].begun);
        test_output output = test_demo_script(script);
        cr_expect_str_eq(output.out, "code 2\ncode 0\n", "%s, %s: %s", cases[i].begun, cases[i].now,
                         output.err);
        cr_expect(strstr(output.err, cases[i].had) && strstr(output.err, cases[i].has),
                  "%s, %s: %s", cases[i].begun, cases[i].now, output.err);
        test_output_release(&output);
    }
}

Test(batch_again, another_question_or_model_is_refused)
{
    test_output output = test_demo_script(
        "$VLTUNE model make other --quiet >/dev/null; echo '{\"id\":1,\"prompt\":\"a\"}' >in;"
        "echo '{\"id\":1,\"prompt\":\"b\"}' >in2; $VLTUNE batch $DEMO in -o out -n 2 --greedy;"
        "cp out kept; $VLTUNE batch $DEMO in2 -o out -n 2 --greedy; echo code $?;"
        "$VLTUNE batch other in -o out -n 2 --greedy; echo code $?;"
        "cmp out kept && echo kept; echo '{\"id\":1,\"text\":\"mine\"}' >out; cp out kept;"
        "$VLTUNE batch $DEMO in -o out -n 2 --greedy; echo code $?; cmp out kept && echo kept");
    cr_expect_str_eq(output.out, "code 2\ncode 2\nkept\ncode 2\nkept\n", "%s", output.err);
    cr_expect(strstr(output.err, "out line 1 answers the request with the digest ") &&
                  strstr(output.err, "in2 has one with "),
              "%s", output.err);
    cr_expect(strstr(output.err, "out line 1 was computed by the model ") &&
                  strstr(output.err, "(other): give that checkpoint"),
              "%s", output.err);
    cr_expect(strstr(output.err, "out line 1 has no member 'request'"), "%s", output.err);
    test_output_release(&output);
}

/* Lines before and behind keep their answers to the byte; so do other errors. From a file and from
 * a pipe, and whatever is left of the input follows. */
Test(batch_again, what_found_no_memory_is_answered_in_its_place)
{
    if (VLT_ASAN) {
        test_skip("a sanitizer's own memory is more than the limit");
        return;
    }
    test_png_one_colour("large.png", 9000, 7000, 1); /* 189 MB of pixels, decoded whole */
    test_demo_write("in", "{\"id\":1,\"prompt\":\"a\"}\n"
                          "{\"id\":2,\"prompt\":\"a\",\"images\":[\"large.png\"]}\n\n"
                          "{\"id\":3,\"prompt\":7}\n"
                          "{\"id\":4,\"prompt\":\"b\",\"images\":[\"large.png\"]}\n"
                          "{\"id\":5,\"prompt\":\"c\"}\n{\"id\":6,\"prompt\":\"d\"}\n");
    static const char *const again[] = {"batch $DEMO in", "batch $DEMO - <in"};
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        char script[1024];
        snprintf(script, sizeof script,
                 "rm -f out; head -n 6 in >first; $VLTUNE batch $DEMO first -o out -n 2 --greedy "
                 "--memory-limit 120M --files . 2>said; echo code $?; cat said >&2;"
                 "grep -c '\"failed\": \"LIMIT\"' out;"
                 "cp out was; chmod 640 out; $VLTUNE %s -o out -n 2 --greedy --files .; echo code "
                 "$?; stat -c %%a out; for n in 1 3 5; do sed -n ${n}p was >a; sed -n ${n}p out >b;"
                 "cmp a b; done; grep -o '\"id\": [0-9], \"[et][a-z]*\"' out | tr '\\n' ' '; ls | "
                 "grep -c tmp; $VLTUNE %s -o out -n 2 --greedy --files . 2>/dev/null; echo code $?",
                 again[i], again[i]);
        test_output output = test_demo_script(script);
        cr_expect_str_eq(
            output.out,
            "code 1\n2\ncode 1\n640\n\"id\": 1, \"text\" \"id\": 2, \"text\" \"id\": 3, "
            "\"error\" \"id\": 4, \"text\" \"id\": 5, \"text\" \"id\": 6, \"text\" 0\n"
            "code 1\n",
            "%s%s", output.out, output.err);
        cr_expect(strstr(output.err, "out: 2 lines found no memory and are answered again") &&
                      strstr(output.err, "1 of 6 lines have an error"),
                  "%s", output.err);
        test_output_release(&output);
    }
}

/* Where there is still none the error stays one, and the rest goes on. */
Test(batch_again, what_still_finds_none_stays_an_error)
{
    if (VLT_ASAN) {
        test_skip("a sanitizer's own memory is more than the limit");
        return;
    }
    test_png_one_colour("large.png", 9000, 7000, 1);
    test_demo_write("in", "{\"id\":1,\"prompt\":\"a\",\"images\":[\"large.png\"]}\n"
                          "{\"id\":2,\"prompt\":\"b\"}\n{\"id\":3,\"prompt\":\"c\"}\n");
    test_output output = test_demo_script(
        "head -n 2 in >first; o='-o out -n 2 --greedy --memory-limit 120M --parallel 4';"
        "$VLTUNE batch $DEMO first $o; echo code $?; $VLTUNE batch $DEMO in $o; echo code $?;"
        "grep -o '\"id\": [0-9], \"[et][a-z]*\"' out");
    cr_expect_str_eq(output.out,
                     "code 1\ncode 1\n\"id\": 1, \"error\"\n\"id\": 2, \"text\"\n\"id\": 3, "
                     "\"text\"\n",
                     "%s%s", output.out, output.err);
    cr_expect(strstr(output.err, "1 of 3 lines have an error"), "%s", output.err);
    test_output_release(&output);
}

/* Answers of a batch of so many equal lines within a limit, behind those of the file `first`. */
static int answered_behind(const char *first, int lines, int limit_kib, const char *options)
{
    char script[512];
    snprintf(
        script, sizeof script,
        "head -n %d lines | cat %s - >in; $VLTUNE batch $DEMO in -n 2 --greedy --no-config --quiet "
        "--memory-limit %dK %s 2>/dev/null | grep -c '\"finish\"'",
        lines, first, limit_kib, options);
    test_output output = test_demo_script(script);
    const int count = atoi(output.out);
    test_output_release(&output);
    return count;
}

static int answered(int lines, int limit_kib, const char *options)
{
    return answered_behind("", lines, limit_kib, options);
}

/* A line that can never fit, and of which much is made before that is known. */
static void write_endless(const char *name)
{
    enum { WORDS = 60000 };
    char *line = malloc(2 * WORDS + 64);
    cr_assert_not_null(line);
    char *end = line + sprintf(line, "{\"id\":\"endless\",\"prompt\":\"");
    for (int i = 0; i < WORDS; i++) {
        end = stpcpy(end, "x ");
    }
    stpcpy(end, "\"}\n");
    test_demo_write(name, line);
    free(line);
}

/* What fits alone is answered in every run, however many are side by side and ahead, and whatever
 * was refused before it, and what does not in none. What the program has at rest counts in whole
 * MiB: one more or less by the run. */
Test(batch_again, what_fits_alone_is_answered_beside_others_too, .timeout = 240)
{
    enum { LINES = 8, STEP_KIB = 1024, RUNS = 3 };
    static const char *const many[] = {"--tokenize-threads 4",
                                       "--tokenize-threads 4 --parallel 64 --prefetch 8"};
    int refused = 4 * STEP_KIB, fits = 128 * STEP_KIB;
    if (VLT_ASAN) {
        test_skip("a sanitizer's own memory is more than the limit");
        return;
    }
    test_png_one_colour("picture.png", 512, 512, 1);
    char lines[1024] = "";
    for (int i = 0; i < LINES; i++) {
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines),
                 "{\"id\":%d,\"prompt\":\"%d\",\"images\":[\"picture.png\"]}\n", i, i);
    }
    test_demo_write("lines", lines);
    write_endless("endless");
    cr_assert_eq(answered(1, fits, ""), 1);
    while (fits - refused > STEP_KIB) {
        const int middle = (fits + refused) / 2;
        *(answered(1, middle, "") ? &fits : &refused) = middle;
    }
    for (int i = 0; i < RUNS; i++) {
        cr_expect_eq(answered(LINES, fits + STEP_KIB, "--parallel 8 --prefetch 8"), LINES,
                     "%d KiB, %d fit one", fits + STEP_KIB, fits);
        for (int k = 0; k < 2; k++) {
            cr_expect_eq(answered_behind("endless", LINES, fits + STEP_KIB, many[k]), LINES,
                         "%d KiB, %d fit one, %s", fits + STEP_KIB, fits, many[k]);
        }
        cr_expect_eq(answered(LINES, refused - STEP_KIB, "--parallel 8 --prefetch 8"), 0,
                     "%d KiB, %d do not fit one", refused - STEP_KIB, refused);
    }
}

/* vltune model make and scenes as a user runs them. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "harness/json/json.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"

/* Runs `model ARGUMENTS`, where %s stands for the test's folder. */
static test_output run_model(const char *arguments)
{
    char command[512];
    int used = snprintf(command, sizeof command, "model ");
    snprintf(command + used, sizeof command - (size_t)used, arguments, test_folder_path(""));
    return test_program(command);
}

static void expect_refusal(const char *arguments, const char *message)
{
    test_output output = run_model(arguments);
    cr_assert_eq(output.exit_code, 2, "%s: exit code %d", arguments, output.exit_code);
    cr_assert(strstr(output.err, message), "%s: %s", arguments, output.err);
    cr_assert_eq(output.out_bytes, 0);
    test_output_release(&output);
}

Test(model_command, make_says_that_its_words_are_noise, .init = test_folder_make,
     .fini = test_folder_remove)
{
    test_output output = run_model("make %s/a --seed 4");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert(strstr(output.out, "noise"));
    for (char *rest = output.out, *line; (line = strsep(&rest, "\n")) != NULL;) {
        cr_assert_leq(strlen(line), 80, "%s", line);
    }
    test_output_release(&output);

    output = run_model("make %s/b --seed 4 --threads 1 --json");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    json_t *answer = NULL;
    cr_assert_eq(vlt_json_parse(output.out, output.out_bytes, "answer", &answer, NULL), VLT_OK);
    cr_assert(strstr(json_string_value(json_object_get(answer, "note")), "noise"));
    cr_assert_eq(json_integer_value(json_object_get(answer, "seed")), 4);
    cr_assert_eq(json_integer_value(json_object_get(answer, "tensors")), 167);
    json_decref(answer);
    test_output_release(&output);

    output = run_model("check %s/b");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    test_output_release(&output);
    expect_refusal("make %s/a", "nothing is overwritten");
}

Test(model_command, make_can_be_interrupted, .init = test_folder_make, .fini = test_folder_remove)
{
    /* 2b takes many times as long as the signal needs to come. */
    char command[512];
    snprintf(command, sizeof command,
             "--help >/dev/null; timeout --preserve-status -s INT 0.5 \"$VLTUNE\" model make %s "
             "--size 2b",
             test_folder_path("large"));
    test_output output = test_program(command);
    cr_assert_eq(output.exit_code, 130, "exit code %d: %s", output.exit_code, output.err);
    cr_assert_eq(test_folder_entries(), 0);
    test_output_release(&output);
}

Test(model_command, bad_wishes_exit_with_2, .init = test_folder_make, .fini = test_folder_remove)
{
    expect_refusal("mak %s/x", "did you mean 'make'?");
    expect_refusal("make", "model make: 0 operands");
    expect_refusal("make %s/x --size huge", "size 'huge', expected tiny, small or 2b");
    expect_refusal("make %s/x --seed -1", "seed");
    expect_refusal("make %s/no/such/parent", "no/such/parent");
    expect_refusal("scenes %s/x --count 0", "count");
    expect_refusal("scenes %s/x --size 10x10", "10x10");
    expect_refusal("scenes %s/x --size 640", "expected WIDTHxHEIGHT");
    expect_refusal("scenes %s/no/such/parent", "no/such/parent");
    cr_assert_eq(test_folder_entries(), 0);
}

Test(model_command, scenes_are_drawn, .init = test_folder_make, .fini = test_folder_remove)
{
    test_output output = run_model("scenes %s/s --count 3 --seed 1 --size 640x480");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert_eq(output.out_bytes, 0);
    test_output_release(&output);
    FILE *lines = fopen(test_folder_path("s/scenes.jsonl"), "r");
    cr_assert_not_null(lines);
    int count = 0;
    for (int c; (c = fgetc(lines)) != EOF;) {
        count += c == '\n';
    }
    fclose(lines);
    cr_assert_eq(count, 3);
}

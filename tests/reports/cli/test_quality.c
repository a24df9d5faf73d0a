/* --quality: what may be lost is asked for, recorded and never taken without. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/demo.h"

TestSuite(quality, .init = test_demo_make, .fini = test_demo_remove, .timeout = 120);

static const char *linear_choice(const json_t *answer)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(json_object_get(answer, "choices"), "linear"), key, value)
    {
        if (!strcmp(json_string_value(json_object_get(value, "variant")), "int8_rows")) {
            return "rounded";
        }
    }
    return "exact";
}

static void answers_with(const char *options, const char *quality, const char *choice)
{
    json_t *answer = test_demo_json(
        "run %s --prompt hi --max-tokens 2 --greedy --pack-cache 0 --json %s", options);
    cr_expect_str_eq(json_string_value(json_object_get(answer, "quality")), quality);
    cr_expect_str_eq(linear_choice(answer), choice, "%s", options);
    json_decref(answer);
}

Test(quality, run_rounds_where_it_may)
{
    answers_with("--no-config", "exact", "exact");
    answers_with("--no-config --quality exact", "exact", "exact");
    answers_with("--no-config --quality int8 --force linear=int8_rows", "int8", "rounded");
    answers_with("--no-config --quality int4 --force linear=int8_rows", "int8", "rounded");
    answers_with("--baseline --quality int8", "exact", "exact");
}

static void refused(const char *format, const char *rest, const char *with)
{
    test_output output = test_demo_run(format, rest);
    cr_expect_eq(output.exit_code, 2, "%s: %d", format, output.exit_code);
    cr_expect(strstr(output.err, with), "%s: %s", format, output.err);
    test_output_release(&output);
}

Test(quality, is_no_word_of_its_own)
{
    refused("run %s --prompt hi --quality %s", "int9", "expected exact, bf16, int8 or int4");
    refused("preprocess %s scenes/scene-000.jpg --quality %s", "int8", "--quality");
}

Test(quality, a_variant_that_rounds_is_measured_with_leave_alone)
{
    test_output output = test_program(
        "compare linear/baseline@m=2,n=8,k=8 linear/int8_rows@m=2,n=8,k=8 --budget 1s");
    cr_expect_eq(output.exit_code, 2);
    cr_expect(strstr(output.err, "it needs --quality int8"), "%s", output.err);
    test_output_release(&output);
    json_t *document = test_demo_json(
        "compare linear/baseline@m=2,n=8,k=8 linear/int8_rows@m=2,n=8,k=8 --budget 1s --json "
        "--quality int8",
        "");
    const json_t *row = json_array_get(json_object_get(document, "rows"), 0);
    cr_expect(json_is_number(json_object_get(row, "ratio")));
    json_decref(document);
}

/* With more time where the machine was too busy to compare anything. */
static json_t *tune_rounding(const char *max_kl)
{
    for (int budget_s = 20;; budget_s *= 2) {
        char rest[96];
        snprintf(rest, sizeof rest, "%s --budget %ds", max_kl, budget_s);
        json_t *document = test_demo_json("tune %s --quality int8 --scenes 6 --no-page --json -q "
                                          "--db tune.db --output tuned.toml --max-kl %s",
                                          rest);
        char *notes = json_dumps(json_object_get(document, "notes"), 0);
        bool compared = !strstr(notes, "loses was not measured");
        free(notes);
        if (compared || budget_s > 100) {
            return document;
        }
        json_decref(document);
    }
}

static int64_t integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* The choice of every linear problem: none rounds, or some do. */
static bool any_rounds(const json_t *document)
{
    size_t i;
    json_t *row;
    bool found = false;
    json_array_foreach(json_object_get(document, "rows"), i, row)
    {
        found |= !strncmp(json_string_value(json_object_get(row, "choice")), "int8", 4);
    }
    return found;
}

/* What 8 bits lose on the demo model is far within the default, and beyond what is nothing. */
Test(quality, tune_takes_back_what_loses_too_much, .timeout = 600)
{
    json_t *within = tune_rounding("0.01"), *beyond = tune_rounding("0");
    const json_t *loss = json_object_get(within, "loss");
    cr_expect_str_eq(json_string_value(json_object_get(loss, "quality")), "int8");
    cr_expect_gt(integer(loss, "steps"), 6);
    cr_expect_geq(integer(loss, "steps"), integer(loss, "agreed"));
    double kl = json_real_value(json_object_get(loss, "kl_mean"));
    cr_expect(kl > 0 && kl < 0.01, "%g", kl);
    cr_expect(any_rounds(within));
    cr_expect_null(json_object_get(beyond, "loss"));
    cr_expect_not(any_rounds(beyond));
    char *notes = json_dumps(json_object_get(beyond, "notes"), 0);
    cr_expect(strstr(notes, "linear computes exactly: int8 was "), "%s", notes);
    free(notes);
    json_decref(within);
    json_decref(beyond);
}

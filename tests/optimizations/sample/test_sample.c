#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "optimizations/sample/sample.h"
#include "tests/support/variants.h"

Test(sample, variants_equal_the_baseline)
{
    static const int64_t sizes[][3] = {{1, 1, 0},     {1, 0, 1},    {5, 0, 0},      {33, 0, 3},
                                       {448, 1, 0},   {448, 0, 20}, {513, 0, 0},    {1024, 0, 1},
                                       {2051, 0, 50}, {2051, 1, 0}, {2051, 0, 2050}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_sample, sizes[i]), 0);
    }
    test_context_release(&test);
}

enum { VOCAB = 700 };

static float logits[VOCAB], probabilities[VOCAB];
static vlt_sample_params params;
static vlt_sample_result result;
static vlt_sample_args args;

static void begin(void)
{
    vlt_random random = {3};
    for (int i = 0; i < VOCAB; i++) {
        logits[i] = vlt_random_signed(&random) * 4;
    }
    params = (vlt_sample_params){.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    args = (vlt_sample_args){
        .logits = logits, .params = &params, .probabilities = probabilities, .result = &result};
}

typedef void check_function(const char *variant, vlt_plan *plan);

static void each_variant(int64_t vocab, check_function *check)
{
    test_context test;
    test_context_init(&test);
    vlt_problem problem = {.op = &vlt_op_sample, .dim = {vocab, 0, 0}};
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_sample); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_sample, v);
        vlt_plan *plan = NULL;
        if (vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
            cr_assert_eq(vlt_plan_create_with(&test.context, &problem, variant, NULL, &plan, NULL),
                         VLT_OK);
            begin();
            check(variant->name, plan);
            vlt_plan_destroy(plan);
        }
    }
    test_context_release(&test);
}

static void run(vlt_plan *plan)
{
    vlt_error err = {0};
    cr_assert_eq(test_run(plan, &args, &err), VLT_OK, "%s", err.message);
}

static void expect_softmax(const char *variant, vlt_plan *plan)
{
    double sum = 0, total = 0;
    params.temperature = 0.5;
    run(plan);
    for (int i = 0; i < VOCAB; i++) {
        sum += exp(logits[i] / 0.5);
    }
    for (int i = 0; i < VOCAB; i++) {
        cr_assert_float_eq(probabilities[i], exp(logits[i] / 0.5) / sum, 1e-6, "%s", variant);
        total += (double)probabilities[i];
    }
    cr_assert_float_eq(total, 1, 1e-5);
}

Test(sample, without_cuts_it_is_a_softmax)
{
    each_variant(VOCAB, expect_softmax);
}

/* A draw takes the first token whose cumulative probability exceeds it. */
static void expect_draws(const char *variant, vlt_plan *plan)
{
    for (int step = 0; step < 50; step++) {
        double cumulative = 0;
        int expected = 0;
        args.draw = step / 50.0;
        params.top_k = 40;
        run(plan);
        for (; expected < VOCAB - 1; expected++) {
            cumulative += (double)probabilities[expected];
            if (cumulative > args.draw) {
                break;
            }
        }
        cr_assert_eq(result.id, expected, "%s, draw %g", variant, args.draw);
        cr_assert_float_eq(result.logprob, log(probabilities[expected]), 1e-5);
        args.probabilities = NULL; /* the id must not depend on being asked for them */
        run(plan);
        cr_assert_eq(result.id, expected, "%s", variant);
        args.probabilities = probabilities;
    }
}

Test(sample, draws_by_cumulative_probability)
{
    each_variant(VOCAB, expect_draws);
}

static int kept(void)
{
    int count = 0;
    for (int i = 0; i < VOCAB; i++) {
        count += probabilities[i] > 0;
    }
    return count;
}

static void expect_cuts(const char *variant, vlt_plan *plan)
{
    for (int i = 0; i < VOCAB; i++) { /* ten equal ones, five more below, the rest far away */
        logits[i] = i < 10 ? 2 : i < 15 ? 1 : -80;
    }
    params.top_k = 3;
    run(plan);
    cr_assert_eq(kept(), 10, "%s keeps ties with the k-th: %d", variant, kept());
    params.top_k = 10;
    params.top_p = 0.8;
    run(plan);
    cr_assert_eq(kept(), 8, "%s: equality stops top-p: %d", variant, kept());
    cr_assert_eq(probabilities[0] + probabilities[1], 0, "%s drops the lower ids", variant);
    params = (vlt_sample_params){
        .temperature = 1, .top_p = 1, .min_p = 0.5, .repetition_penalty = 1};
    run(plan);
    cr_assert_eq(kept(), 10, "%s: exp(-1) is below half: %d", variant, kept());
    params.min_p = 0.3;
    run(plan);
    cr_assert_eq(kept(), 15, "%s: %d", variant, kept());
    params.min_p = 0;
    params.top_p = 1e-9;
    run(plan);
    cr_assert_eq(kept(), 1, "%s: the most likely stays", variant);
    cr_assert_eq(probabilities[9], 1);
}

Test(sample, cuts_as_the_reference)
{
    each_variant(VOCAB, expect_cuts);
}

static void expect_penalties(const char *variant, vlt_plan *plan)
{
    static const int32_t ids[] = {5, 5, 9, -1, VOCAB, 7, 7};
    double l[VOCAB], sum = 0;
    logits[5] = 3;
    logits[9] = -2;
    logits[7] = 1;
    for (int i = 0; i < VOCAB; i++) {
        l[i] = logits[i];
    }
    l[5] = 3 / 1.5;
    l[9] = -2 * 1.5;
    l[7] = 1 / 1.5 - 0.25;
    for (int i = 0; i < VOCAB; i++) {
        sum += exp(l[i]);
    }
    args.ids = ids;
    args.id_count = 7;
    args.prompt_count = 5;
    params.repetition_penalty = 1.5;
    params.presence_penalty = 0.25;
    for (int repeat = 0; repeat < 2; repeat++) {
        run(plan);
        for (int i = 0; i < VOCAB; i++) {
            cr_assert_float_eq(probabilities[i], exp(l[i]) / sum, 1e-6, "%s: id %d", variant, i);
        }
    }
}

Test(sample, penalties_count_each_id_once)
{
    each_variant(VOCAB, expect_penalties);
}

static void expect_order_of_trouble(const char *variant, vlt_plan *plan)
{
    vlt_error err = {0};
    params.greedy = true;
    logits[3] = NAN;
    logits[600] = 50;
    logits[650] = 50;
    run(plan);
    cr_assert_eq(result.id, 600, "%s: the lowest id on ties", variant);
    cr_assert_eq(result.logprob, 0);
    logits[670] = INFINITY;
    run(plan);
    cr_assert_eq(result.id, 670, "%s", variant);
    params.greedy = false;
    params.temperature = 1e-30;
    run(plan);
    cr_assert(probabilities[670] > 0 && probabilities[3] == 0, "%s", variant);
    for (int i = 0; i < VOCAB; i++) {
        logits[i] = -3e38f; /* becomes -infinity at this temperature */
    }
    cr_assert_eq(test_run(plan, &args, &err), VLT_STATUS_INPUT);
    for (int i = 0; i < VOCAB; i++) {
        logits[i] = i % 2 ? NAN : -INFINITY;
    }
    cr_assert_eq(test_run(plan, &args, &err), VLT_STATUS_INPUT);
    cr_assert_not_null(strstr(err.message, "none of 700"), "%s", err.message);
    params.temperature = 0;
    cr_assert_eq(test_run(plan, &args, &err), VLT_STATUS_USAGE);
    cr_assert_not_null(strstr(err.message, "temperature is 0"), "%s", err.message);
    params.temperature = 1;
    params.top_p = NAN;
    cr_assert_eq(test_run(plan, &args, &err), VLT_STATUS_USAGE);
}

Test(sample, logits_that_are_no_numbers)
{
    each_variant(VOCAB, expect_order_of_trouble);
}

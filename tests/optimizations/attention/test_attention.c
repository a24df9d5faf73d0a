#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "optimizations/attention/attention.h"
#include "optimizations/core/random.h"
#include "tests/support/variants.h"

static void sweep(const int64_t (*sizes)[6], int count)
{
    static const vlt_format formats[] = {VLT_FORMAT_F32, VLT_FORMAT_BF16};
    test_context test;
    test_context_init(&test);
    for (int i = 0; i < count; i++) {
        for (int f = 0; f < 2; f++) {
            int64_t dims[7] = {[6] = formats[f]};
            memcpy(dims, sizes[i], sizeof *sizes);
            cr_assert_gt(test_variants(&test, &vlt_op_attention, dims), 0);
        }
    }
    test_context_release(&test);
}

Test(attention, variants_equal_the_baseline_on_few_rows)
{
    static const int64_t sizes[][6] = {
        {1, 1, 1, 1, 1, 1},      {1, 1, 2, 1, 64, 0},     {1, 5, 4, 2, 36, 1},
        {1, 130, 8, 1, 128, 1},  {1, 257, 16, 8, 128, 1}, {3, 9, 3, 3, 72, 1},
        {11, 300, 10, 2, 64, 1}, {2, 64, 7, 1, 20, 0},    {4, 2, 2, 2, 17, 1},
        {1, 1300, 6, 2, 40, 1},  {1, 1537, 5, 1, 64, 0},  {3, 1030, 4, 1, 36, 1}};
    sweep(sizes, sizeof sizes / sizeof *sizes);
}

Test(attention, variants_equal_the_baseline_on_many_rows)
{
    static const int64_t sizes[][6] = {
        {12, 12, 1, 1, 1, 1},    {13, 13, 2, 1, 64, 1},  {64, 64, 2, 2, 64, 0},
        {49, 129, 4, 2, 36, 1},  {97, 97, 3, 1, 72, 0},  {100, 257, 2, 2, 128, 1},
        {50, 20, 2, 2, 33, 1},   {193, 300, 4, 1, 8, 1}, {24, 17, 2, 2, 31, 0},
        {130, 140, 2, 2, 64, 0}, {70, 257, 4, 2, 128, 1}};
    sweep(sizes, sizeof sizes / sizeof *sizes);
}

/* Calls `check` with every variant applicable to the problem. */
typedef void check_function(vlt_plan *plan);

static void each_variant(const vlt_problem *problem, check_function *check)
{
    test_context test;
    test_context_init(&test);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_attention); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_attention, v);
        vlt_plan *plan = NULL;
        if (vlt_registry_applicable(variant, problem, &test.caps, NULL)) {
            cr_assert_eq(vlt_plan_create_with(&test.context, problem, variant, NULL, &plan, NULL),
                         VLT_OK);
            check(plan);
            vlt_plan_destroy(plan);
        }
    }
    test_context_release(&test);
}

enum { ROWS = 23, HEADS = 4, KV_HEADS = 2, HEAD = 12, FIRST = 7, KV = FIRST + ROWS };
enum { PLAN_ROWS = 128 /* at most: every variant is applicable */ };

static float q[ROWS][HEADS][HEAD], k[KV][KV_HEADS][HEAD], v[KV][KV_HEADS][HEAD],
    out[ROWS][HEADS][HEAD];

static void fill(float *data, size_t count, uint64_t seed)
{
    vlt_random random = {seed};
    for (size_t i = 0; i < count; i++) {
        data[i] = vlt_random_signed(&random) * 2;
    }
}

static vlt_attention_args arguments(void)
{
    return (vlt_attention_args){.q = &q[0][0][0],
                                .k = vlt_kv_view_f32(&k[0][0][0], KV_HEADS * HEAD, HEAD),
                                .v = vlt_kv_view_f32(&v[0][0][0], KV_HEADS * HEAD, HEAD),
                                .out = &out[0][0][0],
                                .q_rows = ROWS,
                                .kv_rows = KV,
                                .q_first = FIRST,
                                .q_row = HEADS * HEAD,
                                .q_head = HEAD,
                                .out_row = HEADS * HEAD,
                                .out_head = HEAD};
}

/* One output in double, from the formula. */
static double exact(int r, int h, int i, int visible)
{
    double score[KV], largest = -INFINITY, sum = 0, value = 0;
    int kv_head = h / (HEADS / KV_HEADS);
    for (int j = 0; j < visible; j++) {
        score[j] = 0;
        for (int e = 0; e < HEAD; e++) {
            score[j] += (double)q[r][h][e] * (double)k[j][kv_head][e];
        }
        score[j] /= sqrt(HEAD);
        largest = fmax(largest, score[j]);
    }
    for (int j = 0; j < visible; j++) {
        double weight = exp(score[j] - largest);
        sum += weight;
        value += weight * (double)v[j][kv_head][i];
    }
    return value / sum;
}

static void compare_with_exact(vlt_plan *plan)
{
    bool causal = plan->problem.dim[VLT_ATTENTION_DIM_CAUSAL] != 0;
    vlt_attention_args args = arguments();
    memset(out, 0xA5, sizeof out);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int r = 0; r < ROWS; r++) {
        for (int h = 0; h < HEADS; h++) {
            for (int i = 0; i < HEAD; i++) {
                double expected = exact(r, h, i, causal ? FIRST + r + 1 : KV);
                cr_assert_float_eq(out[r][h][i], expected, 2e-6 + 2 * plan->loss,
                                   "%s[%d,%d,%d] %g, expected %g", plan->variant->name, r, h, i,
                                   (double)out[r][h][i], expected);
            }
        }
    }
}

Test(attention, equals_a_computation_in_double)
{
    fill(&q[0][0][0], sizeof q / sizeof(float), 1);
    fill(&k[0][0][0], sizeof k / sizeof(float), 2);
    fill(&v[0][0][0], sizeof v / sizeof(float), 3);
    for (int causal = 0; causal <= 1; causal++) {
        vlt_problem problem = vlt_attention_problem(PLAN_ROWS, 64, HEADS, KV_HEADS, HEAD, causal,
                                                    VLT_FORMAT_F32);
        each_variant(&problem, compare_with_exact);
    }
}

/* Equal keys make the softmax uniform: the output is the mean of the values seen. */
static void expect_means(vlt_plan *plan)
{
    vlt_attention_args args = arguments();
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int r = 0; r < ROWS; r++) {
        double mean = 0;
        for (int j = 0; j <= FIRST + r; j++) {
            mean += (double)v[j][0][0] / (FIRST + r + 1);
        }
        cr_assert_float_eq(out[r][0][0], mean, 1e-6 + plan->loss, "%s row %d", plan->variant->name,
                           r);
    }
}

Test(attention, equal_keys_average_the_values)
{
    fill(&q[0][0][0], sizeof q / sizeof(float), 1);
    fill(&v[0][0][0], sizeof v / sizeof(float), 3);
    for (size_t i = 0; i < sizeof k / sizeof(float); i++) {
        (&k[0][0][0])[i] = 0.25f;
    }
    vlt_problem problem = vlt_attention_problem(PLAN_ROWS, KV, HEADS, KV_HEADS, HEAD, true,
                                                VLT_FORMAT_F32);
    each_variant(&problem, expect_means);
}

/* Equal values: the weights must sum to one whatever the scores, also beyond the range of exp. */
static void expect_ones(vlt_plan *plan)
{
    vlt_attention_args args = arguments();
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int i = 0; i < ROWS * HEADS * HEAD; i++) {
        cr_assert_float_eq((&out[0][0][0])[i], 1, 2e-6 + plan->loss, "%s", plan->variant->name);
    }
}

Test(attention, weights_sum_to_one_with_huge_scores)
{
    fill(&q[0][0][0], sizeof q / sizeof(float), 5);
    fill(&k[0][0][0], sizeof k / sizeof(float), 6);
    for (size_t i = 0; i < sizeof q / sizeof(float); i++) {
        (&q[0][0][0])[i] *= 1000;
    }
    for (size_t i = 0; i < sizeof v / sizeof(float); i++) {
        (&v[0][0][0])[i] = 1;
    }
    vlt_problem problem = vlt_attention_problem(PLAN_ROWS, KV, HEADS, KV_HEADS, HEAD, true,
                                                VLT_FORMAT_F32);
    each_variant(&problem, expect_ones);
}

/* What a causal row may not see must not change a bit of it. */
static void expect_no_future(vlt_plan *plan)
{
    static float first[ROWS][HEADS][HEAD];
    vlt_attention_args args = arguments();
    fill(&k[0][0][0], sizeof k / sizeof(float), 2);
    fill(&v[0][0][0], sizeof v / sizeof(float), 3);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    memcpy(first, out, sizeof out);
    fill(&k[KV - 1][0][0], KV_HEADS * HEAD, 99);
    fill(&v[KV - 1][0][0], KV_HEADS * HEAD, 98);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    cr_assert_eq(memcmp(first, out, sizeof out - sizeof out[0]), 0, "%s", plan->variant->name);
    cr_assert_neq(memcmp(first[ROWS - 1], out[ROWS - 1], sizeof out[0]), 0);
}

Test(attention, causal_rows_do_not_see_later_keys)
{
    fill(&q[0][0][0], sizeof q / sizeof(float), 1);
    vlt_problem problem = vlt_attention_problem(PLAN_ROWS, KV, HEADS, KV_HEADS, HEAD, true,
                                                VLT_FORMAT_F32);
    each_variant(&problem, expect_no_future);
}

/* What 8 bits must not spoil: a constant of all keys, which changes no softmax, a mean of the
 * values, and one key that takes nearly all beside many that share the rest. */
static void expect_near_exact(vlt_plan *plan)
{
    double largest = 0, worst = 0;
    vlt_attention_args args = arguments();
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int at = 0; at < ROWS * HEADS * HEAD; at++) {
        int r = at / (HEADS * HEAD), h = at / HEAD % HEADS, i = at % HEAD;
        double expected = exact(r, h, i, KV);
        largest = fmax(largest, fabs(expected - 50));
        worst = fmax(worst, fabs((double)out[r][h][i] - expected));
    }
    cr_assert_lt(worst, largest * (1e-4 + 0.03 * (plan->loss > 0)), "%s: %g of %g",
                 plan->variant->name, worst, largest);
}

Test(attention, constants_of_keys_and_values_cost_no_accuracy)
{
    fill(&q[0][0][0], sizeof q / sizeof(float), 1);
    fill(&k[0][0][0], sizeof k / sizeof(float), 2);
    fill(&v[0][0][0], sizeof v / sizeof(float), 3);
    for (int j = 0; j < KV; j++) {
        for (int i = 0; i < KV_HEADS * HEAD; i++) {
            (&k[j][0][0])[i] += i % HEAD == 3 ? 40 : 0;
            (&v[j][0][0])[i] += 50;
        }
    }
    vlt_problem problem = vlt_attention_problem(PLAN_ROWS, KV, HEADS, KV_HEADS, HEAD, false,
                                                VLT_FORMAT_F32);
    each_variant(&problem, expect_near_exact);
}

/* What cannot be rounded gives what the baseline gives. */
static float plain[ROWS][HEADS][HEAD];

static void expect_plain(vlt_plan *plan)
{
    vlt_attention_args args = arguments();
    if (plan->loss == 0) {
        return; /* exact ones differ in which NaN and infinity an infinite score leaves */
    }
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int at = 0; at < ROWS * HEADS * HEAD; at++) {
        float value = (&out[0][0][0])[at], expected = (&plain[0][0][0])[at];
        cr_assert(isnan(expected) ? isnan(value) : fabsf(value - expected) < 0.2f,
                  "%s[%d] %g, the baseline's %g", plan->variant->name, at, (double)value,
                  (double)expected);
    }
}

Test(attention, infinities_and_nan_are_the_baselines)
{
    test_context test;
    vlt_plan *plan = NULL;
    vlt_attention_args args = arguments();
    vlt_problem problem = vlt_attention_problem(PLAN_ROWS, KV, HEADS, KV_HEADS, HEAD, false,
                                                VLT_FORMAT_F32);
    test_context_init(&test);
    for (int where = 0; where < 3; where++) {
        fill(&q[0][0][0], sizeof q / sizeof(float), 1);
        fill(&k[0][0][0], sizeof k / sizeof(float), 2);
        fill(&v[0][0][0], sizeof v / sizeof(float), 3);
        q[5][1][2] = where == 0 ? INFINITY : q[5][1][2];
        k[9][0][3] = where == 1 ? -INFINITY : k[9][0][3];
        v[4][1][0] = where == 2 ? NAN : v[4][1][0];
        cr_assert_eq(vlt_plan_create_with(&test.context, &problem,
                                          vlt_registry_variant(&vlt_op_attention, 0), NULL, &plan,
                                          NULL),
                     VLT_OK);
        cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
        vlt_plan_destroy(plan);
        memcpy(plain, out, sizeof plain);
        each_variant(&problem, expect_plain);
    }
    test_context_release(&test);
}

Test(attention, heads_must_be_a_multiple_of_kv_heads)
{
    test_context test;
    vlt_error err = {0};
    vlt_plan *plan = NULL;
    test_context_init(&test);
    vlt_problem problem = vlt_attention_problem(1, 1, 4, 3, 8, true, VLT_FORMAT_F32);
    cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, &err), VLT_STATUS_UNSUPPORTED);
    cr_assert_not_null(strstr(err.message, "heads=4 is no multiple of kv_heads=3"));
    test_context_release(&test);
}

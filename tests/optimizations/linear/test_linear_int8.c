/* What is special about rounding to int8: rows of zeros, outliers, numbers that are none; and that
 * all variants round alike and sum exactly, so that they give the same bits. */
#include <criterion/criterion.h>
#include <math.h>

#include "optimizations/core/random.h"
#include "optimizations/linear/linear.h"
#include "tests/support/multiply.h"

enum { M = 5, N = 33, K = 65 };

enum { ROWS_MAX = 40, OUTPUTS_MAX = 70, INPUTS_MAX = 200 };

static float x[ROWS_MAX * INPUTS_MAX], w[OUTPUTS_MAX * INPUTS_MAX], y[ROWS_MAX * OUTPUTS_MAX];
static float expected[ROWS_MAX * OUTPUTS_MAX];

static void fill(void)
{
    vlt_random random = {3};
    for (int i = 0; i < ROWS_MAX * INPUTS_MAX; i++) {
        x[i] = vlt_random_signed(&random);
    }
    for (int i = 0; i < OUTPUTS_MAX * INPUTS_MAX; i++) {
        w[i] = vlt_random_signed(&random);
    }
}

static void multiply_by(test_context *test, const vlt_variant *variant, int64_t m, int64_t n,
                        int64_t k)
{
    const vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_F32, w, n, k);
    cr_assert_eq(test_multiply(test, variant, &matrix, x, m, y), VLT_OK);
}

/* The int8 variants that run here, one after the other; NULL behind the last. */
static const vlt_variant *next_variant(const test_context *test, int *index)
{
    vlt_linear_constants constants = {.weight = vlt_matrix_of(VLT_FORMAT_F32, w, N, K)};
    vlt_problem problem = vlt_linear_problem(M, &constants);
    while (*index < vlt_registry_variant_count(&vlt_op_linear)) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_linear, (*index)++);
        if (variant->quality == VLT_QUALITY_INT8 &&
            vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
            return variant;
        }
    }
    return NULL;
}

static double exact(int r, int o)
{
    double sum = 0;
    for (int i = 0; i < K; i++) {
        sum += (double)x[r * K + i] * (double)w[o * K + i];
    }
    return sum;
}

Test(linear_int8, a_row_of_zeros_gives_zeros)
{
    test_context test;
    test_context_init(&test);
    fill();
    for (int i = 0; i < K; i++) {
        x[2 * K + i] = 0;
        w[4 * K + i] = 0;
    }
    int index = 0;
    for (const vlt_variant *v = next_variant(&test, &index); v; v = next_variant(&test, &index)) {
        multiply_by(&test, v, M, N, K);
        for (int o = 0; o < N; o++) {
            cr_expect_eq(y[2 * N + o], 0, "%s", v->name);
        }
        for (int r = 0; r < M; r++) {
            cr_expect_eq(y[r * N + 4], 0, "%s", v->name);
        }
    }
    test_context_release(&test);
}

/* An outlier coarsens its own row and no other: rows keep their own scales. */
Test(linear_int8, an_outlier_stays_in_its_row)
{
    test_context test;
    test_context_init(&test);
    fill();
    x[1 * K + 7] = 1e4f;
    w[3 * K + 9] = -1e4f;
    int index = 0;
    for (const vlt_variant *v = next_variant(&test, &index); v; v = next_variant(&test, &index)) {
        multiply_by(&test, v, M, N, K);
        for (int at = 0; at < M * N; at++) {
            int r = at / N, o = at % N;
            if (r != 1 && o != 3) {
                cr_expect_float_eq(y[at], exact(r, o), 0.3, "%s[%d,%d] %g, exactly %g", v->name, r,
                                   o, (double)y[at], exact(r, o));
            }
        }
    }
    test_context_release(&test);
}

/* What cannot be rounded gives what the exact product gives. */
Test(linear_int8, infinities_and_nan_are_the_baselines)
{
    test_context test;
    test_context_init(&test);
    fill();
    x[0 * K + 5] = INFINITY;
    x[2 * K + 64] = NAN;
    w[8 * K + 1] = -INFINITY;
    w[9 * K + 1] = NAN;
    x[3 * K + 64] = 1e-42f; /* subnormal: harmless */
    for (int i = 0; i < K; i++) {
        x[4 * K + i] = (float)(i % 3) * 1e-41f; /* a row of nothing else: zeros */
    }
    multiply_by(&test, vlt_registry_variant(&vlt_op_linear, 0), M, N, K);
    memcpy(expected, y, sizeof expected);
    int index = 0;
    for (const vlt_variant *v = next_variant(&test, &index); v; v = next_variant(&test, &index)) {
        multiply_by(&test, v, M, N, K);
        for (int at = 0; at < M * N; at++) {
            bool strange = at / N == 0 || at / N == 2 || at % N == 8 || at % N == 9;
            bool same = isnan(expected[at]) ? isnan(y[at]) : y[at] == expected[at];
            cr_expect(strange ? same : fabsf(y[at] - expected[at]) < 0.3f,
                      "%s[%d,%d] is %g, the baseline's %g", v->name, at / N, at % N, (double)y[at],
                      (double)expected[at]);
        }
    }
    test_context_release(&test);
}

static void expect_the_same_bits(test_context *test)
{
    static const int64_t inputs[] = {1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 64, 100, 199};
    static const int64_t outputs[] = {1, 7, 16, 17, 31, 32, 33, 65, 70};
    const vlt_variant *plain = vlt_registry_find_variant(&vlt_op_linear, "int8_rows");
    for (int64_t m = 1; m <= ROWS_MAX; m += m < 18 ? 1 : 11) {
        for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
            int64_t n = outputs[(size_t)(m + (int64_t)i) % (sizeof outputs / sizeof *outputs)];
            multiply_by(test, plain, m, n, inputs[i]);
            memcpy(expected, y, sizeof expected);
            int index = 0;
            for (const vlt_variant *v = next_variant(test, &index); v;
                 v = next_variant(test, &index)) {
                memset(y, 0xFF, sizeof y);
                multiply_by(test, v, m, n, inputs[i]);
                cr_expect_arr_eq(y, expected, (size_t)(m * n) * sizeof *y, "%s: %lld x %lld x %lld",
                                 v->name, (long long)m, (long long)n, (long long)inputs[i]);
            }
        }
    }
}

/* Few rows and many, tails of tiles, panels and steps: the bits of the plain one. */
Test(linear_int8, variants_give_the_same_bits)
{
    test_context test;
    test_context_init(&test);
    fill();
    expect_the_same_bits(&test);
    test_context_release(&test);
}

/* Weights of which few are large, as those of models: pairs of most of them fit into 16 bits with
 * an unsigned factor, others do with another neighbour, some do not. */
Test(linear_int8, weights_that_are_mostly_small_give_the_same_bits)
{
    test_context test;
    test_context_init(&test);
    fill();
    for (int i = 0; i < OUTPUTS_MAX * INPUTS_MAX; i++) {
        w[i] *= w[i] * w[i];
    }
    expect_the_same_bits(&test);
    test_context_release(&test);
}

/* Nothing but the largest magnitude, of either sign and of one. */
Test(linear_int8, extremes_give_the_same_bits)
{
    test_context test;
    test_context_init(&test);
    fill();
    for (int i = 0; i < OUTPUTS_MAX * INPUTS_MAX; i++) {
        w[i] = i % 5 < 3 || w[i] < 0 ? -1 : 1;
    }
    for (int i = 0; i < ROWS_MAX * INPUTS_MAX; i++) {
        x[i] = i % 7 < 5 || x[i] < 0 ? 1 : -1;
    }
    expect_the_same_bits(&test);
    test_context_release(&test);
}

/* Chosen where int8 is permitted, and only there. */
Test(linear_int8, runs_only_where_it_is_permitted)
{
    test_context test;
    test_context_init(&test);
    fill();
    vlt_linear_constants constants = {.weight = vlt_matrix_of(VLT_FORMAT_F32, w, N, K)};
    vlt_problem problem = vlt_linear_problem(M, &constants);
    for (int quality = 0; quality < VLT_QUALITY_COUNT; quality++) {
        vlt_plan *plan = NULL;
        test.context.quality = (vlt_quality)quality;
        cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
        cr_expect_eq(plan->variant->quality == VLT_QUALITY_INT8, quality >= VLT_QUALITY_INT8,
                     "quality %s runs %s", vlt_quality_name((vlt_quality)quality),
                     plan->variant->name);
        cr_expect_eq(plan->loss > 0, quality >= VLT_QUALITY_INT8);
        vlt_plan_destroy(plan);
    }
    test_context_release(&test);
}

/* What is special about rounding to int8: rows of zeros, outliers, numbers that are none. */
#include <criterion/criterion.h>
#include <math.h>

#include "optimizations/core/random.h"
#include "optimizations/linear/linear.h"
#include "tests/support/variants.h"

enum { M = 5, N = 33, K = 65 };

static float x[M * K], w[N * K], y[M * N];

static void fill(void)
{
    vlt_random random = {3};
    for (int i = 0; i < M * K; i++) {
        x[i] = vlt_random_signed(&random);
    }
    for (int i = 0; i < N * K; i++) {
        w[i] = vlt_random_signed(&random);
    }
}

static void multiply(test_context *test)
{
    vlt_linear_constants constants = {.weight = vlt_matrix_of(VLT_FORMAT_F32, w, N, K)};
    vlt_problem problem = vlt_linear_problem(M, &constants);
    vlt_linear_args args = {.x = x, .y = y, .rows = M, .x_stride = K, .y_stride = N};
    vlt_plan *plan = NULL;
    cr_assert_eq(vlt_plan_create_with(&test->context, &problem,
                                      vlt_registry_find_variant(&vlt_op_linear, "int8_rows"), NULL,
                                      &plan, NULL),
                 VLT_OK);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    vlt_plan_destroy(plan);
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
    multiply(&test);
    for (int o = 0; o < N; o++) {
        cr_expect_eq(y[2 * N + o], 0);
    }
    for (int r = 0; r < M; r++) {
        cr_expect_eq(y[r * N + 4], 0);
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
    multiply(&test);
    for (int r = 0; r < M; r++) {
        for (int o = 0; o < N; o++) {
            if (r != 1 && o != 3) {
                cr_expect_float_eq(y[r * N + o], exact(r, o), 0.3, "[%d,%d] %g, exactly %g", r, o,
                                   (double)y[r * N + o], exact(r, o));
            }
        }
    }
    test_context_release(&test);
}

/* As in the exact product, what is no number makes its row so and leaves the others. */
Test(linear_int8, infinities_and_nan_reach_the_outputs)
{
    test_context test;
    test_context_init(&test);
    fill();
    x[0 * K + 5] = INFINITY;
    w[8 * K + 1] = NAN;
    x[3 * K + 64] = 1e-42f; /* subnormal: harmless */
    multiply(&test);
    for (int r = 0; r < M; r++) {
        for (int o = 0; o < N; o++) {
            cr_expect_eq(isfinite(y[r * N + o]) != 0, r != 0 && o != 8, "[%d,%d] is %g", r, o,
                         (double)y[r * N + o]);
        }
    }
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

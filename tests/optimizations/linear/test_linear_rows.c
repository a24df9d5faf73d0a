/* What a row gives does not depend on the rows beside it, nor on how many a plan may meet, as long
 * as it is a plan of the same kind (few rows: decoding; many: prompts). So sequences may share a
 * step. Nor does it depend on the outputs beside it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "optimizations/linear/linear.h"
#include "tests/support/variants.h"

enum { N = 37, K = 131, ROWS = 40, WIDE = 1030 };

static float x[ROWS * K], w[WIDE * K], bias[WIDE];

static void fill(void)
{
    vlt_random random = {17};
    for (int i = 0; i < ROWS * K; i++) {
        x[i] = vlt_random_signed(&random);
    }
    for (int i = 0; i < WIDE * K; i++) {
        w[i] = vlt_random_signed(&random);
    }
    for (int i = 0; i < WIDE; i++) {
        bias[i] = vlt_random_signed(&random);
    }
}

/* n outputs of rows [first, first + rows) by a plan for up to m rows; false: not applicable. */
static bool multiply_wide(test_context *test, const vlt_variant *variant, int64_t m, int64_t n,
                          int first, int rows, float *y)
{
    vlt_linear_constants constants = {vlt_matrix_of(VLT_FORMAT_F32, w, n, K), bias};
    vlt_problem problem = vlt_linear_problem(m, &constants);
    vlt_linear_args args = {.x = x + first * K, .y = y, .rows = rows, .x_stride = K, .y_stride = n};
    vlt_plan *plan = NULL;
    if (!vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
        return false;
    }
    cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                 VLT_OK);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    vlt_plan_destroy(plan);
    return true;
}

static bool multiply(test_context *test, const vlt_variant *variant, int64_t m, int first, int rows,
                     float *y)
{
    return multiply_wide(test, variant, m, N, first, rows, y);
}

/* One row at a time in the first plan against all rows at once in each. */
static void check(const int64_t *m, int count)
{
    test_context test;
    test_context_init(&test);
    fill();
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_linear); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_linear, v);
        static float alone[ROWS * N], together[ROWS * N];
        bool applicable = true;
        for (int r = 0; r < ROWS && applicable; r++) {
            applicable = multiply(&test, variant, m[0], r, 1, alone + r * N);
        }
        for (int i = 0; i < count && applicable; i++) {
            int rows = (int)(m[i] < ROWS ? m[i] : ROWS);
            multiply(&test, variant, m[i], 0, rows, together);
            cr_expect_arr_eq(alone, together, (size_t)(rows * N) * sizeof *alone,
                             "linear/%s, plans for %lld and %lld rows", variant->name,
                             (long long)m[0], (long long)m[i]);
        }
    }
    test_context_release(&test);
}

Test(linear_rows, few_rows_are_independent)
{
    static const int64_t m[] = {1, 2, 3, 4, 5, 8, 11};
    check(m, sizeof m / sizeof *m);
}

Test(linear_rows, many_rows_are_independent)
{
    static const int64_t m[] = {16, 17, 31, 32, 40, 256};
    check(m, sizeof m / sizeof *m);
}

Test(linear_rows, outputs_are_independent)
{
    static const int rows[] = {12, 13, 25, ROWS};
    static float narrow[ROWS * N], wide[ROWS * WIDE];
    test_context test;
    test_context_init(&test);
    fill();
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_linear); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_linear, v);
        for (int i = 0; i < 4; i++) {
            bool applicable = multiply(&test, variant, ROWS, 0, rows[i], narrow) &&
                              multiply_wide(&test, variant, ROWS, WIDE, 0, rows[i], wide);
            for (int r = 0; r < rows[i] && applicable; r++) {
                cr_expect_arr_eq(narrow + r * N, wide + r * WIDE, N * sizeof *wide,
                                 "linear/%s, row %d of %d", variant->name, r, rows[i]);
            }
        }
    }
    test_context_release(&test);
}

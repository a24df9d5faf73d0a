#include <criterion/criterion.h>

#include "optimizations/norm/norm.h"
#include "tests/support/variants.h"

Test(norm, variants_equal_the_baseline)
{
    static const int64_t rows[] = {1, 3}, widths[] = {1, 7, 8, 31, 32, 33, 128, 200, 1152};
    test_context test;
    test_context_init(&test);
    for (int kind = VLT_NORM_RMS; kind <= VLT_NORM_LAYER; kind++) {
        for (int r = 0; r < 2; r++) {
            for (int w = 0; w < 9; w++) {
                int64_t dims[] = {rows[r], widths[w], kind};
                cr_assert_gt(test_variants(&test, &vlt_op_norm, dims), 0);
            }
        }
    }
    test_context_release(&test);
}

Test(norm, rows_have_unit_mean_square)
{
    test_context test;
    test_context_init(&test);
    float x[2][4] = {{1, 2, 3, 4}, {-5, 0, 5, 10}}, out[2][4], ones[4] = {1, 1, 1, 1};
    vlt_norm_constants constants = {.weight = ones, .epsilon = 0};
    vlt_norm_args args = {x[0], out[0], 2, 4, 4};
    vlt_problem problem = vlt_norm_problem(2, 4, VLT_NORM_RMS, &constants);
    vlt_plan *plan = NULL;
    cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int r = 0; r < 2; r++) {
        float sum = 0;
        for (int i = 0; i < 4; i++) {
            sum += out[r][i] * out[r][i];
        }
        cr_assert_float_eq(sum / 4, 1, 1e-6);
    }
    vlt_plan_destroy(plan);
    test_context_release(&test);
}

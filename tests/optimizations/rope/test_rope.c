#include <criterion/criterion.h>
#include <math.h>

#include "optimizations/core/random.h"
#include "optimizations/rope/rope.h"
#include "tests/support/variants.h"

Test(rope, variants_equal_the_baseline)
{
    static const int64_t rows[] = {1, 3, 40}, heads[] = {1, 2, 5},
                         widths[] = {2, 3, 6, 16, 34, 36, 64, 72, 128, 130};
    test_context test;
    test_context_init(&test);
    for (int r = 0; r < 3; r++) {
        for (int h = 0; h < 3; h++) {
            for (int w = 0; w < 10; w++) {
                int64_t dims[] = {rows[r], heads[h], widths[w]};
                cr_assert_gt(test_variants(&test, &vlt_op_rope, dims), 0);
            }
        }
    }
    test_context_release(&test);
}

/* A head with its own row and head strides: gaps stay untouched, the rotation is the complex
 * product (low + i high) (cos + i sin), its norm stays. */
static void rotate_with_gaps(test_context *test, const vlt_variant *variant)
{
    enum { ROWS = 3, HEADS = 2, HEAD = 36, HALF = HEAD / 2, GAP = 5, X_HEAD = HEAD + GAP };
    float x[ROWS][HEADS][X_HEAD], before[ROWS][HEADS][X_HEAD], c[ROWS][HALF], s[ROWS][HALF];
    vlt_random random = {7};
    for (int i = 0; i < ROWS * HEADS * X_HEAD; i++) {
        (&x[0][0][0])[i] = (&before[0][0][0])[i] = vlt_random_signed(&random);
    }
    for (int i = 0; i < ROWS * HALF; i++) {
        double angle = vlt_random_unit(&random) * 9;
        (&c[0][0])[i] = (float)cos(angle);
        (&s[0][0])[i] = (float)sin(angle);
    }
    vlt_problem problem = vlt_rope_problem(ROWS + 4, HEADS, HEAD);
    vlt_plan *plan = NULL;
    vlt_rope_args args = {&x[0][0][0], &c[0][0], &s[0][0], ROWS, HEADS * X_HEAD, X_HEAD};
    cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                 VLT_OK);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int r = 0; r < ROWS; r++) {
        for (int h = 0; h < HEADS; h++) {
            for (int i = 0; i < HALF; i++) {
                double low = before[r][h][i], high = before[r][h][i + HALF];
                double cosine = c[r][i], sine = s[r][i];
                cr_assert_float_eq(x[r][h][i], low * cosine - high * sine, 3e-7);
                cr_assert_float_eq(x[r][h][i + HALF], high * cosine + low * sine, 3e-7);
                cr_assert_float_eq(hypot(x[r][h][i], x[r][h][i + HALF]), hypot(low, high), 1e-6);
            }
            for (int i = HEAD; i < X_HEAD; i++) {
                cr_assert_eq(x[r][h][i], before[r][h][i]);
            }
        }
    }
    vlt_plan_destroy(plan);
}

Test(rope, is_a_complex_product_and_keeps_norms)
{
    test_context test;
    test_context_init(&test);
    vlt_problem problem = vlt_rope_problem(4, 2, 36);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_rope); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_rope, v);
        if (vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
            rotate_with_gaps(&test, variant);
        }
    }
    test_context_release(&test);
}

#include <criterion/criterion.h>
#include <math.h>

#include "optimizations/activation/activation.h"
#include "tests/support/variants.h"

Test(activation, variants_equal_the_baseline)
{
    static const int64_t rows[] = {1, 3, 70}, widths[] = {1, 7, 8, 9, 15, 16, 17, 33, 144, 300};
    test_context test;
    test_context_init(&test);
    for (int64_t kind = VLT_ACTIVATION_GELU_TANH; kind <= VLT_ACTIVATION_SILU_MUL; kind++) {
        for (int r = 0; r < 3; r++) {
            for (int w = 0; w < 10; w++) {
                int64_t dims[] = {rows[r], widths[w], kind};
                cr_assert_gt(test_variants(&test, &vlt_op_activation, dims), 0);
            }
        }
    }
    test_context_release(&test);
}

static double exact(int64_t kind, double x, double up)
{
    switch (kind) {
    case VLT_ACTIVATION_GELU_TANH:
        return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case VLT_ACTIVATION_GELU_ERF:
        return 0.5 * x * erfc(-x / sqrt(2));
    default:
        return x / (1 + exp(-x)) * up;
    }
}

enum { POINTS = 4003 };

/* [-100, 100], dense around 0, then the values without a number. */
static void check(test_context *test, const vlt_variant *variant, int64_t kind)
{
    static float x[POINTS], up[POINTS], out[POINTS];
    vlt_plan *plan = NULL;
    for (int i = 0; i < POINTS; i++) {
        double t = (i - POINTS / 2) / (double)(POINTS / 2);
        x[i] = (float)(100 * t * t * t);
        up[i] = (float)(1 - t / 2);
    }
    x[0] = NAN;
    x[1] = INFINITY;
    vlt_problem problem = vlt_activation_problem(2, POINTS, (int)kind);
    vlt_activation_args args = {.x = x,
                                .up = kind == VLT_ACTIVATION_SILU_MUL ? up : NULL,
                                .out = out,
                                .rows = 1,
                                .x_stride = POINTS,
                                .up_stride = POINTS,
                                .out_stride = POINTS};
    cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                 VLT_OK);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    cr_assert(isnan(out[0]), "%s", variant->name);
    cr_assert_eq(out[1], INFINITY, "%s: %g", variant->name, (double)out[1]);
    for (int i = 2; i < POINTS; i++) {
        double expected = exact(kind, x[i], up[i]), bound = 5e-7 * fmax(1, fabs((double)x[i]));
        cr_assert_float_eq(out[i], expected, bound, "%s, kind %d, x %.9g: %.9g, expected %.9g",
                           variant->name, (int)kind, (double)x[i], (double)out[i], expected);
    }
    vlt_plan_destroy(plan);
}

Test(activation, every_variant_is_near_the_exact_function)
{
    test_context test;
    test_context_init(&test);
    for (int64_t kind = VLT_ACTIVATION_GELU_TANH; kind <= VLT_ACTIVATION_SILU_MUL; kind++) {
        vlt_problem problem = vlt_activation_problem(2, POINTS, (int)kind);
        for (int v = 0; v < vlt_registry_variant_count(&vlt_op_activation); v++) {
            const vlt_variant *variant = vlt_registry_variant(&vlt_op_activation, v);
            if (vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
                check(&test, variant, kind);
            }
        }
    }
    test_context_release(&test);
}

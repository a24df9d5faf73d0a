/* What a workload does not vary: strides, fewer rows than planned, accumulate, no bias, weights at
 * odd addresses; against sums in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "optimizations/linear/linear.h"
#include "tests/support/variants.h"

enum { M = 40, N = 71, K = 203, X_STRIDE = K + 5, Y_STRIDE = N + 3 };

static float x[M * X_STRIDE], y[M * Y_STRIDE], before[M * Y_STRIDE], bias[N];
static float widened[N * K];
static unsigned char stored[N * K * sizeof(float) + 1];

static void fill(vlt_dtype dtype)
{
    vlt_random random = {11};
    size_t bytes = vlt_dtype_bytes(dtype);
    for (int i = 0; i < M * X_STRIDE; i++) {
        x[i] = vlt_random_signed(&random);
    }
    for (int i = 0; i < M * Y_STRIDE; i++) {
        before[i] = vlt_random_signed(&random);
    }
    for (int i = 0; i < N; i++) {
        bias[i] = vlt_random_signed(&random);
    }
    for (int i = 0; i < N * K; i++) {
        float value = vlt_random_signed(&random);
        uint16_t half = dtype == VLT_DTYPE_F16 ? vlt_f16_from_f32(value) : vlt_bf16_from_f32(value);
        memcpy(stored + 1 + (size_t)i * bytes, dtype == VLT_DTYPE_F32 ? (void *)&value : &half,
               bytes);
        widened[i] = dtype == VLT_DTYPE_F32   ? value
                     : dtype == VLT_DTYPE_F16 ? vlt_f32_from_f16(half)
                                              : vlt_f32_from_bf16(half);
    }
}

static void check_run(vlt_plan *plan, int64_t rows, bool accumulate, const float *used_bias)
{
    const vlt_linear_args args = {.x = x,
                                  .y = y,
                                  .rows = rows,
                                  .x_stride = X_STRIDE,
                                  .y_stride = Y_STRIDE,
                                  .accumulate = accumulate};
    memcpy(y, before, sizeof y);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int r = 0; r < M; r++) {
        for (int o = 0; o < Y_STRIDE; o++) {
            int at = r * Y_STRIDE + o;
            if (r >= rows || o >= N) {
                cr_assert_eq(y[at], before[at], "%s touches [%d,%d]", plan->variant->name, r, o);
                continue;
            }
            double expected = used_bias ? (double)used_bias[o] : 0;
            for (int i = 0; i < K; i++) {
                expected += (double)x[r * X_STRIDE + i] * (double)widened[o * K + i];
            }
            expected += accumulate ? (double)before[at] : 0;
            cr_assert_float_eq(y[at], expected, 1e-4 + 12 * plan->loss, "%s[%d,%d] %g, expected %g",
                               plan->variant->name, r, o, (double)y[at], expected);
        }
    }
}

static void check_variant(test_context *test, const vlt_variant *variant, vlt_format format,
                          int64_t m)
{
    for (int with_bias = 0; with_bias <= 1; with_bias++) {
        vlt_linear_constants constants = {vlt_matrix_of(format, stored + 1, N, K),
                                          with_bias ? bias : NULL};
        vlt_problem problem = vlt_linear_problem(m, &constants);
        vlt_plan *plan = NULL;
        if (!vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
            return;
        }
        cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                     VLT_OK);
        for (int accumulate = 0; accumulate <= 1; accumulate++) {
            check_run(plan, m, accumulate, constants.bias);
            check_run(plan, (m + 1) / 2, accumulate, constants.bias);
            check_run(plan, 1, accumulate, constants.bias);
        }
        vlt_plan_destroy(plan);
    }
}

Test(linear_calls, equal_sums_in_double)
{
    test_context test;
    test_context_init(&test);
    for (int format = VLT_FORMAT_BF16; format <= VLT_FORMAT_F32; format++) {
        fill((vlt_dtype)format);
        for (int v = 0; v < vlt_registry_variant_count(&vlt_op_linear); v++) {
            const vlt_variant *variant = vlt_registry_variant(&vlt_op_linear, v);
            check_variant(&test, variant, (vlt_format)format, 7);
            check_variant(&test, variant, (vlt_format)format, M);
        }
    }
    test_context_release(&test);
}

Test(linear_calls, f16_conversions_agree)
{
    for (uint32_t half = 0; half < 0x10000; half++) {
        float value = vlt_f32_from_f16((uint16_t)half);
        uint16_t back = vlt_f16_from_f32(value);
        cr_assert(isnan(value) ? (back & 0x7FFF) > 0x7C00 : back == half, "%04x %04x", half, back);
    }
    cr_assert_eq(vlt_f16_from_f32(65519.0f), 0x7BFF);
    cr_assert_eq(vlt_f16_from_f32(65520.0f), 0x7C00);
    cr_assert_eq(vlt_f16_from_f32(0x1.002p0f), 0x3C00); /* a tie, to even */
    cr_assert_eq(vlt_f16_from_f32(0x1.006p0f), 0x3C02);
    cr_assert_eq(vlt_f16_from_f32(-0x1p-25f), 0x8000);
    cr_assert_eq(vlt_f16_from_f32(0x1.8p-25f), 0x0001);
}

/* bf16_avx512 with its instructions in plain C: same rounding, same order of sums, against the
 * baseline over operands that BF16 holds, and against a plain sum over those that it rounds. */
#include "optimizations/core/simd.h"
#include "tests/support/bf16_model.h"

#include "optimizations/linear/linear_bf16_avx512.c"

#include <criterion/criterion.h>
#include <math.h>

#include "optimizations/core/random.h"
#include "tests/support/multiply.h"
#include "tests/support/rounding_edges.h"

enum { ROWS_MAX = 110, OUTPUTS_MAX = 70, INPUTS_MAX = 300 };

static float x[ROWS_MAX * INPUTS_MAX], y[ROWS_MAX * OUTPUTS_MAX], expected[ROWS_MAX * OUTPUTS_MAX];
static uint16_t w[OUTPUTS_MAX * INPUTS_MAX];

static const int64_t sizes[][3] = {{1, 1, 1},    {1, 33, 5},   {2, 64, 32},   {3, 17, 31},
                                   {4, 5, 33},   {5, 70, 100}, {6, 16, 64},   {7, 15, 65},
                                   {17, 1, 300}, {13, 47, 96}, {110, 70, 131}};

enum { SIZES = sizeof sizes / sizeof *sizes };

static void begin(test_context *test)
{
    vlt_random random = {4};
    test_context_init(test);
    if (!__builtin_cpu_supports("avx512bw")) {
        cr_skip("SKIP: the model needs a CPU with AVX-512\n");
    }
    test->caps.isa |= VLT_ISA_AVX512_BF16; /* the model is there, whatever the CPU */
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        x[i] = vlt_random_signed(&random);
    }
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) {
        w[i] = vlt_bf16_from_f32(vlt_random_signed(&random));
    }
}

static void multiply_by(test_context *test, const vlt_variant *variant, const int64_t size[3])
{
    const vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_BF16, w, size[1], size[2]);
    memset(y, 0xFF, sizeof y);
    cr_assert_eq(test_multiply(test, variant, &matrix, x, size[0], y), VLT_OK);
}

static void agrees(const int64_t size[3], double tolerance)
{
    for (int64_t at = 0; at < size[0] * size[1]; at++) {
        cr_assert_float_eq(y[at], expected[at], tolerance, "%d x %d x %d at %d: %g, not %g",
                           (int)size[0], (int)size[1], (int)size[2], (int)at, (double)y[at],
                           (double)expected[at]);
    }
}

static void rounded_beforehand(void)
{
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        x[i] = vlt_f32_from_bf16(vlt_bf16_from_f32(x[i]));
    }
}

/* Its rounding is that of BF16 and nothing else: x rounded beforehand gives the same bits, and
 * agrees with the baseline to f32 accuracy. */
Test(linear_model_bf16_avx512, loses_the_rounding_of_x_alone)
{
    test_context test;
    begin(&test);
    for (size_t i = 0; i < SIZES; i++) {
        multiply_by(&test, &vlt_variant_linear_bf16_avx512, sizes[i]);
        memcpy(expected, y, sizeof expected);
        rounded_beforehand();
        multiply_by(&test, &vlt_variant_linear_bf16_avx512, sizes[i]);
        cr_expect_arr_eq(y, expected, (size_t)(sizes[i][0] * sizes[i][1]) * sizeof *y);
        multiply_by(&test, vlt_registry_variant(&vlt_op_linear, 0), sizes[i]);
        agrees(sizes[i], 2e-4);
        test_context_release(&test);
        begin(&test);
    }
    test_context_release(&test);
}

/* Any row gives the bits that it has alone. */
Test(linear_model_bf16_avx512, rows_do_not_depend_on_each_other)
{
    static float all[17 * OUTPUTS_MAX];
    const int64_t many[3] = {17, 70, 299}, one[3] = {1, 70, 299};
    test_context test;
    begin(&test);
    multiply_by(&test, &vlt_variant_linear_bf16_avx512, many);
    memcpy(all, y, sizeof all);
    for (int r = 0; r < 17; r++) {
        memmove(x, x + (r ? 299 : 0), 17 * 299 * sizeof *x);
        multiply_by(&test, &vlt_variant_linear_bf16_avx512, one);
        cr_expect_arr_eq(y, all + (ptrdiff_t)r * 70, 70 * sizeof *y, "row %d", r);
    }
    test_context_release(&test);
}

/* Rows of zeros, outliers, infinities and subnormals: as the baseline has them, within 8 bits. A
 * subnormal is zero: an infinity makes no number of it. */
Test(linear_model_bf16_avx512, odd_numbers_are_the_baselines)
{
    enum { M = 7, N = 33, K = 65 };
    const int64_t size[3] = {M, N, K};
    test_context test;
    begin(&test);
    for (int i = 0; i < K; i++) {
        x[1 * K + i] = 0;
        x[2 * K + i] = 1e-41f;
    }
    x[3 * K + 7] = 1e4f;
    x[4 * K + 64] = INFINITY;
    x[5 * K] = NAN;
    w[6 * K + 3] = vlt_bf16_from_f32(-INFINITY);
    multiply_by(&test, vlt_registry_variant(&vlt_op_linear, 0), size);
    memcpy(expected, y, sizeof expected);
    multiply_by(&test, &vlt_variant_linear_bf16_avx512, size);
    for (int at = 0; at < M * N; at++) {
        double near = at / N == 3 ? 40 : 0.1; /* 2^-8 of the largest product */
        bool zero = at / N == 2 && at % N == 6;
        bool same = isnan(expected[at]) || zero ? isnan(y[at])
                    : isinf(expected[at])       ? y[at] == expected[at]
                                          : fabs((double)y[at] - (double)expected[at]) <= near;
        cr_expect(same, "[%d,%d] is %g, the baseline's %g", at / N, at % N, (double)y[at],
                  (double)expected[at]);
    }
    test_context_release(&test);
}

Test(linear_model_bf16_avx512, stays_within_half_a_step_of_each_operand)
{
    test_context test;
    test_context_init(&test);
    if (!__builtin_cpu_supports("avx512bw")) {
        cr_skip("SKIP: the model needs a CPU with avx512bw\n");
    }
    test.caps.isa |= VLT_ISA_AVX512_BF16; /* the model is there, whatever the CPU */
    cr_expect_gt(test_rounding_edges(&test, &vlt_variant_linear_bf16_avx512), 0);
    test_context_release(&test);
}

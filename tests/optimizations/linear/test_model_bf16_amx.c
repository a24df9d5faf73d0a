/* bf16_amx with the matrix unit in plain C: same packing, same order of sums, against the baseline
 * over operands that are rounded beforehand. */
#include "optimizations/core/simd.h"
#include "tests/support/amx_model.h"

/* VCVTNE2PS2BF16: to the nearest, ties to even; b stands in the upper half. */
static inline __m512i model_round_pair(__m512 b, __m512 a)
{
    float values[32];
    uint16_t bits[32];
    __m512i packed;
    memcpy(values, &a, sizeof a);
    memcpy(values + 16, &b, sizeof b);
    for (int i = 0; i < 32; i++) {
        bits[i] = vlt_bf16_from_f32(values[i]);
    }
    memcpy(&packed, bits, sizeof packed);
    return packed;
}

#define _mm512_cvtne2ps_pbh(b, a) model_round_pair(b, a)

#include "optimizations/linear/linear_bf16_amx.c"

#include <criterion/criterion.h>
#include <math.h>

#include "optimizations/core/random.h"
#include "tests/support/multiply.h"
#include "tests/support/rounding_edges.h"

enum { ROWS_MAX = 70, OUTPUTS_MAX = 100, INPUTS_MAX = 300 };

static float x[ROWS_MAX * INPUTS_MAX], y[ROWS_MAX * OUTPUTS_MAX], expected[ROWS_MAX * OUTPUTS_MAX];
static uint16_t w[OUTPUTS_MAX * INPUTS_MAX];

/* x of numbers that BF16 holds: nothing is lost, and both must agree to f32 accuracy. */
Test(linear_model_bf16, equals_the_baseline_where_nothing_is_rounded)
{
    static const int64_t sizes[][3] = {
        {16, 16, 32}, {17, 1, 33}, {32, 32, 64}, {33, 47, 300}, {70, 100, 131}};
    test_context test;
    vlt_random random = {4};
    test_context_init(&test);
    if (!__builtin_cpu_supports("avx512bw")) {
        cr_skip("SKIP: the model needs a CPU with AVX-512\n");
    }
    test.caps.isa |= VLT_ISA_AMX; /* the model is there, whatever the CPU */
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        x[i] = vlt_f32_from_bf16(vlt_bf16_from_f32(vlt_random_signed(&random)));
    }
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) {
        w[i] = vlt_bf16_from_f32(vlt_random_signed(&random));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t *size = sizes[i];
        const vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_BF16, w, size[1], size[2]);
        cr_assert_eq(
            test_multiply(&test, vlt_registry_variant(&vlt_op_linear, 0), &matrix, x, size[0], y),
            VLT_OK);
        memcpy(expected, y, sizeof expected);
        memset(y, 0xFF, sizeof y);
        cr_assert_eq(test_multiply(&test, &vlt_variant_linear_bf16_amx, &matrix, x, size[0], y),
                     VLT_OK);
        for (int64_t at = 0; at < size[0] * size[1]; at++) {
            cr_assert_float_eq(y[at], expected[at], 2e-4, "%d x %d x %d at %d: %g, not %g",
                               (int)size[0], (int)size[1], (int)size[2], (int)at, (double)y[at],
                               (double)expected[at]);
        }
    }
    test_context_release(&test);
}

/* One part, not the three of `amx`: the bits of x rounded beforehand. */
Test(linear_model_bf16, loses_the_rounding_of_x_alone)
{
    enum { M = 17, N = 33, K = 70 };
    const vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_BF16, w, N, K);
    test_context test;
    vlt_random random = {5};
    test_context_init(&test);
    if (!__builtin_cpu_supports("avx512bw")) {
        cr_skip("SKIP: the model needs a CPU with AVX-512\n");
    }
    test.caps.isa |= VLT_ISA_AMX; /* the model is there, whatever the CPU */
    for (int i = 0; i < M * K; i++) {
        x[i] = vlt_random_signed(&random);
    }
    for (int i = 0; i < N * K; i++) {
        w[i] = vlt_bf16_from_f32(vlt_random_signed(&random));
    }
    cr_assert_eq(test_multiply(&test, &vlt_variant_linear_bf16_amx, &matrix, x, M, expected),
                 VLT_OK);
    for (int i = 0; i < M * K; i++) {
        x[i] = vlt_f32_from_bf16(vlt_bf16_from_f32(x[i]));
    }
    cr_assert_eq(test_multiply(&test, &vlt_variant_linear_bf16_amx, &matrix, x, M, y), VLT_OK);
    cr_expect_arr_eq(y, expected, M * N * sizeof *y);
    test_context_release(&test);
}

Test(linear_model_bf16, stays_within_half_a_step_of_each_operand)
{
    test_context test;
    test_context_init(&test);
    if (!__builtin_cpu_supports("avx512bw")) {
        cr_skip("SKIP: the model needs a CPU with avx512bw\n");
    }
    test.caps.isa |= VLT_ISA_AMX; /* the model is there, whatever the CPU */
    cr_expect_gt(test_rounding_edges(&test, &vlt_variant_linear_bf16_amx), 0);
    test_context_release(&test);
}

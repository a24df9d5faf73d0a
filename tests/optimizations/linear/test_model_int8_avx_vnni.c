/* int8_avx_vnni with its sum of four products in plain C: same packing, same sums. */
#include "optimizations/core/simd.h"

static inline __m256i model_dot4(__m256i sum, __m256i a, __m256i b)
{
    int32_t total[8];
    uint8_t left[32];
    int8_t right[32];
    memcpy(total, &sum, sizeof total);
    memcpy(left, &a, sizeof left);
    memcpy(right, &b, sizeof right);
    for (int i = 0; i < 32; i++) {
        total[i / 4] = (int32_t)((uint32_t)total[i / 4] + (uint32_t)(left[i] * right[i]));
    }
    memcpy(&sum, total, sizeof sum);
    return sum;
}

#undef VLT_DOT4_VEX
#define VLT_DOT4_VEX(sum, a, b) ((sum) = model_dot4(sum, a, b))
#define __AVXVNNI__             1

#include "optimizations/linear/linear_int8_avx_vnni.c"

#include <criterion/criterion.h>

#include "optimizations/core/random.h"
#include "tests/support/variants.h"

enum { ROWS_MAX = 70, OUTPUTS_MAX = 100, INPUTS_MAX = 256 };

static float x[ROWS_MAX * INPUTS_MAX], w[OUTPUTS_MAX * INPUTS_MAX], y[ROWS_MAX * OUTPUTS_MAX],
    expected[ROWS_MAX * OUTPUTS_MAX];

static void multiply_by(test_context *test, const vlt_variant *variant, int64_t m, int64_t n,
                        int64_t k)
{
    const vlt_linear_constants constants = {.weight = vlt_matrix_of(VLT_FORMAT_F32, w, n, k)};
    const vlt_problem problem = vlt_linear_problem(m, &constants);
    const vlt_linear_args args = {.x = x, .y = y, .rows = m, .x_stride = k, .y_stride = n};
    vlt_plan *plan = NULL;
    cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                 VLT_OK);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    vlt_plan_destroy(plan);
}

Test(linear_model, gives_the_bits_of_the_plain_variant)
{
    static const int64_t sizes[][3] = {{1, 1, 1},   {1, 33, 5},    {2, 64, 64},
                                       {3, 65, 31}, {5, 17, 100},  {6, 16, 64},
                                       {7, 15, 33}, {13, 70, 199}, {70, 100, 256}};
    const vlt_variant *plain = vlt_registry_find_variant(&vlt_op_linear, "int8_rows");
    test_context test;
    vlt_random random = {4};
    test_context_init(&test);
    if (!__builtin_cpu_supports("avx2")) {
        cr_skip("SKIP: the model needs a CPU with avx2\n");
    }
    test.caps.isa |= VLT_ISA_AVX_VNNI; /* the model is there, whatever the CPU */
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        x[i] = vlt_random_signed(&random);
    }
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) {
        w[i] = vlt_random_signed(&random);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t *size = sizes[i];
        multiply_by(&test, plain, size[0], size[1], size[2]);
        memcpy(expected, y, sizeof expected);
        memset(y, 0xFF, sizeof y);
        multiply_by(&test, &vlt_variant_linear_int8_avx_vnni, size[0], size[1], size[2]);
        cr_expect_arr_eq(y, expected, (size_t)(size[0] * size[1]) * sizeof *y, "%d x %d x %d",
                         (int)size[0], (int)size[1], (int)size[2]);
    }
    test_context_release(&test);
}

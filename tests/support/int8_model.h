/* int8_model.h: an int8 variant over a model of its instructions gives the bits of the plain one.
 * For tests that include the variant's file; behind it, and behind criterion.h.
 */
#ifndef VLT_TESTS_INT8_MODEL_H
#define VLT_TESTS_INT8_MODEL_H

#include <string.h>

#include <criterion/criterion.h>

#include "optimizations/core/random.h"
#include "tests/support/multiply.h"

/* isa: of the instructions that are modelled; sizes: m up to 70, n up to 100, k up to 256. */
static inline void test_int8_model(const vlt_variant *variant, uint32_t isa,
                                   const int64_t (*sizes)[3], size_t count)
{
    enum { ROWS = 70, OUTPUTS = 100, INPUTS = 256 };
    static float x[ROWS * INPUTS], w[OUTPUTS * INPUTS], y[ROWS * OUTPUTS], expected[ROWS * OUTPUTS];
    const vlt_variant *plain = vlt_registry_find_variant(&vlt_op_linear, "int8_rows");
    test_context test;
    vlt_random random = {4};
    test_context_init(&test);
    test.caps.isa |= isa; /* the model is there, whatever the CPU */
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        x[i] = vlt_random_signed(&random);
    }
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) {
        w[i] = vlt_random_signed(&random);
    }
    for (size_t i = 0; i < count; i++) {
        const int64_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2];
        const vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_F32, w, n, k);
        cr_assert_eq(test_multiply(&test, plain, &matrix, x, m, y), VLT_OK);
        memcpy(expected, y, sizeof expected);
        memset(y, 0xFF, sizeof y);
        cr_assert_eq(test_multiply(&test, variant, &matrix, x, m, y), VLT_OK);
        cr_expect_arr_eq(y, expected, (size_t)(m * n) * sizeof *y, "%d x %d x %d", (int)m, (int)n,
                         (int)k);
    }
    test_context_release(&test);
}

#endif

/* multiply.h: y = x W^T by a variant that the test names. */
#ifndef VLT_TESTS_MULTIPLY_H
#define VLT_TESTS_MULTIPLY_H

#include "optimizations/linear/linear.h"
#include "tests/support/variants.h"

/* x [m, w->columns] to y [m, w->rows]. */
vlt_status test_multiply(test_context *test, const vlt_variant *variant, const vlt_matrix *w,
                         const float *x, int64_t m, float *y);

#endif

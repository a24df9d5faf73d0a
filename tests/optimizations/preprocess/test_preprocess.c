#include <criterion/criterion.h>

#include "optimizations/preprocess/preprocess.h"
#include "tests/support/variants.h"

Test(preprocess, variants_equal_the_baseline, .timeout = 120)
{
    static const int64_t shapes[][10] = {
        {1, 1, 32, 32, 32, 32, 0, 16, 2, 2},   {1, 1, 40, 70, 64, 96, 0, 16, 2, 2},
        {3, 2, 100, 50, 64, 32, 1, 16, 2, 2},  {2, 1, 500, 40, 128, 64, 1, 16, 2, 2},
        {2, 3, 33, 47, 48, 48, 2, 16, 3, 1},   {1, 1, 60, 60, 56, 28, 0, 14, 2, 2},
        {5, 2, 64, 64, 64, 64, 0, 16, 2, 2},   {1, 1, 300, 200, 288, 192, 0, 16, 2, 2},
        {1, 1, 64, 200, 64, 192, 1, 16, 2, 2}, {1, 1, 211, 64, 160, 64, 0, 16, 2, 2},
        {2, 2, 1, 1, 32, 64, 0, 16, 2, 2},
    };
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_preprocess, shapes[i]), 0);
    }
    test_context_release(&test);
}

#include <criterion/criterion.h>

#include "optimizations/tokenize_batch/tokenize_batch.h"
#include "tests/support/variants.h"

Test(tokenize_batch, variants_equal_the_baseline)
{
    static const int64_t shapes[][3] = {{1, 1, 0},       {1, 5000, 0},  {7, 300, 50},
                                        {64, 20000, 75}, {300, 100, 0}, {33, 60000, 0}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_tokenize_batch, shapes[i]), 0);
    }
    test_context_release(&test);
}

#include <criterion/criterion.h>

#include "optimizations/vision_block/vision_block.h"
#include "tests/support/variants.h"

Test(vision_block, variants_equal_the_baseline)
{
    /* rows, segment, width, heads, inner, weights */
    static const int64_t sizes[][6] = {
        {1, 1, 2, 1, 1, VLT_DTYPE_BF16},        {4, 4, 144, 2, 100, VLT_DTYPE_BF16},
        {37, 37, 72, 2, 65, VLT_DTYPE_F16},     {64, 64, 128, 2, 384, VLT_DTYPE_BF16},
        {70, 32, 36, 1, 50, VLT_DTYPE_F32},     {300, 128, 64, 1, 130, VLT_DTYPE_BF16},
        {257, 100, 144, 4, 200, VLT_DTYPE_BF16}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_vision_block, sizes[i]), 0);
    }
    test_context_release(&test);
}

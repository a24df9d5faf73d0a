#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/decoder_block/decoder_block.h"
#include "tests/support/variants.h"

Test(decoder_block, variants_equal_the_baseline)
{
    /* rows, context, width, heads, kv_heads, head, inner, weights */
    static const int64_t sizes[][8] = {
        {1, 1, 1, 1, 1, 2, 1, VLT_DTYPE_BF16},       {1, 40, 144, 4, 2, 36, 100, VLT_DTYPE_BF16},
        {5, 9, 33, 3, 1, 18, 65, VLT_DTYPE_F16},     {16, 30, 96, 8, 8, 64, 70, VLT_DTYPE_BF16},
        {37, 37, 72, 2, 1, 72, 130, VLT_DTYPE_F32},  {130, 200, 192, 4, 2, 64, 512, VLT_DTYPE_BF16},
        {65, 65, 64, 8, 1, 128, 33, VLT_DTYPE_BF16}, {1, 300, 192, 4, 2, 64, 512, VLT_DTYPE_BF16}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_decoder_block, sizes[i]), 0);
    }
    test_context_release(&test);
}

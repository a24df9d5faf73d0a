#include <criterion/criterion.h>

#include "optimizations/bpe_encode/bpe_encode.h"
#include "tests/support/variants.h"

Test(bpe_encode, variants_equal_the_baseline)
{
    static const int64_t bytes[] = {1, 15, 16, 17, 400, 30000};
    test_context test;
    test_context_init(&test);
    for (int kind = 0; kind < VLT_TEXT_KINDS; kind++) {
        for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
            int64_t dims[] = {bytes[i], kind};
            cr_assert_gt(test_variants(&test, &vlt_op_bpe_encode, dims), 0);
        }
    }
    test_context_release(&test);
}

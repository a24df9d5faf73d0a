#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "optimizations/linear/linear.h"
#include "tests/support/variants.h"

/* Every variant with every knob value, where blocks, tiles and tails begin and end. */
static void sweep(const int64_t (*sizes)[3], int count)
{
    test_context test;
    test_context_init(&test);
    for (int i = 0; i < count; i++) {
        for (int64_t format = VLT_FORMAT_BF16; format < VLT_FORMAT_END; format++) {
            int64_t dims[] = {sizes[i][0], sizes[i][1], sizes[i][2], format};
            cr_assert_gt(test_variants(&test, &vlt_op_linear, dims), 0);
        }
    }
    test_context_release(&test);
}

Test(linear, variants_equal_the_baseline_on_few_rows)
{
    static const int64_t sizes[][3] = {{1, 1, 1},     {1, 3, 31},    {1, 4, 32},   {1, 5, 33},
                                       {2, 7, 64},    {3, 9, 65},    {4, 17, 100}, {5, 33, 129},
                                       {7, 128, 192}, {11, 144, 72}, {1, 513, 577}};
    sweep(sizes, sizeof sizes / sizeof *sizes);
}

Test(linear, variants_equal_the_baseline_on_many_rows)
{
    static const int64_t sizes[][3] = {{12, 1, 1},     {13, 15, 17},  {16, 16, 32},
                                       {17, 31, 33},   {33, 33, 144}, {48, 72, 513},
                                       {100, 47, 257}, {200, 65, 64}, {193, 130, 600}};
    sweep(sizes, sizeof sizes / sizeof *sizes);
}

/* From 1024 outputs on rows of x are arranged, in passes of a block for each thread. */
Test(linear, variants_equal_the_baseline_on_many_rows_and_outputs)
{
    static const int64_t sizes[][3] = {
        {12, 1024, 16}, {13, 1033, 33}, {29, 1025, 70}, {110, 1025, 17}};
    sweep(sizes, sizeof sizes / sizeof *sizes);
}

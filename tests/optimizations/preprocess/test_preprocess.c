#include <criterion/criterion.h>
#include <string.h>

#include "optimizations/preprocess/preprocess.h"
#include "tests/support/variants.h"

Test(preprocess, variants_equal_the_baseline, .timeout = 120)
{
    static const int64_t shapes[][11] = {
        {1, 1, 32, 32, 32, 32, 0, 16, 2, 2},    {1, 1, 40, 70, 64, 96, 0, 16, 2, 2},
        {3, 2, 100, 50, 64, 32, 1, 16, 2, 2},   {2, 1, 500, 40, 128, 64, 1, 16, 2, 2},
        {2, 3, 33, 47, 48, 48, 2, 16, 3, 1},    {1, 1, 60, 60, 56, 28, 0, 14, 2, 2},
        {5, 2, 64, 64, 64, 64, 0, 16, 2, 2},    {1, 1, 300, 200, 288, 192, 0, 16, 2, 2},
        {1, 1, 64, 200, 64, 192, 1, 16, 2, 2},  {1, 1, 211, 64, 160, 64, 0, 16, 2, 2},
        {2, 2, 1, 1, 32, 64, 0, 16, 2, 2},      {1, 1, 40, 70, 64, 96, 0, 16, 2, 2, 1},
        {3, 1, 64, 64, 64, 64, 0, 16, 2, 2, 1}, {1, 1, 300, 200, 288, 192, 1, 16, 2, 2, 1},
        {2, 1, 33, 47, 48, 48, 2, 16, 3, 1, 1}, {1, 1, 60, 60, 56, 28, 0, 14, 2, 2, 1},
    };
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_preprocess, shapes[i]), 0);
    }
    test_context_release(&test);
}

/* Rows of bytes hold one frame: a group of two that differ has no such form. */
Test(preprocess, refuses_bytes_of_several_frames)
{
    static vlt_patchify_constants constants;
    const vlt_preprocess_shape shape = {1, 2, 64, 64, 64, 64, VLT_ARITHMETIC_TORCH, 16, 2, 2, true};
    vlt_problem problem = vlt_preprocess_problem(&shape, &constants);
    test_context test;
    test_context_init(&test);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_preprocess); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_preprocess, v);
        vlt_error err = {0};
        vlt_plan *plan = NULL;
        if (vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
            cr_assert_eq(vlt_plan_create_with(&test.context, &problem, variant, NULL, &plan, &err),
                         VLT_STATUS_USAGE);
            cr_assert(strstr(err.message, "one frame of a patch, not 2"), "%s", err.message);
        }
    }
    test_context_release(&test);
}

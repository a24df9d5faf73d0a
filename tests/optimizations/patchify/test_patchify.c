#include <criterion/criterion.h>
#include <string.h>

#include "optimizations/patchify/patchify.h"
#include "tests/support/variants.h"

Test(patchify, variants_equal_the_baseline, .timeout = 120)
{
    static const int64_t shapes[][6] = {
        {32, 32, 16, 2, 2},    {64, 96, 16, 2, 2},    {96, 32, 16, 1, 1},    {96, 48, 16, 3, 3},
        {64, 128, 32, 2, 2},   {28, 56, 14, 2, 2},    {3, 5, 1, 2, 1},       {32, 64, 16, 8, 2},
        {32, 32, 16, 2, 2, 1}, {64, 96, 16, 2, 2, 1}, {96, 48, 16, 3, 3, 1}, {64, 128, 32, 1, 2, 1},
        {28, 56, 14, 2, 2, 1}, {3, 5, 1, 2, 1, 1}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_patchify, shapes[i]), 0);
    }
    test_context_release(&test);
}

/* Every value of a picture whose pixel says where it is lands where patchify.h says. */
Test(patchify, order_is_that_of_the_header)
{
    enum {
        H = 8,
        W = 12,
        PATCH = 2,
        TEMPORAL = 2,
        MERGE = 2,
        VALUES = 3 * TEMPORAL * PATCH * PATCH
    };
    static uint8_t frames[TEMPORAL][H][W][3];
    static float out[H * W / PATCH / PATCH][VALUES];
    static vlt_patchify_constants constants;
    for (int t = 0; t < TEMPORAL; t++) {
        for (int y = 0; y < H; y++) {
            for (int x = 0; x < W; x++) {
                for (int c = 0; c < 3; c++) {
                    frames[t][y][x][c] = (uint8_t)(y * W + x + 96 * t + 20 * c);
                }
            }
        }
    }
    for (int v = 0; v < 256; v++) {
        for (int c = 0; c < 3; c++) {
            constants.table[c][v] = (float)(v + 1000 * c);
        }
    }
    test_context test;
    test_context_init(&test);
    vlt_problem problem = vlt_patchify_problem(H, W, PATCH, TEMPORAL, MERGE, &constants);
    vlt_patchify_args args = {
        .frame = {&frames[0][0][0][0], &frames[1][0][0][0]}, .stride = W * 3, .out = out[0]};
    vlt_plan *plan = NULL;
    cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int n = 0; n < H * W / PATCH / PATCH; n++) {
        int block = n / (MERGE * MERGE), k = n % (MERGE * MERGE), across = W / PATCH / MERGE;
        int top = (block / across * MERGE + k / MERGE) * PATCH;
        int left = (block % across * MERGE + k % MERGE) * PATCH;
        for (int e = 0; e < VALUES; e++) {
            int x = e % PATCH, y = e / PATCH % PATCH, t = e / PATCH / PATCH % TEMPORAL;
            int c = e / PATCH / PATCH / TEMPORAL;
            float expected = (float)(frames[t][top + y][left + x][c] + 1000 * c);
            cr_assert_eq(out[n][e], expected, "row %d, value %d", n, e);
        }
    }
    vlt_plan_destroy(plan);
    test_context_release(&test);
}

/* Widened, rows of bytes are what f32 would have been, bit by bit. */
Test(patchify, bytes_widen_to_the_f32_rows)
{
    enum { H = 96, W = 160, PATCH = 16, MERGE = 2, ROWS = H * W / PATCH / PATCH };
    static uint8_t picture[H * W * 3], bytes[ROWS * 3 * PATCH * PATCH];
    static float expected[2 * ROWS * 3 * PATCH * PATCH], widened[2 * ROWS * 3 * PATCH * PATCH];
    static const float mean[3] = {0.48f, 0.46f, 0.41f}, std[3] = {0.27f, 0.26f, 0.28f};
    vlt_patchify_constants constants;
    test_context test;
    test_context_init(&test);
    vlt_patchify_constants_init(&constants, 1.0 / 255, mean, std);
    for (size_t i = 0; i < sizeof picture; i++) {
        picture[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    vlt_problem problem[2];
    void *const out[2] = {expected, bytes};
    for (int form = 0; form < 2; form++) {
        vlt_plan *plan = NULL;
        problem[form] = vlt_patchify_problem(H, W, PATCH, 2, MERGE, &constants);
        problem[form].dim[VLT_PATCHIFY_DIM_BYTES] = form;
        vlt_patchify_args args = {.frame = {picture, picture}, .stride = W * 3, .out = out[form]};
        cr_assert_eq(vlt_plan_create(&test.context, &problem[form], &plan, NULL), VLT_OK);
        cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
        vlt_plan_destroy(plan);
    }
    cr_assert_eq(vlt_patchify_row_bytes(&problem[0]), 8 * vlt_patchify_row_bytes(&problem[1]));
    vlt_patchify_widen(&constants, 2, 2 * 3 * PATCH * PATCH, bytes, ROWS, widened);
    cr_assert_arr_eq(widened, expected, sizeof expected);
    test_context_release(&test);
}

Test(patchify, refuses_a_size_that_is_no_multiple)
{
    static vlt_patchify_constants constants;
    vlt_error err = {0};
    test_context test;
    test_context_init(&test);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_patchify); v++) {
        vlt_problem problem = vlt_patchify_problem(40, 64, 16, 2, 2, &constants);
        vlt_plan *plan = NULL;
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_patchify, v);
        if (vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
            cr_assert_neq(vlt_plan_create_with(&test.context, &problem, variant, NULL, &plan, &err),
                          VLT_OK);
            cr_assert(strstr(err.message, "64x40") && strstr(err.message, "32"), "%s", err.message);
        }
    }
    test_context_release(&test);
}

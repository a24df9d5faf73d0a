#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/patch_embed/patch_embed.h"
#include "tests/support/variants.h"

/* rows, width, values, temporal, weights */
static const int64_t sizes[][5] = {
    {1, 1, 3, 1, VLT_FORMAT_F32},        {2, 9, 6, 2, VLT_FORMAT_F16},
    {5, 17, 96, 2, VLT_FORMAT_BF16},     {17, 33, 1536, 2, VLT_FORMAT_BF16},
    {70, 64, 588, 2, VLT_FORMAT_BF16},   {64, 30, 81, 3, VLT_FORMAT_F32},
    {130, 20, 27, 1, VLT_FORMAT_BF16},   {33, 24, 384, 2, VLT_FORMAT_I8_ROW},
    {300, 40, 2304, 3, VLT_FORMAT_BF16}, {9, 16, 1200, 2, VLT_FORMAT_Q8_0},
    {1100, 24, 192, 8, VLT_FORMAT_BF16}, {64, 128, 1536, 2, VLT_FORMAT_F16},
};

/* first: of the sizes. Rounding is held to the largest output, of which there must be some. */
static void variants_hold(vlt_quality quality, size_t first)
{
    test_context test;
    test_context_init(&test);
    test.context.quality = quality;
    for (size_t i = first; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_patch_embed, sizes[i]), 1, "size %zu", i);
    }
    test_context_release(&test);
}

Test(patch_embed, variants_equal_the_baseline, .timeout = 120)
{
    variants_hold(VLT_QUALITY_EXACT, 0);
}

/* With what `linear` may lose then, and no more. */
Test(patch_embed, variants_hold_where_children_round, .timeout = 120)
{
    variants_hold(VLT_QUALITY_BF16, 2);
    variants_hold(VLT_QUALITY_INT8, 2);
}

enum { ROWS = 40, WIDTH = 24, VALUES = 384, PIXELS = VALUES / 2 };

static const vlt_problem small = {.op = &vlt_op_patch_embed,
                                  .dim = {ROWS, WIDTH, VALUES, 2, VLT_FORMAT_BF16}};

/* The baseline is what the rows of f32 would have given, bit by bit. */
Test(patch_embed, baseline_is_linear_of_the_f32_rows)
{
    static float x[ROWS * VALUES], expected[ROWS * WIDTH];
    test_context test;
    vlt_workload workload;
    vlt_plan *plan = NULL, *linear = NULL;
    test_context_init(&test);
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &small, 3, NULL), VLT_OK);
    const vlt_patch_embed_args *args = workload.args;
    const vlt_patch_embed_constants *constants = workload.problem.constants;
    cr_assert_eq(vlt_plan_create_with(&test.context, &workload.problem,
                                      vlt_registry_variant(&vlt_op_patch_embed, 0), NULL, &plan,
                                      NULL),
                 VLT_OK);
    cr_assert_eq(test_run(plan, args, NULL), VLT_OK);
    vlt_patchify_widen(constants->pixels, 2, VALUES, args->pixels, ROWS, x);
    const vlt_problem product = vlt_linear_problem(ROWS, constants->linear);
    const vlt_linear_args rows = {
        .x = x, .y = expected, .rows = ROWS, .x_stride = VALUES, .y_stride = WIDTH};
    cr_assert_eq(vlt_plan_create(&test.context, &product, &linear, NULL), VLT_OK);
    cr_assert_eq(test_run(linear, &rows, NULL), VLT_OK);
    cr_assert_arr_eq(args->out, expected, sizeof expected);
    vlt_plan_destroy(linear);
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    test_context_release(&test);
}

static vlt_plan *folded_plan(test_context *test, const vlt_problem *problem, int64_t rows)
{
    vlt_problem sized = *problem;
    vlt_plan *plan = NULL;
    const vlt_variant *folded = vlt_registry_find_variant(&vlt_op_patch_embed, "folded");
    sized.dim[VLT_PATCH_EMBED_DIM_ROWS] = rows;
    cr_assert_eq(vlt_plan_create_with(&test->context, &sized, folded, NULL, &plan, NULL), VLT_OK);
    return plan;
}

/* Plans for other numbers of rows share the sums; another normalisation of the same weights has its
 * own, and its own results. */
Test(patch_embed, sums_are_shared_by_weights_and_table)
{
    static const float other_mean[3] = {0.2f, 0.3f, 0.4f}, other_std[3] = {0.9f, 0.8f, 0.7f};
    static float first[ROWS * WIDTH];
    test_context test;
    vlt_workload workload;
    vlt_patchify_constants other_table;
    test_context_init(&test);
    cr_assert_eq(vlt_packs_create(NULL, &test.context.packs, NULL), VLT_OK);
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &small, 3, NULL), VLT_OK);
    const vlt_patch_embed_args *args = workload.args;
    vlt_patch_embed_constants constants =
        *(const vlt_patch_embed_constants *)workload.problem.constants;
    vlt_linear_constants linear = *constants.linear;
    linear.weight.id = 7;
    constants.linear = &linear;
    vlt_patchify_constants_init(&other_table, 1.0 / 255, other_mean, other_std);
    const vlt_patch_embed_constants others = {&linear, &other_table};
    vlt_problem problem = workload.problem, other = workload.problem;
    problem.constants = &constants;
    other.constants = &others;
    vlt_plan *plan[3] = {folded_plan(&test, &problem, ROWS)};
    const int count = vlt_packs_look(test.context.packs).count;
    plan[1] = folded_plan(&test, &problem, 2 * ROWS);
    cr_assert_gt(count, 0);
    cr_assert_eq(vlt_packs_look(test.context.packs).count, count);
    plan[2] = folded_plan(&test, &other, ROWS);
    cr_assert_eq(vlt_packs_look(test.context.packs).count, 2 * count);
    cr_assert_eq(test_run(plan[0], args, NULL), VLT_OK);
    memcpy(first, args->out, sizeof first);
    cr_assert_eq(test_run(plan[1], args, NULL), VLT_OK);
    cr_assert_arr_eq(first, args->out, sizeof first);
    cr_assert_eq(test_run(plan[2], args, NULL), VLT_OK);
    cr_assert_arr_neq(first, args->out, sizeof first);
    for (int i = 0; i < 3; i++) {
        vlt_plan_destroy(plan[i]);
    }
    cr_assert_eq(vlt_packs_look(test.context.packs).count, 0);
    vlt_workload_release(&workload);
    vlt_packs_destroy(test.context.packs);
    test_context_release(&test);
}

/* Pixels at both ends and in the middle, one channel after the other: what differs by channel or by
 * frame would show. */
Test(patch_embed, folded_follows_each_channel)
{
    test_context test;
    vlt_workload workload;
    vlt_plan *plan = NULL, *baseline = NULL;
    static float expected[ROWS * WIDTH];
    test_context_init(&test);
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &small, 5, NULL), VLT_OK); /* CLIP's */
    const vlt_patch_embed_args *args = workload.args;
    static const uint8_t ends[] = {0, 255, 127, 128};
    uint8_t *pixels = (uint8_t *)args->pixels;
    for (int64_t row = 0; row < ROWS; row++) {
        for (int64_t i = 0; i < PIXELS; i++) {
            int64_t channel = i / (PIXELS / 3);
            pixels[row * PIXELS + i] = channel == row % 3 ? ends[row % 4] : ends[(row + 1) % 4];
        }
    }
    plan = folded_plan(&test, &workload.problem, ROWS);
    cr_assert_eq(vlt_plan_create_with(&test.context, &workload.problem,
                                      vlt_registry_variant(&vlt_op_patch_embed, 0), NULL, &baseline,
                                      NULL),
                 VLT_OK);
    cr_assert_eq(test_run(baseline, args, NULL), VLT_OK);
    memcpy(expected, args->out, sizeof expected);
    cr_assert_eq(test_run(plan, args, NULL), VLT_OK);
    double largest = 0;
    for (int i = 0; i < ROWS * WIDTH; i++) {
        largest = fmax(largest, fabs((double)expected[i]));
    }
    for (int i = 0; i < ROWS * WIDTH; i++) {
        cr_assert_leq(fabs((double)expected[i] - (double)args->out[i]),
                      VLT_PATCH_EMBED_TOLERANCE * largest, "%d", i);
    }
    vlt_plan_destroy(plan);
    vlt_plan_destroy(baseline);
    vlt_workload_release(&workload);
    test_context_release(&test);
}

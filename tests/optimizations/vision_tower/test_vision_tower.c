#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/vision_tower/vision_tower.h"
#include "tests/support/variants.h"

Test(vision_tower, variants_equal_the_baseline)
{
    /* patches, segment, width, heads, inner, blocks, out, merge, values, taps, weights */
    static const int64_t sizes[][11] = {{4, 4, 8, 2, 9, 1, 5, 2, 12, 0, VLT_FORMAT_BF16},
                                        {36, 64, 24, 2, 50, 2, 20, 2, 48, 1, VLT_FORMAT_F16},
                                        {72, 72, 16, 1, 33, 3, 12, 3, 27, 2, VLT_FORMAT_F32},
                                        {128, 128, 32, 4, 64, 2, 24, 2, 96, 2, VLT_FORMAT_BF16}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_vision_tower, sizes[i]), 0);
    }
    test_context_release(&test);
}

enum { PATCHES = 48, MERGE = 2, OUT = 20, VALUES = 48, TOKENS = PATCHES / 4, BLOCKS = 3, TAPS = 2 };

static const vlt_problem tower = {
    .op = &vlt_op_vision_tower,
    .dim = {2 * PATCHES, PATCHES, 24, 2, 50, BLOCKS, OUT, MERGE, VALUES, TAPS, VLT_FORMAT_BF16}};

static float together[2][TOKENS * OUT], alone[TOKENS * OUT], deepstack[TAPS][2 * TOKENS * OUT],
    ignored[TAPS][TOKENS * OUT];

/* Attention stays inside an image: two in one run give the bits that each gives alone. */
Test(vision_tower, images_in_one_run_are_as_alone)
{
    test_context test;
    vlt_workload workload;
    vlt_plan *plan = NULL;
    float *const taps[TAPS] = {deepstack[0], deepstack[1]}, *const own[TAPS] = {ignored[0],
                                                                                ignored[1]};
    test_context_init(&test);
    vlt_problem problem = tower;
    problem.dim[VLT_VISION_TOWER_DIM_PATCHES] = PATCHES; /* what the workload's image has */
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 6, NULL), VLT_OK);
    problem = workload.problem;
    problem.dim[VLT_VISION_TOWER_DIM_PATCHES] = 2 * PATCHES;
    cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
    const vlt_vision_tower_args *given = workload.args;
    const float *patches = given->image[0].patches;
    const vlt_vision_image two[2] = {{{.t = 1, .h = 4, .w = 12}, patches, NULL},
                                     {{.t = 2, .h = 6, .w = 4}, patches, NULL}};
    vlt_vision_tower_args args = {
        .image = two, .images = 2, .embedding = together[0], .deepstack = taps};
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    for (int i = 0; i < 2; i++) {
        args = (vlt_vision_tower_args){
            .image = &two[i], .images = 1, .embedding = alone, .deepstack = own};
        cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
        cr_expect_arr_eq(together[i], alone, sizeof alone, "image %d", i);
        for (int k = 0; k < TAPS; k++) {
            cr_expect_arr_eq(deepstack[k] + i * TOKENS * OUT, ignored[k], sizeof alone, "tap %d",
                             k);
        }
    }
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    test_context_release(&test);
}

struct seen {
    char names[512];
    int64_t steps;
};

static vlt_status see(void *user, const char *name, int64_t index, const float *rows, int64_t count,
                      int64_t width, vlt_error *err)
{
    struct seen *seen = user;
    (void)rows, (void)err;
    size_t used = strlen(seen->names);
    snprintf(seen->names + used, sizeof seen->names - used, "%s/%d[%d,%d] ", name, (int)index,
             (int)count, (int)width);
    return VLT_OK;
}

static bool progress(void *user, int64_t done, int64_t total)
{
    struct seen *seen = user;
    seen->steps++;
    return total == BLOCKS && done < 2;
}

/* Who looks on sees the steps in their order, and may end the run between two blocks. */
Test(vision_tower, a_tap_looks_on_and_stops)
{
    test_context test;
    vlt_workload workload;
    vlt_plan *plan = NULL;
    vlt_error err = {0};
    struct seen seen = {.steps = 0};
    test_context_init(&test);
    vlt_problem problem = tower;
    problem.dim[VLT_VISION_TOWER_DIM_PATCHES] = PATCHES;
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 6, NULL), VLT_OK);
    cr_assert_eq(vlt_plan_create(&test.context, &workload.problem, &plan, NULL), VLT_OK);
    vlt_vision_tower_args args = *(const vlt_vision_tower_args *)workload.args;
    const vlt_tap looking = {.see = see, .user = &seen},
                  stopping = {.progress = progress, .user = &seen};
    args.tap = &looking;
    cr_assert_eq(test_run(plan, &args, &err), VLT_OK);
    cr_expect_str_eq(
        seen.names,
        "vision.patch_embed/-1[48,24] vision.block.%d/0[48,24] "
        "vision.deepstack.%d/0[12,20] vision.block.%d/1[48,24] "
        "vision.deepstack.%d/1[12,20] vision.block.%d/2[48,24] vision.merged/-1[12,20] ");
    args.tap = &stopping;
    cr_expect_eq(test_run(plan, &args, &err), VLT_STATUS_INTERRUPTED);
    cr_expect_eq(seen.steps, 3);
    vlt_plan_destroy(plan);
    vlt_workload_release(&workload);
    test_context_release(&test);
}

/* A picture that comes in rows, through every variant that takes it so: the bits of the baseline,
 * each row asked for once and in order, and no more memory than is said. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "optimizations/preprocess/preprocess.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

struct picture {
    uint8_t *rgb;
    int64_t h, w, next, fails_at; /* -1: never */
};

static vlt_status read_rows(void *user, int64_t count, uint8_t *rgb, int64_t stride, vlt_error *err)
{
    struct picture *picture = user;
    cr_assert_leq(picture->next + count, picture->h);
    cr_assert_gt(count, 0);
    if (picture->fails_at >= 0 && picture->next + count > picture->fails_at) {
        return vlt_fail(err, VLT_STATUS_INPUT, "row %lld", (long long)picture->fails_at);
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(rgb + i * stride, picture->rgb + (picture->next + i) * picture->w * 3,
               (size_t)picture->w * 3);
    }
    picture->next += count;
    return VLT_OK;
}

static vlt_patchify_constants constants;

/* False, and skipped, where rows cannot come in strips: those are made by vector variants alone. */
static bool begin(test_context *test)
{
    test_context_init(test);
    if (!(test->caps.isa & VLT_ISA_AVX2)) {
        test_skip("strips need AVX2");
        test_context_release(test);
        return false;
    }
    return true;
}

static vlt_plan *plan_of(test_context *test, const vlt_preprocess_shape *shape, bool baseline)
{
    vlt_plan *plan = NULL;
    const vlt_problem problem = vlt_preprocess_problem(shape, &constants);
    test->context.policy = baseline ? VLT_POLICY_BASELINE : VLT_POLICY_CHOICES;
    cr_assert_eq(vlt_plan_create(&test->context, &problem, &plan, NULL), VLT_OK);
    test->context.policy = VLT_POLICY_CHOICES;
    return plan;
}

static vlt_status run_rows(const vlt_plan *plan, struct picture *picture, void *out, vlt_error *err)
{
    vlt_scratch scratch = {0};
    const vlt_preprocess_rows rows = {read_rows, picture, out};
    cr_assert(vlt_preprocess_has_rows(plan));
    cr_assert_eq(vlt_scratch_reserve(&scratch, vlt_preprocess_rows_scratch(plan), NULL), VLT_OK);
    const vlt_frame frame = vlt_scratch_frame(&scratch);
    vlt_frame_seal(frame);
    vlt_status status = vlt_preprocess_run_rows(plan, frame, &rows, err);
    vlt_scratch_release(&scratch);
    return status;
}

static void check(test_context *test, const vlt_preprocess_shape *shape)
{
    const size_t pixels = (size_t)(shape->dst_h * shape->dst_w * 3);
    const size_t out_bytes = shape->bytes ? pixels
                                          : pixels * (size_t)shape->temporal * sizeof(float);
    const size_t bytes = (size_t)(shape->src_h * shape->src_w * 3);
    struct picture picture = {malloc(bytes), shape->src_h, shape->src_w, 0, -1};
    void *expected = malloc(out_bytes), *out = malloc(out_bytes);
    const uint8_t *src = picture.rgb;
    vlt_random random = {bytes};
    for (size_t i = 0; i < bytes; i++) {
        picture.rgb[i] = (uint8_t)(vlt_random_next(&random) >> 32);
    }
    vlt_plan *whole = plan_of(test, shape, true), *strips = plan_of(test, shape, false);
    const vlt_preprocess_args args = {
        .src = &src, .src_stride = shape->src_w * 3, .images = 1, .out = expected};
    cr_assert_eq(test_run(whole, &args, NULL), VLT_OK);
    memset(out, 0xFF, out_bytes);
    cr_assert_eq(run_rows(strips, &picture, out, NULL), VLT_OK);
    cr_assert_eq(picture.next, picture.h);
    cr_assert(!memcmp(out, expected, out_bytes), "%lldx%lld -> %lldx%lld, %d",
              (long long)shape->src_w, (long long)shape->src_h, (long long)shape->dst_w,
              (long long)shape->dst_h, (int)shape->arithmetic);
    vlt_plan_destroy(whole);
    vlt_plan_destroy(strips);
    free(picture.rgb);
    free(expected);
    free(out);
}

static const int64_t sizes[][4] = {
    {32, 32, 32, 32},     {480, 640, 480, 640}, {40, 70, 64, 96},     {427, 640, 416, 640},
    {64, 200, 64, 192},   {211, 64, 160, 64},   {1, 1, 32, 64},       {700, 100, 64, 64},
    {300, 900, 288, 896}, {1000, 333, 128, 64}, {97, 1900, 64, 1888}, {33, 47, 320, 480},
    {130, 96, 128, 96},   {501, 1300, 64, 160}, {2000, 40, 1984, 32}, {31, 3000, 32, 3008},
    {900, 300, 864, 64},  {64, 2100, 64, 2080},
};

static void check_all(vlt_arithmetic arithmetic)
{
    static const float middle[3] = {0.5f, 0.4f, 0.3f}, spread[3] = {0.5f, 0.25f, 0.2f};
    test_context test;
    if (!begin(&test)) {
        return;
    }
    vlt_patchify_constants_init(&constants, 1 / 255.0, middle, spread);
    vlt_threads *threads = test.context.threads;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t *s = sizes[i];
        vlt_preprocess_shape shape = {1, 1, s[0], s[1], s[2], s[3], arithmetic, 16, 2, 2, false};
        for (int form = 0; form < 2; form++) {
            shape.bytes = form;
            check(&test, &shape);
            test.context.threads = NULL;
            check(&test, &shape);
            test.context.threads = threads;
        }
    }
    test_context_release(&test);
}

Test(preprocess_rows, torch, .timeout = 120)
{
    check_all(VLT_ARITHMETIC_TORCH);
}

Test(preprocess_rows, pillow, .timeout = 120)
{
    check_all(VLT_ARITHMETIC_PILLOW);
}

Test(preprocess_rows, other_patches, .timeout = 60)
{
    static const float middle[3] = {0.5f, 0.5f, 0.5f};
    test_context test;
    if (!begin(&test)) {
        return;
    }
    vlt_patchify_constants_init(&constants, 1, middle, middle);
    check(&test,
          &(vlt_preprocess_shape){1, 1, 60, 60, 56, 28, VLT_ARITHMETIC_TORCH, 14, 2, 2, false});
    check(&test,
          &(vlt_preprocess_shape){1, 1, 200, 60, 96, 48, VLT_ARITHMETIC_PILLOW12, 16, 3, 1, true});
    test_context_release(&test);
}

Test(preprocess_rows, a_failure_ends_the_run)
{
    static const float middle[3] = {0.5f, 0.5f, 0.5f};
    const vlt_preprocess_shape shape = {1,  1, 700, 640,  704, 640, VLT_ARITHMETIC_TORCH,
                                        16, 2, 2,   false};
    test_context test;
    if (!begin(&test)) {
        return;
    }
    vlt_patchify_constants_init(&constants, 1, middle, middle);
    vlt_plan *plan = plan_of(&test, &shape, false);
    struct picture picture = {calloc(700 * 640, 3), 700, 640, 0, 0};
    float *out = malloc((size_t)704 * 640 * 6 * sizeof *out);
    for (picture.fails_at = 0; picture.fails_at < 700; picture.fails_at += 233) {
        vlt_error err = {0};
        picture.next = 0;
        cr_assert_eq(run_rows(plan, &picture, out, &err), VLT_STATUS_INPUT);
        char expected[32];
        snprintf(expected, sizeof expected, "row %d", (int)picture.fails_at);
        cr_assert_str_eq(err.message, expected);
    }
    vlt_plan_destroy(plan);
    free(picture.rgb);
    free(out);
    test_context_release(&test);
}

/* Videos and several images come as pictures, and so do baselines. */
Test(preprocess_rows, what_has_none)
{
    const vlt_preprocess_shape shape = {1,  1, 64, 64,   32, 32, VLT_ARITHMETIC_TORCH,
                                        16, 2, 2,  false};
    vlt_preprocess_shape two = shape, video = shape;
    two.images = 2;
    video.frames = 2;
    test_context test;
    if (!begin(&test)) {
        return;
    }
    vlt_plan *plan[] = {plan_of(&test, &shape, true), plan_of(&test, &two, false),
                        plan_of(&test, &video, false)};
    for (int i = 0; i < 3; i++) {
        cr_assert_not(vlt_preprocess_has_rows(plan[i]), "%d", i);
        vlt_plan_destroy(plan[i]);
    }
    test_context_release(&test);
}

/* 3.5 MB up to 8,192 pixels, whatever the height; above it grows with the width alone. */
Test(preprocess_rows, memory)
{
    static const int64_t big[][5] = {
        {21845, 8192, 4096, 1536, 0}, {2048, 8192, 2048, 8192, 0}, {2100, 8190, 2048, 8192, 0},
        {8192, 8192, 512, 512, 0},    {20000, 8192, 1344, 544, 1}, {16384, 3, 16384, 32, 0},
        {4096, 4000, 4096, 4000, 0},
    };
    test_context test;
    if (!begin(&test)) {
        return;
    }
    for (size_t i = 0; i < sizeof big / sizeof *big; i++) {
        const int64_t *s = big[i];
        const vlt_preprocess_shape shape = {1,  1, s[0], s[1], s[2], s[3], (vlt_arithmetic)s[4],
                                            16, 2, 2,    false};
        vlt_plan *plan = plan_of(&test, &shape, false);
        cr_assert_leq(vlt_preprocess_rows_scratch(plan), 3500000, "%zu", i);
        vlt_plan_destroy(plan);
    }
    size_t last = 0;
    for (int64_t w = 16384; w <= 65536; w *= 2) {
        const vlt_preprocess_shape shape = {1,  1, 1000, w - 4, 992, w, VLT_ARITHMETIC_TORCH,
                                            16, 2, 2,    false};
        vlt_plan *plan = plan_of(&test, &shape, false);
        size_t bytes = vlt_preprocess_rows_scratch(plan);
        cr_assert(!last || bytes < last * 21 / 10, "%zu after %zu", bytes, last);
        last = bytes;
        vlt_plan_destroy(plan);
    }
    test_context_release(&test);
}

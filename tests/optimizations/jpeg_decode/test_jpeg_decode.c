#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/jpeg_decode/jpeg_decode.h"
#include "optimizations/jpeg_decode/jpeg_encode.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

Test(jpeg_decode, variants_equal_the_baseline, .timeout = 120)
{
    static const int64_t shapes[][3] = {{1, 1, 0},     {37, 51, 0},  {64, 64, 1}, {333, 77, 1},
                                        {511, 130, 2}, {700, 64, 3}, {17, 9, 1},  {400, 33, 5}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_jpeg_decode, shapes[i]), 0);
    }
    test_context_release(&test);
}

/* Decodes with the named variant; false when it is refused. */
static bool decode(test_context *test, const char *name, const uint8_t *data, size_t bytes,
                   bool strict, uint8_t **rgb, vlt_jpeg_info *info, int64_t *reached,
                   vlt_error *err)
{
    vlt_plan *plan = NULL;
    void *block;
    *rgb = NULL;
    if (vlt_jpeg_inspect(data, bytes, NULL, NULL, info, err) != VLT_OK) {
        return false;
    }
    vlt_problem problem = vlt_jpeg_decode_problem(info);
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_jpeg_decode, name);
    if (!vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
        variant = vlt_registry_variant(&vlt_op_jpeg_decode, 0);
    }
    cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, err), VLT_OK);
    cr_assert_eq(vlt_alloc((size_t)(info->h * info->w * 3), &block, err), VLT_OK);
    *rgb = block;
    vlt_jpeg_decode_args args = {.data = data,
                                 .data_bytes = bytes,
                                 .rgb = *rgb,
                                 .stride = info->w * 3,
                                 .strict = strict,
                                 .rows_reached = reached};
    vlt_status status = test_run(plan, &args, err);
    vlt_plan_destroy(plan);
    return status == VLT_OK;
}

static uint8_t *make_jpeg(int64_t h, int64_t w, const vlt_jpeg_encode_options *options,
                          size_t *bytes)
{
    uint8_t *rgb = malloc((size_t)(h * w * 3)), *jpeg = NULL;
    vlt_random random = {7};
    for (int64_t i = 0; i < h * w * 3; i++) {
        rgb[i] = (uint8_t)(i / 7 + (int64_t)(vlt_random_next(&random) & 31));
    }
    cr_assert_eq(vlt_jpeg_encode(rgb, w, h, options, &jpeg, bytes, NULL), VLT_OK);
    free(rgb);
    return jpeg;
}

/* Cut anywhere, a file has no EOI marker and is refused; with a new EOI behind the cut the rows
 * before it are accepted, unless strict. */
Test(jpeg_decode, missing_rows_and_missing_ends)
{
    static const vlt_jpeg_encode_options options[] = {
        {.subsampling = VLT_JPEG_420},
        {.subsampling = VLT_JPEG_420, .restart_rows = 1},
        {.subsampling = VLT_JPEG_444, .progressive = true}};
    static const char *const names[] = {"baseline", "restart"};
    test_context test;
    test_context_init(&test);
    for (int o = 0; o < 3; o++) {
        size_t bytes;
        uint8_t *jpeg = make_jpeg(200, 90, &options[o], &bytes), *rgb;
        for (int v = 0; v < 2; v++) {
            vlt_jpeg_info info;
            int64_t reached = 0;
            vlt_error err = {0};
            cr_assert(decode(&test, names[v], jpeg, bytes, true, &rgb, &info, &reached, &err));
            cr_assert_eq(reached, 200);
            vlt_free(rgb);
            cr_assert_not(
                decode(&test, names[v], jpeg, bytes - 2, false, &rgb, &info, &reached, &err));
            cr_assert(strstr(err.message, "ends before its EOI marker"), "%s", err.message);
            vlt_free(rgb);
            if (options[o].progressive) {
                continue;
            }
            uint8_t kept[2] = {jpeg[bytes / 2], jpeg[bytes / 2 + 1]};
            jpeg[bytes / 2] = 0xFF;
            jpeg[bytes / 2 + 1] = 0xD9;
            cr_assert(
                decode(&test, names[v], jpeg, bytes / 2 + 2, false, &rgb, &info, &reached, &err));
            cr_assert(reached > 30 && reached < 170, "%lld", (long long)reached);
            vlt_free(rgb);
            cr_assert_not(
                decode(&test, names[v], jpeg, bytes / 2 + 2, true, &rgb, &info, &reached, &err));
            cr_assert(strstr(err.message, "missing from row"), "%s", err.message);
            vlt_free(rgb);
            memcpy(jpeg + bytes / 2, kept, 2);
        }
        vlt_free(jpeg);
    }
    test_context_release(&test);
}

/* Damage is met in the same way by all variants: same verdict, same bytes. */
Test(jpeg_decode, variants_agree_on_damage, .timeout = 120)
{
    static const vlt_jpeg_encode_options options = {.subsampling = VLT_JPEG_420, .restart_rows = 1};
    test_context test;
    test_context_init(&test);
    size_t bytes;
    uint8_t *jpeg = make_jpeg(300, 40, &options, &bytes);
    uint8_t *damaged = malloc(bytes);
    vlt_random random = {11};
    for (int i = 0; i < 400; i++) {
        memcpy(damaged, jpeg, bytes);
        int64_t edits = vlt_random_range(&random, 1, 3);
        for (int64_t e = 0; e < edits; e++) {
            damaged[vlt_random_range(&random, 2, (int64_t)bytes - 1)] = (uint8_t)vlt_random_next(
                &random);
        }
        uint8_t *first, *second;
        vlt_jpeg_info info;
        int64_t reached[2] = {0, 0};
        vlt_error err = {0};
        bool a = decode(&test, "baseline", damaged, bytes, false, &first, &info, &reached[0], &err);
        bool b = decode(&test, "restart", damaged, bytes, false, &second, &info, &reached[1], &err);
        cr_assert_eq(a, b, "mutation %d", i);
        if (a) {
            cr_assert_eq(reached[0], reached[1]);
            cr_assert_eq(memcmp(first, second, (size_t)(info.h * info.w * 3)), 0, "mutation %d", i);
        }
        vlt_free(first);
        vlt_free(second);
    }
    free(damaged);
    vlt_free(jpeg);
    test_context_release(&test);
}

/* Real files with restart markers, among them intervals that are no whole rows. */
Test(jpeg_decode, variants_agree_on_real_files, .timeout = 120)
{
    static const char *const files[] = {
        "dri55-870x1398-420.jpg",   "dri154-2460x1612-420.jpg",      "mjpeg-1280x720-422-dri80.jpg",
        "cmyk-ycck-dri13.jpg",      "flower2-300x225-444-dri38.jpg", "gray-500-badexif-dri63.jpg",
        "ycck-dri165-1318x611.jpg", "ff00-header-dri38.jpg",         "rocket-640x427-444.jpg"};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char relative[128];
        snprintf(relative, sizeof relative, "data/images/%s", files[i]);
        const char *path = test_data(relative);
        if (!path) {
            test_skip(relative);
            continue;
        }
        size_t bytes;
        uint8_t *data = (uint8_t *)test_read_file(path, &bytes), *first, *second;
        vlt_jpeg_info info;
        int64_t reached;
        vlt_error err = {0};
        cr_assert(decode(&test, "baseline", data, bytes, false, &first, &info, &reached, &err),
                  "%s", err.message);
        cr_assert(decode(&test, "restart", data, bytes, false, &second, &info, &reached, &err));
        cr_assert_eq(memcmp(first, second, (size_t)(info.h * info.w * 3)), 0, "%s", files[i]);
        vlt_free(first);
        vlt_free(second);
        free(data);
    }
    test_context_release(&test);
}

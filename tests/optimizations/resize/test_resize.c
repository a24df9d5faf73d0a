#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/resize/resize.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

Test(resize, variants_equal_the_baseline, .timeout = 120)
{
    static const int64_t sizes[][4] = {
        {1, 1, 1, 1},    {1, 1, 5, 7},       {2, 3, 1, 1},      {5, 4, 5, 4},      {7, 9, 7, 30},
        {9, 7, 30, 7},   {33, 65, 32, 64},   {64, 100, 13, 17}, {13, 17, 64, 100}, {200, 6, 3, 5},
        {6, 300, 9, 31}, {97, 131, 96, 160}, {150, 40, 20, 41}, {40, 22, 39, 21},  {256, 1, 16, 1}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int arithmetic = 0; arithmetic <= VLT_ARITHMETIC_PILLOW12; arithmetic++) {
            int64_t dims[] = {sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], arithmetic};
            cr_assert_gt(test_variants(&test, &vlt_op_resize, dims), 0);
        }
    }
    test_context_release(&test);
}

/* The computed images of synth.tsv (tests/README.md#outside-vectors). */
static uint8_t synth_byte(const char *kind, uint32_t seed, uint32_t w, uint32_t i)
{
    uint32_t c = i % 3, X = i / 3 % w, Y = i / 3 / w;
    uint32_t x = i + seed * 0x9E3779B9u;
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    switch (kind[0]) {
    case 'n':
        return (uint8_t)x;
    case 'b':
        return kind[1] == 'i' ? (uint8_t)((x >> 31) * 255)
                              : (uint8_t)((((X / 16 + Y / 16) & 1) ? 250 : 4) + (x & 7) - 2);
    case 's':
        return (uint8_t)((X * (3 + c) + Y * 5 + 40 * c) >> 2);
    default:
        return (uint8_t)(((X / 3 + Y / 2 + c) & 1) * 255);
    }
}

static void check_hex(const uint8_t *bytes, size_t count, const char *hex, const char *what)
{
    cr_assert_eq(strlen(hex), count * 2);
    for (size_t i = 0; i < count; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        cr_assert_eq(bytes[i], strtol(two, NULL, 16), "%s: byte %zu", what, i);
    }
}

Test(resize, equals_pillow_and_torch_on_computed_images)
{
    const char *path = test_data("golden/pixels/synth.tsv");
    size_t bytes;
    int checked = 0;
    if (!path) {
        test_skip("golden/pixels/synth.tsv");
        return;
    }
    test_context test;
    test_context_init(&test);
    char *text = test_read_file(path, &bytes), *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *column[17] = {NULL}, *inner = NULL;
        int count = 0;
        for (char *p = strtok_r(line, "\t", &inner); p && count < 17;
             p = strtok_r(NULL, "\t", &inner)) {
            column[count++] = p;
        }
        if (count < 17 || !strcmp(column[0], "id") || !strcmp(column[15], "-")) {
            continue;
        }
        int64_t w = atoll(column[3]), h = atoll(column[4]), w2 = atoll(column[5]);
        int64_t h2 = atoll(column[6]);
        uint8_t src[4096], dst[4096];
        for (uint32_t i = 0; i < w * h * 3; i++) {
            src[i] = synth_byte(column[1], (uint32_t)strtoul(column[2], NULL, 10), (uint32_t)w, i);
        }
        for (int a = 0; a < 2; a++) {
            vlt_problem problem = vlt_resize_problem(
                h, w, h2, w2, a ? VLT_ARITHMETIC_TORCH : VLT_ARITHMETIC_PILLOW);
            vlt_resize_args args = {src, dst, w * 3, w2 * 3};
            vlt_plan *plan = NULL;
            cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
            cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
            check_hex(dst, (size_t)(w2 * h2 * 3), column[15 + a], column[0]);
            vlt_plan_destroy(plan);
            checked++;
        }
    }
    free(text);
    test_context_release(&test);
    cr_assert_geq(checked, 14);
}

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "optimizations/kv_cache/kv_cache.h"
#include "tests/support/variants.h"

Test(kv_cache, variants_read_back_what_was_stored)
{
    static const int64_t sizes[][3] = {
        {1, 1, 1}, {7, 2, 64}, {5, 3, 36}, {130, 8, 128}, {100, 1, 72}};
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_kv_cache, sizes[i]), 0);
    }
    test_context_release(&test);
}

enum { LAYERS = 3, HEADS = 2, HEAD = 5, WIDTH = HEADS * HEAD };

/* Row r of layer l, as k; v is its negative. */
static void make_row(int64_t layer, int64_t row, float *k, float *v)
{
    for (int i = 0; i < WIDTH; i++) {
        k[i] = (float)(layer * 1000 + row * 10) + (float)i * 0.25f;
        v[i] = -k[i];
    }
}

static void append(const vlt_kv_cache *cache, int64_t first, int64_t rows)
{
    for (int64_t l = 0; l < LAYERS; l++) {
        for (int64_t r = first; r < first + rows; r++) {
            float k[WIDTH], v[WIDTH];
            make_row(l, r, k, v);
            vlt_kv_cache_append(cache, l, r, 1, k, v);
        }
    }
}

static void expect_rows(const vlt_kv_cache *cache, int64_t rows)
{
    for (int64_t l = 0; l < LAYERS; l++) {
        vlt_kv_view keys = vlt_kv_cache_keys(cache, l), values = vlt_kv_cache_values(cache, l);
        for (int64_t r = 0; r < rows; r++) {
            float k[WIDTH], v[WIDTH], found[HEAD];
            make_row(l, r, k, v);
            for (int64_t h = 0; h < HEADS; h++) {
                cache->format->load(vlt_kv_row(&keys, r, h), HEAD, found);
                for (int i = 0; i < HEAD; i++) {
                    double allowed = cache->format->loss * fabs((double)k[h * HEAD + i]);
                    cr_assert_float_eq(found[i], k[h * HEAD + i], allowed, "layer %d row %d",
                                       (int)l, (int)r);
                }
                cache->format->load(vlt_kv_row(&values, r, h), HEAD, found);
                cr_assert_lt(found[HEAD - 1], 1);
            }
        }
    }
}

/* Growing keeps the valid rows of every layer and head, in every format. */
static void grow(const vlt_kv_format *format)
{
    vlt_kv_cache cache;
    cr_assert_eq(vlt_kv_cache_init(&cache, format, LAYERS, HEADS, HEAD, NULL), VLT_OK);
    cr_expect_eq(vlt_kv_cache_capacity(&cache), 0);
    for (int64_t rows = 1; rows <= 100; rows += 9) {
        int64_t before = vlt_kv_cache_capacity(&cache);
        cr_assert_eq(vlt_kv_cache_reserve(&cache, rows, 1000, NULL), VLT_OK);
        int64_t after = vlt_kv_cache_capacity(&cache);
        cr_expect(after == before || after >= 2 * before, "by doubling");
        append(&cache, cache.count, rows - cache.count);
        vlt_kv_cache_commit(&cache, rows);
        expect_rows(&cache, rows);
    }
    vlt_kv_cache_release(&cache);
    vlt_kv_cache_release(&cache);
}

Test(kv_cache, every_format_grows_and_keeps_its_rows)
{
    grow(vlt_kv_format_find(VLT_FORMAT_F32));
    grow(vlt_kv_format_find(VLT_FORMAT_BF16));
}

Test(kv_cache, rows_of_a_format_take_what_it_says)
{
    vlt_kv_cache cache;
    size_t bytes = 0;
    vlt_error err = {0};
    cr_assert_eq(
        vlt_kv_cache_init(&cache, vlt_kv_format_find(VLT_FORMAT_BF16), LAYERS, HEADS, HEAD, NULL),
        VLT_OK);
    cr_assert_eq(vlt_kv_cache_bytes(&cache, 7, &bytes, NULL), VLT_OK);
    cr_expect_eq(bytes, 7 * LAYERS * 2 * HEADS * HEAD * sizeof(uint16_t));
    cr_expect_neq(vlt_kv_cache_reserve(&cache, INT64_MAX / 8, 0, &err), VLT_OK);
    cr_expect(strstr(err.message, "tokens"), "%s", err.message);
    vlt_kv_cache_release(&cache);
}

/* What a file keeps: all valid rows, in a fixed order. */
Test(kv_cache, stretches_hold_the_valid_rows)
{
    vlt_kv_cache from, to;
    const vlt_kv_format *format = vlt_kv_format_find(VLT_FORMAT_BF16);
    cr_assert_eq(vlt_kv_cache_init(&from, format, LAYERS, HEADS, HEAD, NULL), VLT_OK);
    cr_assert_eq(vlt_kv_cache_init(&to, format, LAYERS, HEADS, HEAD, NULL), VLT_OK);
    cr_assert_eq(vlt_kv_cache_reserve(&from, 20, 20, NULL), VLT_OK);
    cr_assert_eq(vlt_kv_cache_reserve(&to, 7, 7, NULL), VLT_OK);
    append(&from, 0, 7);
    vlt_kv_cache_commit(&from, 7);
    vlt_kv_cache_commit(&to, 7);
    cr_assert_eq(vlt_kv_cache_stretches(&from), LAYERS * 2 * HEADS);
    for (int64_t i = 0; i < vlt_kv_cache_stretches(&from); i++) {
        size_t bytes, room;
        const void *source = vlt_kv_cache_stretch(&from, i, &bytes);
        void *target = vlt_kv_cache_stretch(&to, i, &room);
        cr_assert_eq(bytes, room);
        cr_assert_eq(bytes, 7 * HEAD * sizeof(uint16_t));
        memcpy(target, source, bytes);
    }
    expect_rows(&to, 7);
    vlt_kv_cache_release(&from);
    vlt_kv_cache_release(&to);
}

/* bf16 is what --quality bf16 permits, and nothing less. */
Test(kv_cache, the_format_is_a_choice_of_quality)
{
    test_context test;
    test_context_init(&test);
    vlt_problem problem = vlt_kv_cache_problem(512, 2, 64);
    for (int quality = 0; quality < VLT_QUALITY_COUNT; quality++) {
        vlt_plan *plan = NULL;
        test.context.quality = (vlt_quality)quality;
        cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
        cr_expect_eq(vlt_kv_format_of(plan)->format,
                     quality >= VLT_QUALITY_BF16 ? VLT_FORMAT_BF16 : VLT_FORMAT_F32);
        vlt_plan_destroy(plan);
    }
    test_context_release(&test);
}

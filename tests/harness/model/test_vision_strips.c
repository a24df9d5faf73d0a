/* A still picture in strips against the whole picture, and as bytes: patches, refusals and warnings
 * are the same, of good files, of files cut short and of files with a wrong byte; and there is
 * never a whole picture. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/vision_input.h"
#include "optimizations/core/memory.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

static const char config_text[] =
    "{\"patch_size\": 16, \"temporal_patch_size\": 2, \"merge_size\": 2,"
    " \"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5],"
    " \"rescale_factor\": 0.00392156862745098,"
    " \"size\": {\"shortest_edge\": 65536, \"longest_edge\": 300000}}";

enum { WAYS = 3 }; /* in strips, as a whole, in strips as bytes */

/* One way of reading, with what it says and takes. */
struct way {
    vlt_context context;
    vlt_vision_reader *reader;
    vlt_block_source blocks;
    char warnings[2048];
    size_t largest_bytes; /* block */
};

static void note(void *user, vlt_log_level level, const char *message)
{
    struct way *way = user;
    size_t used = strlen(way->warnings);
    if (level == VLT_LOG_WARNING) {
        snprintf(way->warnings + used, sizeof way->warnings - used, "%s\n", message);
    }
}

static vlt_status take(void *user, size_t bytes, void **out, vlt_error *err)
{
    struct way *way = user;
    way->largest_bytes = bytes > way->largest_bytes ? bytes : way->largest_bytes;
    return vlt_alloc_raw(bytes, out, err);
}

static void give(void *user, void *block)
{
    (void)user;
    vlt_free(block);
}

static void open_way(struct way *way, const test_context *test, bool strict, bool whole,
                     bool pixels)
{
    vlt_processor processor = {0};
    vlt_vision_options options;
    cr_assert_eq(vlt_processor_parse(config_text, strlen(config_text), "config", false,
                                     &processor.image, NULL),
                 VLT_OK);
    cr_assert_eq(vlt_vision_options_read(NULL, NULL, "white", NULL, strict, &options, NULL),
                 VLT_OK);
    options.pixels = pixels;
    *way = (struct way){.context = test->context};
    way->blocks = (vlt_block_source){.take = take, .give = give, .user = way};
    way->context.policy = whole ? VLT_POLICY_BASELINE : VLT_POLICY_CHOICES;
    way->context.log = note;
    way->context.log_user = way;
    way->context.blocks = &way->blocks;
    cr_assert_eq(vlt_vision_reader_create(&way->context, &processor, &options, &way->reader, NULL),
                 VLT_OK);
}

static vlt_status read_one(struct way *way, const void *data, size_t bytes, const char *name,
                           vlt_vision_input *out, vlt_vision_times *times, vlt_error *err)
{
    const vlt_vision_source source = {data, bytes, name};
    way->warnings[0] = 0;
    way->largest_bytes = 0;
    return vlt_vision_read_image(way->reader, &source, out, times, err);
}

/* Bytes as the values that they stand for. */
static void widen(vlt_vision_input *input)
{
    if (input->pixels) {
        void *values;
        cr_assert_eq(
            vlt_alloc_raw((size_t)(input->rows * input->row_values) * sizeof(float), &values, NULL),
            VLT_OK);
        vlt_patchify_widen(input->table, input->row_values / input->pixel_values, input->row_values,
                           input->pixels, input->rows, values);
        vlt_block_give(input->source, input->pixels);
        input->pixels = NULL;
        input->patches = values;
    }
}

/* All ways; true where the picture is accepted. */
static bool compare(struct way way[WAYS], const void *data, size_t bytes, const char *name)
{
    vlt_vision_input input[WAYS];
    vlt_error err[WAYS] = {{0}};
    vlt_status status[WAYS];
    for (int i = 0; i < WAYS; i++) {
        status[i] = read_one(&way[i], data, bytes, name, &input[i], NULL, &err[i]);
        cr_assert_eq(status[0], status[i], "%s: %s; %d: %s", name, err[0].message, i,
                     err[i].message);
        cr_assert_str_eq(err[0].message, err[i].message);
        cr_assert_str_eq(way[0].warnings, way[i].warnings);
    }
    bool good = status[0] == VLT_OK;
    for (int i = 0; i < WAYS && good; i++) {
        size_t size = (size_t)(input[0].rows * input[0].row_values) * sizeof(float);
        cr_assert(!memcmp(input[0].grid, input[i].grid, sizeof input[0].grid), "%s", name);
        cr_assert_eq(input[0].source_h, input[i].source_h);
        cr_assert_eq(input[0].source_w, input[i].source_w);
        cr_assert_eq(way[i].largest_bytes >= size, i != 2, "bytes are an eighth");
        widen(&input[i]);
        cr_assert(!memcmp(input[0].patches, input[i].patches, size), "%s", name);
    }
    for (int i = 0; i < WAYS; i++) {
        cr_assert(good || (!input[i].patches && !input[i].pixels));
        vlt_vision_input_release(&input[i]);
    }
    return good;
}

static const char *const files[] = {
    "small-640x480-420.jpg", "rocket-640x427-444.jpg", "cmyk-adobe0-600x397.jpg",
    "arithmetic-sof9.jpg",   "chelsea-451x300.png",    "rgba.png",
    "indexed.png",           "monkey16-16bit.png",     "flower2-300x225-444-dri38.jpg",
    "hopper-gray.jpg",       "noninterleaved-420.jpg", "gray-2x2-progressive.jpg",
    "hopper-ori6.jpg",       "sample-1.webp",
};

static void check_damaged(struct way way[WAYS], const char *data, size_t bytes, const char *name)
{
    char *copy = malloc(bytes);
    int refused = 0;
    for (size_t part = 1; part < 12; part++) {
        refused += !compare(way, data, bytes * part / 12, name);
    }
    for (size_t part = 1; part < 12; part++) {
        memcpy(copy, data, bytes);
        copy[bytes * part / 12] = (char)(copy[bytes * part / 12] ^ 0x5A);
        compare(way, copy, bytes, name);
    }
    cr_assert_gt(refused, 0, "%s is accepted however short it is", name);
    free(copy);
}

static void check_all(bool strict, bool threads)
{
    test_context test;
    struct way way[WAYS];
    test_context_init(&test);
    vlt_threads *pool = test.context.threads;
    test.context.threads = threads ? pool : NULL;
    for (int i = 0; i < WAYS; i++) {
        open_way(&way[i], &test, strict, i == 1, i == 2);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char relative[128];
        size_t bytes;
        snprintf(relative, sizeof relative, "data/images/%s", files[i]);
        const char *path = test_data(relative);
        if (!path) {
            test_skip(relative);
            continue;
        }
        char *data = test_read_file(path, &bytes);
        compare(way, data, bytes, files[i]);
        check_damaged(way, data, bytes, files[i]);
        free(data);
    }
    for (int i = 0; i < WAYS; i++) {
        vlt_vision_reader_destroy(way[i].reader);
    }
    test.context.threads = pool;
    test_context_release(&test);
}

Test(vision_strips, accept_or_refuse_alike, .timeout = 300)
{
    check_all(false, true);
}

Test(vision_strips, strict_and_alone, .timeout = 300)
{
    check_all(true, false);
}

/* Of what is upright and comes row by row only the patches are taken from the blocks. */
Test(vision_strips, no_whole_picture, .timeout = 120)
{
    static const char *const big[] = {"food-3024x4032-420.jpg", "screenshot-2560x1440-420.jpg",
                                      "astronaut-512x512.png"};
    test_context test;
    struct way way;
    test_context_init(&test);
    open_way(&way, &test, false, false, false);
    for (size_t i = 0; i < sizeof big / sizeof *big; i++) {
        char relative[128];
        size_t bytes;
        vlt_vision_input input;
        vlt_vision_times times = {0};
        snprintf(relative, sizeof relative, "data/images/%s", big[i]);
        const char *path = test_data(relative);
        if (!path) {
            test_skip(relative);
            continue;
        }
        char *data = test_read_file(path, &bytes);
        cr_assert_eq(read_one(&way, data, bytes, big[i], &input, &times, NULL), VLT_OK);
        cr_assert_eq(way.largest_bytes, (size_t)(input.rows * input.row_values) * sizeof(float));
        cr_assert_lt(way.largest_bytes, 8000000);
        cr_assert_gt(times.decode_ms, 0);
        vlt_vision_input_release(&input);
        free(data);
    }
    vlt_vision_reader_destroy(way.reader);
    test_context_release(&test);
}

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/processor.h"
#include "tests/support/table.h"

#define HALF  "\"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5], "
#define SIDES "\"patch_size\": 16, \"temporal_patch_size\": 2, \"merge_size\": 2, "
#define SCALE "\"rescale_factor\": 0.00392156862745098, "
#define SIZE  "\"size\": {\"shortest_edge\": 65536, \"longest_edge\": 16777216}"

static vlt_status parse(const char *text, bool video, vlt_processor_config *config, vlt_error *err)
{
    return vlt_processor_parse(text, strlen(text), "p.json", video, config, err);
}

static vlt_processor_config published(void)
{
    vlt_processor_config config;
    vlt_error err = {0};
    cr_assert_eq(parse("{" HALF SIDES SCALE SIZE ", \"unknown\": [1]}", false, &config, &err),
                 VLT_OK, "%s", err.message);
    return config;
}

/* harness/model/README.md#image-sizes */
Test(processor, sizes_of_images)
{
    static const int64_t cases[][4] = {
        {1024, 1024, 1024, 1024}, {1365, 2048, 1376, 2048}, {1080, 1920, 1088, 1920},
        {720, 1280, 704, 1280},   {480, 640, 480, 640},     {2000, 3000, 1984, 3008},
        {80, 1000, 96, 928},      {224, 224, 256, 256},     {16, 16, 256, 256},
        {300, 100, 448, 160},     {500, 30, 1056, 64},      {1, 200, 32, 3648},
        {33, 6500, 32, 6496},     {4000, 6000, 3328, 4992}, {8000, 8000, 4096, 4096},
        {4112, 4112, 4096, 4096}};
    vlt_processor_config config = published();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t h, w;
        cr_assert_eq(vlt_processor_image_size(&config, cases[i][0], cases[i][1], &h, &w, NULL),
                     VLT_OK);
        cr_assert(h == cases[i][2] && w == cases[i][3], "%lldx%lld: %lldx%lld",
                  (long long)cases[i][0], (long long)cases[i][1], (long long)h, (long long)w);
    }
    int64_t h, w;
    vlt_error err = {0};
    cr_assert_eq(vlt_processor_image_size(&config, 1, 201, &h, &w, &err), VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "201x1") && strstr(err.message, "200"), "%s", err.message);
}

Test(processor, sizes_of_videos)
{
    vlt_processor_config config;
    vlt_error err = {0};
    int64_t h, w;
    cr_assert_eq(parse("{" HALF SIDES SCALE
                       "\"size\": {\"shortest_edge\": 4096, \"longest_edge\": 25165824}}",
                       true, &config, &err),
                 VLT_OK);
    cr_assert_eq(vlt_processor_video_size(&config, VLT_DIALECT_5, 5, 1080, 1920, &h, &w, NULL),
                 VLT_OK);
    cr_assert(h == 1088 && w == 1920); /* 5 frames count as 4: within the budget */
    cr_assert_eq(vlt_processor_video_size(&config, VLT_DIALECT_5, 16, 1080, 1920, &h, &w, NULL),
                 VLT_OK);
    cr_assert(h == 928 && w == 1664, "%lldx%lld", (long long)h, (long long)w);
    cr_assert_eq(vlt_processor_video_size(&config, VLT_DIALECT_5, 2, 20, 50, &h, &w, NULL), VLT_OK);
    cr_assert(h == 32 && w == 64, /* 80 is halfway, to even */
              "%lldx%lld", (long long)h, (long long)w);
    cr_assert_eq(vlt_processor_video_size(&config, VLT_DIALECT_4_57, 2, 20, 50, &h, &w, &err),
                 VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "50x20") && strstr(err.message, "32"), "%s", err.message);
    cr_assert_eq(vlt_processor_video_size(&config, VLT_DIALECT_5, 1, 64, 64, &h, &w, &err),
                 VLT_STATUS_INPUT);
}

Test(processor, messages_name_file_key_and_values)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"[]", "no JSON object"},
        {"{" HALF SIDES SCALE "\"a\": 1}", "key 'size' is missing"},
        {"{" HALF SCALE SIZE "}", "patch_size"},
        {"{" SIDES SCALE SIZE "}", "image_mean"},
        {"{" HALF SIDES SIZE "}", "rescale_factor"},
        {"{" HALF SIDES SCALE "\"size\": {\"shortest_edge\": 9, \"longest_edge\": 4}}", "9 pixels"},
        {"{" HALF SIDES SCALE "\"size\": {\"shortest_edge\": 9}}", "longest_edge"},
        {"{" HALF SIDES SCALE SIZE ", \"resample\": 2}", "resample is 2"},
        {"{\"image_mean\": [1, 2], \"image_std\": [1, 1, 1], " SIDES SCALE SIZE "}", "2 values"},
        {"{\"image_mean\": [1, 2, 3], \"image_std\": [1, 0, 1], " SIDES SCALE SIZE "}",
         "image_std[1] is 0"},
        {"{" HALF SIDES SCALE SIZE ", \"do_resize\": 1}", "do_resize"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlt_processor_config config;
        vlt_error err = {0};
        cr_assert_neq(parse(cases[i].text, false, &config, &err), VLT_OK, "%s", cases[i].text);
        cr_assert(strstr(err.message, "p.json") && strstr(err.message, cases[i].expected), "%s",
                  err.message);
    }
}

Test(processor, old_names_of_the_limits_override)
{
    vlt_processor_config config;
    vlt_error err = {0};
    cr_assert_eq(parse("{" HALF SIDES SCALE SIZE ", \"min_pixels\": 3136, \"max_pixels\": 8192}",
                       false, &config, &err),
                 VLT_OK, "%s", err.message);
    cr_assert(config.pixels_min == 3136 && config.pixels_max == 8192);
    cr_assert_eq(vlt_processor_limit(&config, 0, 3000, &err), VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "3136") && strstr(err.message, "3000"), "%s", err.message);
}

struct tables {
    vlt_patchify_constants torch, pillow;
    int rows;
};

static void check_value(void *user, char **column, int count)
{
    struct tables *tables = user;
    long value = strtol(column[0], NULL, 10);
    cr_assert(count >= 5 && value >= 0 && value < 256);
    for (int c = 0; c < 3; c++) {
        float torch = tables->torch.table[c][value], pillow = tables->pillow.table[c][value];
        cr_assert_eq(vlt_bits_from_f32(torch), strtoul(column[1], NULL, 16), "%ld", value);
        cr_assert_eq(vlt_bits_from_f32(pillow), strtoul(column[2], NULL, 16), "%ld", value);
        cr_assert_eq(vlt_bf16_from_f32(torch), strtoul(column[3], NULL, 16), "%ld", value);
        cr_assert_eq(vlt_bf16_from_f32(pillow), strtoul(column[4], NULL, 16), "%ld", value);
    }
    tables->rows++;
}

Test(processor, tables_equal_the_references)
{
    static struct tables tables;
    vlt_processor_config config = published();
    vlt_processor_table(&config, VLT_ARITHMETIC_TORCH, &tables.torch);
    vlt_processor_table(&config, VLT_ARITHMETIC_PILLOW, &tables.pillow);
    if (test_each_row("golden/pixels/lut.tsv", check_value, &tables)) {
        cr_assert_eq(tables.rows, 256);
    }
}

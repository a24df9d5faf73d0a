/* golden/pixels/pixels.tsv: file -> patch rows, in both arithmetics, all settings. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/vision_input.h"
#include "optimizations/core/sha256.h"
#include "tests/support/data.h"
#include "tests/support/table.h"
#include "tests/support/variants.h"

static const char config_text[] =
    "{\"patch_size\": 16, \"temporal_patch_size\": 2, \"merge_size\": 2,"
    " \"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5],"
    " \"rescale_factor\": 0.00392156862745098,"
    " \"size\": {\"shortest_edge\": 65536, \"longest_edge\": 16777216}}";

enum { FILE_NAME, SETTING, BACKEND, GIVEN, GRID, SHAPE, DIGEST };

struct run {
    test_context test;
    vlt_processor processor;
    const char *setting, *backend, *given;
    vlt_vision_reader *reader;
    int equal, refused;
};

static void check_row(void *user, char **column, int count)
{
    struct run *run = user;
    char relative[256], hex[VLT_SHA256_HEX], grid[64], shape[64];
    vlt_error err = {0};
    vlt_vision_input input;
    cr_assert_gt(count, DIGEST);
    if (strcmp(column[SETTING], run->setting) || strcmp(column[BACKEND], run->backend) ||
        strcmp(column[GIVEN], run->given)) {
        return;
    }
    if (!strcmp(run->backend, "torchvision") && !strcmp(run->given, "path") &&
        strstr(column[FILE_NAME], "16bit")) {
        return; /* the reference's values are not rescaled there */
    }
    snprintf(relative, sizeof relative, "data/images/%s", column[FILE_NAME]);
    const char *path = test_data(relative);
    cr_assert_not_null(path, "%s", relative);
    vlt_status status = vlt_vision_read_file(run->reader, path, &input, NULL, &err);
    if (!strcmp(column[DIGEST], "-")) {
        cr_assert_eq(status, VLT_STATUS_INPUT, "%s", column[FILE_NAME]);
        cr_assert(strstr(err.message, column[FILE_NAME]), "%s", err.message);
        run->refused++;
        return;
    }
    cr_assert_eq(status, VLT_OK, "%s", err.message);
    snprintf(grid, sizeof grid, "%lld,%lld,%lld", (long long)input.grid[0],
             (long long)input.grid[1], (long long)input.grid[2]);
    snprintf(shape, sizeof shape, "%lldx%lld", (long long)input.rows, (long long)input.row_values);
    cr_assert_str_eq(grid, column[GRID], "%s", column[FILE_NAME]);
    cr_assert_str_eq(shape, column[SHAPE], "%s", column[FILE_NAME]);
    cr_assert_eq(vlt_sha256_hex(input.patches,
                                (size_t)(input.rows * input.row_values) * sizeof(float), hex, NULL),
                 VLT_OK);
    cr_assert_str_eq(hex, column[DIGEST], "%s %s %s", column[FILE_NAME], run->setting,
                     run->backend);
    run->equal++;
    vlt_vision_input_release(&input);
}

static void open_reader(struct run *run, int64_t pixels_min, int64_t pixels_max, bool path)
{
    bool torch = !strcmp(run->backend, "torchvision");
    vlt_vision_options options;
    test_context_init(&run->test);
    cr_assert_eq(vlt_processor_parse(config_text, strlen(config_text), "config", false,
                                     &run->processor.image, NULL),
                 VLT_OK);
    cr_assert_eq(vlt_processor_limit(&run->processor.image, pixels_min, pixels_max, NULL), VLT_OK);
    cr_assert_eq(vlt_vision_options_read(torch ? "torch" : "pillow", path ? "auto" : "off",
                                         path ? "auto" : "white", NULL, false, &options, NULL),
                 VLT_OK);
    cr_assert_eq(
        vlt_vision_reader_create(&run->test.context, &run->processor, &options, &run->reader, NULL),
        VLT_OK);
}

static void close_reader(struct run *run)
{
    vlt_vision_reader_destroy(run->reader);
    test_context_release(&run->test);
}

static void check(const char *setting, int64_t pixels_min, int64_t pixels_max, const char *backend,
                  const char *given)
{
    struct run run = {.setting = setting, .backend = backend, .given = given};
    open_reader(&run, pixels_min, pixels_max, !strcmp(given, "path"));
    if (test_each_row("golden/pixels/pixels.tsv", check_row, &run)) {
        cr_assert_geq(run.equal, 56);
        cr_assert_eq(run.refused, 1);
    }
    close_reader(&run);
}

Test(vision_golden, torch_path, .timeout = 400)
{
    check("default", 0, 0, "torchvision", "path");
}

Test(vision_golden, pillow_path, .timeout = 400)
{
    check("default", 0, 0, "pil", "path");
}

Test(vision_golden, torch_reduced, .timeout = 400)
{
    check("max262144", 0, 262144, "torchvision", "pil");
}

Test(vision_golden, pillow_reduced, .timeout = 400)
{
    check("max262144", 0, 262144, "pil", "pil");
}

Test(vision_golden, torch_small, .timeout = 400)
{
    check("min4096max65536", 4096, 65536, "torchvision", "pil");
}

Test(vision_golden, pillow_small, .timeout = 400)
{
    check("min4096max65536", 4096, 65536, "pil", "pil");
}

enum { CASE_FILE, CASE_BACKEND, CASE_GRID, CASE_DIGEST };

static void check_case(void *user, char **column, int count)
{
    struct run *run = user;
    char relative[256], hex[VLT_SHA256_HEX], grid[64];
    vlt_error err = {0};
    vlt_vision_input input;
    cr_assert_gt(count, CASE_DIGEST);
    if (strcmp(column[CASE_BACKEND], run->backend) != 0) {
        return;
    }
    snprintf(relative, sizeof relative, "data/cases/%s", column[CASE_FILE]);
    cr_assert_eq(vlt_vision_read_file(run->reader, test_data(relative), &input, NULL, &err), VLT_OK,
                 "%s", err.message);
    snprintf(grid, sizeof grid, "%lldx%lldx%lld", (long long)input.grid[0],
             (long long)input.grid[1], (long long)input.grid[2]);
    cr_assert_str_eq(grid, column[CASE_GRID], "%s %s", column[CASE_FILE], run->backend);
    cr_assert_eq(vlt_sha256_hex(input.patches,
                                (size_t)(input.rows * input.row_values) * sizeof(float), hex, NULL),
                 VLT_OK);
    cr_assert_str_eq(hex, column[CASE_DIGEST], "%s %s", column[CASE_FILE], run->backend);
    run->equal++;
    vlt_vision_input_release(&input);
}

/* Odd files found by trying public trouble on the program. */
Test(vision_golden, cases)
{
    static const char *const backends[] = {"torchvision", "pil"};
    for (int i = 0; i < 2; i++) {
        struct run run = {.backend = backends[i]};
        open_reader(&run, 0, 0, true);
        if (test_each_row("data/cases/pixels.tsv", check_case, &run)) {
            cr_assert_geq(run.equal, 2);
        }
        close_reader(&run);
    }
}

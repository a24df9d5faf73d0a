/* The four columns of golden/pixels/decode.tsv. (Here and not beside the decoder because SHA-256 is
 * the harness's.) */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/sha256.h"
#include "optimizations/image/image.h"
#include "tests/support/data.h"
#include "tests/support/table.h"
#include "tests/support/variants.h"

enum { FILE_NAME, STATUS, DROP = 6, WHITE, UPRIGHT, UPRIGHT_SIZE, TORCH, TORCH_SIZE };

struct run {
    test_context test;
    int column, size_column;
    vlt_image_options options;
    int equal, refused;
};

static void check_row(void *user, char **column, int count)
{
    struct run *run = user;
    char relative[256], hex[VLT_SHA256_HEX], size[64];
    vlt_error err = {0};
    vlt_image image;
    size_t bytes;
    cr_assert_geq(count, TORCH_SIZE + 1);
    if (run->column == TORCH && strstr(column[FILE_NAME], "16bit")) {
        return; /* torchvision leaves u16 values, which nothing can show; ours is the high byte */
    }
    snprintf(relative, sizeof relative, "data/images/%s", column[FILE_NAME]);
    const char *path = test_data(relative);
    cr_assert_not_null(path, "%s", relative);
    char *data = test_read_file(path, &bytes);
    vlt_status status = vlt_image_decode(&run->test.context, data, bytes, column[FILE_NAME],
                                         &run->options, &image, &err);
    free(data);
    if (strcmp(column[STATUS], "ok")) {
        cr_assert_neq(status, VLT_OK, "%s is accepted", column[FILE_NAME]);
        cr_assert(strstr(err.message, column[FILE_NAME]), "%s", err.message);
        cr_assert_null(image.rgb);
        run->refused++;
        return;
    }
    cr_assert_eq(status, VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_sha256_hex(image.rgb, (size_t)(image.h * image.w * 3), hex, NULL), VLT_OK);
    cr_assert_str_eq(hex, column[run->column], "%s", column[FILE_NAME]);
    if (run->size_column) {
        snprintf(size, sizeof size, "%lldx%lld", (long long)image.w, (long long)image.h);
        cr_assert_str_eq(size, column[run->size_column], "%s", column[FILE_NAME]);
    }
    run->equal++;
    vlt_image_release(&image);
}

static void check_column(int column, int size_column, const vlt_image_options *options)
{
    struct run run = {.column = column, .size_column = size_column, .options = *options};
    test_context_init(&run.test);
    if (test_each_row("golden/pixels/decode.tsv", check_row, &run)) {
        cr_assert_geq(run.equal, 57);
        cr_assert_geq(run.refused, 10);
    }
    test_context_release(&run.test);
}

Test(image_golden, torch, .timeout = 300)
{
    check_column(TORCH, TORCH_SIZE, &(vlt_image_options){.manner = VLT_IMAGE_AS_TORCH});
}

Test(image_golden, pillow, .timeout = 300)
{
    check_column(UPRIGHT, UPRIGHT_SIZE, &(vlt_image_options){.manner = VLT_IMAGE_AS_PILLOW});
}

Test(image_golden, on_white_not_rotated, .timeout = 300)
{
    check_column(WHITE, 0,
                 &(vlt_image_options){.exif = VLT_IMAGE_EXIF_OFF, .alpha = VLT_IMAGE_ALPHA_WHITE});
}

Test(image_golden, alpha_dropped_not_rotated, .timeout = 300)
{
    check_column(DROP, 0,
                 &(vlt_image_options){.exif = VLT_IMAGE_EXIF_OFF, .alpha = VLT_IMAGE_ALPHA_DROP});
}

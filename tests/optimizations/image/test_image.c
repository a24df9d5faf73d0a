#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/image/image.h"
#include "optimizations/jpeg_decode/jpeg_encode.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

/* A JPEG of 3 x 2 pixels' blocks with an EXIF segment that holds this orientation alone. */
static uint8_t *with_orientation(int orientation, bool big_endian, size_t *bytes)
{
    enum { W = 48, H = 32, EXIF = 36 };
    static uint8_t rgb[H][W][3];
    uint8_t *jpeg, *joined;
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++) {
            memset(rgb[y][x], 40 * (y / 16 * 3 + x / 16), 3);
        }
    }
    cr_assert_eq(vlt_jpeg_encode(rgb[0][0], W, H, NULL, &jpeg, bytes, NULL), VLT_OK);
    uint8_t little[EXIF] = {0xFF,
                            0xE1,
                            0,
                            34,
                            'E',
                            'x',
                            'i',
                            'f',
                            0,
                            0,
                            'I',
                            'I',
                            42,
                            0,
                            8,
                            0,
                            0,
                            0,
                            1,
                            0,
                            0x12,
                            1,
                            3,
                            0,
                            1,
                            0,
                            0,
                            0,
                            (uint8_t)orientation,
                            0,
                            0,
                            0};
    uint8_t big[EXIF] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,
                         'M',  'M',  0, 42, 0,   0,   0,   8,   0, 1,
                         1,    0x12, 0, 3,  0,   0,   0,   1,   0, (uint8_t)orientation};
    joined = malloc(*bytes + EXIF);
    memcpy(joined, jpeg, 2);
    memcpy(joined + 2, big_endian ? big : little, EXIF);
    memcpy(joined + 2 + EXIF, jpeg + 2, *bytes - 2);
    *bytes += EXIF;
    vlt_free(jpeg);
    return joined;
}

/* The six blocks of the stored picture, read row by row in the upright one. */
Test(image, orientations)
{
    static const char *const expected[] = {"",       "012345", "210543", "543210", "345012",
                                           "031425", "304152", "524130", "251403"};
    test_context test;
    test_context_init(&test);
    for (int orientation = 1; orientation <= 8; orientation++) {
        for (int variant = 0; variant < 4; variant++) {
            size_t bytes;
            uint8_t *jpeg = with_orientation(orientation, variant & 1, &bytes);
            vlt_image_options options = {.manner = variant & 2 ? VLT_IMAGE_AS_PILLOW
                                                               : VLT_IMAGE_AS_TORCH};
            vlt_image image;
            char blocks[7] = "";
            cr_assert_eq(vlt_image_decode(&test.context, jpeg, bytes, NULL, &options, &image, NULL),
                         VLT_OK);
            cr_assert_eq(image.orientation, orientation);
            cr_assert_eq(image.w, orientation >= 5 ? 32 : 48);
            for (int i = 0; i < 6; i++) {
                int64_t across = image.w / 16, y = i / across * 16 + 8, x = i % across * 16 + 8;
                blocks[i] = (char)('0' + (image.rgb[(y * image.w + x) * 3] + 20) / 40);
            }
            cr_assert_str_eq(blocks, expected[orientation], "orientation %d", orientation);
            vlt_image_release(&image);
            options.exif = VLT_IMAGE_EXIF_OFF;
            cr_assert_eq(vlt_image_decode(&test.context, jpeg, bytes, NULL, &options, &image, NULL),
                         VLT_OK);
            cr_assert(image.w == 48 && image.orientation == 1);
            vlt_image_release(&image);
            free(jpeg);
        }
    }
    test_context_release(&test);
}

static void expect_refusal(test_context *test, const void *data, size_t bytes, const char *part)
{
    vlt_image image;
    vlt_error err = {0};
    cr_assert_neq(vlt_image_decode(&test->context, data, bytes, "a.bin", NULL, &image, &err),
                  VLT_OK);
    cr_assert(strstr(err.message, "a.bin: ") == err.message && strstr(err.message, part), "%s",
              err.message);
    cr_assert_null(image.rgb);
}

Test(image, refuses_what_it_does_not_know)
{
    static const uint8_t huge_png[] = {
        0x89, 'P',  'N',  'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13, 'I',  'H',  'D',  'R', 0,
        0x0F, 0xFF, 0xFF, 0,   0x0F, 0xFF, 0xFF, 8,    2, 0, 0, 0,  0x7C, 0x9E, 0x5F, 0x3C};
    test_context test;
    test_context_init(&test);
    expect_refusal(&test, "", 0, "empty");
    expect_refusal(&test, "BM1234", 6, "42 4d 31");
    expect_refusal(&test, "GIF89a", 6, "expected JPEG, PNG or WebP");
    expect_refusal(&test, "\xFF\xD8\xFF", 3, "inside its header, after 3 bytes");
    expect_refusal(&test, "RIFF\x04\0\0\0WEBP", 12, "WebP");
    expect_refusal(&test, huge_png, sizeof huge_png, "PNG");
    test_context_release(&test);
}

/* Seeded damage to real files of every format: never a crash, and a refusal says something. */
Test(image, survives_mutations, .timeout = 300)
{
    static const char *const files[] = {
        "hopper.webp",          "palette-color.png",   "rgba.png",
        "hopper-ori6.jpg",      "arithmetic-sof9.jpg", "odd-sampling-prog.jpg",
        "fuzz-8x8192-ratio.jpg"};
    test_context test;
    test_context_init(&test);
    vlt_random random = {3};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        char relative[128];
        snprintf(relative, sizeof relative, "data/images/%s", files[f]);
        const char *path = test_data(relative);
        if (!path) {
            test_skip(relative);
            continue;
        }
        size_t bytes;
        char *data = test_read_file(path, &bytes);
        for (int i = 0; i < 120; i++) {
            /* of the exact size, so that ASan sees a read behind it */
            size_t size = i % 3 ? bytes : (size_t)vlt_random_range(&random, 1, (int64_t)bytes);
            uint8_t *mutated = malloc(size);
            memcpy(mutated, data, size);
            for (int e = 0; e < 1 + i % 5; e++) {
                mutated[vlt_random_range(&random, 0, (int64_t)size - 1)] = (uint8_t)vlt_random_next(
                    &random);
            }
            vlt_image_options options = {.manner = i & 1 ? VLT_IMAGE_AS_PILLOW : VLT_IMAGE_AS_TORCH,
                                         .exif = VLT_IMAGE_EXIF_ON,
                                         .alpha = i & 2 ? VLT_IMAGE_ALPHA_WHITE
                                                        : VLT_IMAGE_ALPHA_AUTO,
                                         .strict = i & 4};
            vlt_image image;
            vlt_error err = {0};
            if (vlt_image_decode(&test.context, mutated, size, NULL, &options, &image, &err) ==
                VLT_OK) {
                cr_assert(image.rgb && image.h > 0 && image.w > 0);
            } else {
                cr_assert(err.message[0] && !image.rgb);
            }
            vlt_image_release(&image);
            free(mutated);
        }
        free(data);
    }
    test_context_release(&test);
}

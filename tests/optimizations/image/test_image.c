#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <webp/encode.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/image/image.h"
#include "optimizations/jpeg_decode/jpeg_encode.h"
#include "tests/support/data.h"
#include "tests/support/image_files.h"
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
    expect_refusal(&test, "\1\2\3", 3,
                   "begins with '\\x01\\x02\\x03' (3 bytes in all), expected JPEG");
    expect_refusal(&test, "\xFF\xD8\xFF", 3, "inside its header, after 3 bytes");
    expect_refusal(&test, "RIFF\x04\0\0\0WEBP", 12, "WebP");
    expect_refusal(&test, huge_png, sizeof huge_png, "PNG");
    test_context_release(&test);
}

/* What people have instead of a JPEG, PNG or WebP is called by its name. */
Test(image, names_other_formats)
{
#define NAMED(bytes, name)             \
    {                                  \
        bytes, sizeof(bytes) - 1, name \
    }
    static const struct {
        const char *data;
        size_t bytes;
        const char *name;
    } files[] = {
        NAMED("GIF89a\1\0\1\0", "a GIF image (10 bytes), expected JPEG, PNG or WebP"),
        NAMED("GIF87a", "a GIF image"),
        NAMED("\0\0\0\x20"
              "ftypavif\0\0\0\0avifmif1miafMA1B",
              "an AVIF image"),
        NAMED("\0\0\0\x20"
              "ftypmif1\0\0\0\0mif1avifmiaf",
              "an AVIF image"),
        NAMED("\0\0\0\x18"
              "ftypheic\0\0\0\0mif1heic",
              "a HEIC image"),
        NAMED("\0\0\0\x18"
              "ftypmif1\0\0\0\0mif1heic",
              "a HEIC image"),
        NAMED("\0\0\0\x14"
              "ftypmif1\0\0\0\0mif1",
              "a HEIF image"),
        NAMED("\0\0\0\x18"
              "ftypisom\0\0\2\0mp41avc1",
              "an MP4 video"),
        NAMED("\0\0\0\x14"
              "ftypqt  \0\0\0\0qt  ",
              "a QuickTime video"),
        NAMED("II*\0\10\0\0\0", "a TIFF image"),
        NAMED("MM\0*\0\0\0\10", "a TIFF image"),
        NAMED("II*\0\20\0\0\0CR\2\0", "a camera's raw image"),
        NAMED("BM\x36\0\0\0\0\0\0\0\x36\0\0\0", "a BMP image"),
        NAMED("\0\0\0\fJXL \r\n\x87\n", "a JPEG XL image"),
        NAMED("\xFF\x0A\xFA\x7F", "a JPEG XL image"),
        NAMED("\0\0\0\fjP  \r\n\x87\n", "a JPEG 2000 image"),
        NAMED("\xFF\x4F\xFF\x51\0\x2F", "a JPEG 2000 image"),
        NAMED("8BPS\0\1", "a Photoshop image"),
        NAMED("\0\0\1\0\1\0\x10\x10", "an icon (ICO)"),
        NAMED("%PDF-1.7\n", "a PDF document"),
        NAMED("<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "an SVG drawing"),
        NAMED("<?xml version=\"1.0\"?>\n<!-- x --><svg/>", "an SVG drawing"),
        NAMED("<!-- made by x -->\n<svg/>", "an SVG drawing"),
        NAMED("<?xml version=\"1.0\"?><Error/>", "an XML document"),
        NAMED("<!DOCTYPE html><html>", "an HTML page"),
        NAMED("\xEF\xBB\xBF\r\n <HTML><body><svg></svg>", "an HTML page"),
        NAMED("{\"error\": \"not found\"}", "JSON text"),
        NAMED("version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        NAMED("data:image/png;base64,iVBORw0KGgo", "a data URI"),
        NAMED("/9j/4AAQSkZJRg==", "a JPEG image in Base64"),
        NAMED("P6\n2 2\n255\n", "a PNM image"),
        NAMED("RIFF\x24\0\0\0AVI LIST", "an AVI video"),
        NAMED("\x1A\x45\xDF\xA3", "a Matroska or WebM video"),
        NAMED("PK\3\4", "a ZIP archive"),
        NAMED("\x1F\x8B\10", "a gzip archive"),
        NAMED("404 page not found", "begins with '404 page not fou' (18 bytes in all)"),
        NAMED("BMW and others\xFF", "begins with 'BMW and others\\xFF' (15 bytes"),
        NAMED("RIFF", "begins with 'RIFF' (4 bytes"),
    };
    test_context test;
    test_context_init(&test);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        uint8_t *exact = malloc(files[i].bytes);
        memcpy(exact, files[i].data, files[i].bytes);
        expect_refusal(&test, exact, files[i].bytes, files[i].name);
        free(exact);
    }
    test_context_release(&test);
}

static size_t make_noise(uint8_t **webp)
{
    static uint8_t noise[64 * 64 * 3];
    vlt_random random = {5};
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)vlt_random_next(&random);
    }
    return WebPEncodeLosslessRGB(noise, 64, 64, 64 * 3, webp);
}

/* A lossy frame of 13 MP in a few hundred bytes is refused for what it cannot hold; a lossless one
 * may be as small as it likes. */
Test(image, webp_claims)
{
    enum { SIDE = 3600, SIZE_AT = 26 };
    static uint8_t rgb[64][64][3];
    test_context test;
    uint8_t *webp;
    vlt_image image;
    vlt_error err = {0};
    test_context_init(&test);
    size_t bytes = WebPEncodeRGB(rgb[0][0], 64, 64, 64 * 3, 80, &webp);
    cr_assert_eq(memcmp(webp + 12, "VP8 ", 4), 0);
    cr_assert_eq(vlt_image_decode(&test.context, webp, bytes, NULL, NULL, &image, &err), VLT_OK);
    vlt_image_release(&image);
    const uint8_t size[4] = {SIDE & 0xFF, SIDE >> 8, SIDE & 0xFF, SIDE >> 8};
    memcpy(webp + SIZE_AT, size, sizeof size);
    expect_refusal(&test, webp, bytes, "WebP: 3600x3600 pixels are 50625 blocks");
    WebPFree(webp);
    uint8_t *blank = calloc(SIDE, SIDE * 3);
    bytes = WebPEncodeLosslessRGB(blank, SIDE, SIDE, SIDE * 3, &webp);
    cr_assert_lt(bytes, 4096);
    cr_assert_eq(vlt_image_decode(&test.context, webp, bytes, NULL, NULL, &image, &err), VLT_OK,
                 "%s", err.message);
    cr_assert(image.w == SIDE && image.h == SIDE);
    vlt_image_release(&image);
    WebPFree(webp);
    free(blank);
    bytes = make_noise(&webp);
    const uint8_t large[4] = {0xFF, 0xFF, 0xA4, 0x0A}; /* 16384 x 10900, cut after its first rows */
    memcpy(webp + 21, large, sizeof large);
    long before = test_peak_kib();
    expect_refusal(&test, webp, bytes, "WebP: broken or cut data");
    cr_assert(test_grew_below(before, 64));
    WebPFree(webp);
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

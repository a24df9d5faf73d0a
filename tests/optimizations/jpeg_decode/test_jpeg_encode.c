#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/jpeg_decode/jpeg_encode.h"

enum { WIDTH = 37, HEIGHT = 21 };

/* Payload of the first segment with this marker, or NULL. */
static const uint8_t *segment(const uint8_t *jpeg, size_t bytes, uint8_t marker)
{
    for (size_t at = 2; at + 4 <= bytes && jpeg[at] == 0xFF && jpeg[at + 1] != 0xDA;
         at += 2 + (size_t)(jpeg[at + 2] << 8 | jpeg[at + 3])) {
        if (jpeg[at + 1] == marker) {
            return jpeg + at + 4;
        }
    }
    return NULL;
}

static void noise(uint8_t *rgb)
{
    vlt_random random = {1};
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++) {
        rgb[i] = (uint8_t)vlt_random_next(&random);
    }
}

Test(jpeg_encode, writes_what_the_options_say)
{
    enum { BASELINE_FRAME = 0xC0, PROGRESSIVE_FRAME = 0xC2, RESTART = 0xDD };
    static const struct {
        vlt_jpeg_encode_options options;
        int components, sampling;
    } cases[] = {
        {{.quality = 93, .subsampling = VLT_JPEG_444}, 3, 0x11},
        {{.quality = 75, .subsampling = VLT_JPEG_422}, 3, 0x21},
        {{.subsampling = VLT_JPEG_420, .restart_rows = 1}, 3, 0x22},
        {{.subsampling = VLT_JPEG_GRAY, .progressive = true}, 1, 0x11},
    };
    uint8_t rgb[WIDTH * HEIGHT * 3];
    noise(rgb);
    for (int i = 0; i < 4; i++) {
        uint8_t *jpeg = NULL;
        size_t bytes;
        cr_assert_eq(vlt_jpeg_encode(rgb, WIDTH, HEIGHT, &cases[i].options, &jpeg, &bytes, NULL),
                     VLT_OK);
        bool progressive = cases[i].options.progressive;
        const uint8_t *frame = segment(jpeg, bytes,
                                       progressive ? PROGRESSIVE_FRAME : BASELINE_FRAME);
        cr_assert_not_null(frame);
        cr_assert(frame[1] == 0 && frame[2] == HEIGHT && frame[3] == 0 && frame[4] == WIDTH);
        cr_assert_eq(frame[5], cases[i].components);
        cr_assert_eq(frame[7], cases[i].sampling);
        cr_assert_eq(segment(jpeg, bytes, RESTART) != NULL, cases[i].options.restart_rows > 0);
        cr_assert(jpeg[bytes - 2] == 0xFF && jpeg[bytes - 1] == 0xD9);
        vlt_free(jpeg);
    }
}

Test(jpeg_encode, refuses_what_does_not_fit)
{
    uint8_t pixel[3] = {0}, *jpeg;
    size_t bytes;
    vlt_error err = {0};
    cr_assert_eq(vlt_jpeg_encode(pixel, 0, 1, NULL, &jpeg, &bytes, &err), VLT_STATUS_USAGE);
    cr_assert_eq(vlt_jpeg_encode(pixel, 1, 65501, NULL, &jpeg, &bytes, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "1x65501"), "%s", err.message);
    vlt_jpeg_encode_options options = {.quality = 101};
    cr_assert_eq(vlt_jpeg_encode(pixel, 1, 1, &options, &jpeg, &bytes, &err), VLT_STATUS_USAGE);
    options = (vlt_jpeg_encode_options){.restart_rows = -1};
    cr_assert_eq(vlt_jpeg_encode(pixel, 1, 1, &options, &jpeg, &bytes, &err), VLT_STATUS_USAGE);
    cr_assert_null(jpeg);
    cr_assert_eq(vlt_jpeg_encode(pixel, 1, 1, NULL, &jpeg, &bytes, &err), VLT_OK);
    vlt_free(jpeg);
}

/* Files of a few kilobytes that ask for minutes: refused by what their markers say, before any of
 * it is done. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libjpeg's header wants these two before it. */
#include <jpeglib.h>

#include "optimizations/core/memory.h"
#include "optimizations/jpeg_decode/jpeg_work.h"
#include "tests/support/image_files.h"
#include "tests/support/variants.h"

enum { SIDE = 64 };

/* A progressive file of 64 x 64 pixels. */
static void make_progressive(test_bytes *file, int components, bool arithmetic)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    uint8_t row[SIDE * 3], *data = NULL;
    unsigned long bytes = 0;
    JSAMPROW rows = row;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &bytes);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = components;
    jpeg.in_color_space = components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_simple_progression(&jpeg);
    jpeg.arith_code = arithmetic;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < SIDE; y++) {
        for (int i = 0; i < SIDE * components; i++) {
            row[i] = (uint8_t)(y < SIDE / 2 ? 100 : 150);
        }
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    file->bytes = 0;
    test_bytes_add(file, data, bytes);
    free(data);
}

/* Where the marker's code stands; of `last` the last one. */
static size_t find_marker(const test_bytes *file, int code, bool last)
{
    size_t found = 0;
    for (size_t i = 2; i + 1 < file->bytes; i++) {
        if (file->data[i] == 0xFF && file->data[i + 1] == code && (last || !found)) {
            found = i + 1;
        }
    }
    cr_assert_gt(found, 0, "marker %02x", code);
    return found;
}

static void claim_size(test_bytes *file, int sof, int w, int h)
{
    const uint8_t size[4] = {(uint8_t)(h >> 8), (uint8_t)h, (uint8_t)(w >> 8), (uint8_t)w};
    memcpy(file->data + find_marker(file, sof, false) + 4, size, sizeof size);
}

/* Repeats the last scan, which libjpeg decodes each time anew, `times` more times. Gives the bytes
 * of one. */
static size_t repeat_last_scan(test_bytes *file, int times)
{
    size_t from = find_marker(file, 0xDA, true) - 1, end = file->bytes - 2, length = end - from;
    uint8_t *scan = malloc(length);
    memcpy(scan, file->data + from, length);
    file->bytes = end;
    for (int i = 0; i <= times; i++) {
        if (i) {
            test_bytes_add(file, scan, length);
        }
    }
    test_bytes_add(file, "\xFF\xD9", 2);
    free(scan);
    return length;
}

static vlt_status decode(test_context *test, const test_bytes *file, vlt_error *err)
{
    vlt_image image;
    vlt_status status = vlt_image_decode(&test->context, file->data, file->bytes, "a.jpg", NULL,
                                         &image, err);
    vlt_image_release(&image);
    return status;
}

/* 450 arithmetic scans of a million blocks: minutes of work in kilobytes. */
Test(jpeg_work, scans_of_a_large_picture_are_counted)
{
    test_context test;
    test_bytes file = {0};
    test_context_init(&test);
    for (int components = 1; components <= 3; components += 2) {
        for (int arithmetic = 0; arithmetic < 2; arithmetic++) {
            vlt_error err = {0};
            make_progressive(&file, components, arithmetic);
            claim_size(&file, arithmetic ? 0xCA : 0xC2, 8000, 8000);
            repeat_last_scan(&file, 450);
            if (!arithmetic) { /* as many bytes as their blocks need */
                test_bytes filler = {calloc(1, 4000), 4000, 4000};
                test_bytes_put(&file, file.bytes - 2, filler.data, filler.bytes);
                test_bytes_release(&filler);
            }
            cr_assert_eq(decode(&test, &file, &err), VLT_STATUS_LIMIT, "%s", err.message);
            cr_assert(strstr(err.message, "a.jpg: JPEG: ") == err.message &&
                          strstr(err.message, "scans of ") &&
                          strstr(err.message, "64 scans, and 1000 blocks"),
                      "%s", err.message);
        }
    }
    test_bytes_release(&file);
    test_context_release(&test);
}

/* 64 scans and 1,000 blocks for each byte: one scan below is decoded, one above is refused; small
 * pictures may have any number that their bytes pay for. */
Test(jpeg_work, the_limit_is_exact, .timeout = 60)
{
    enum { BLOCKS = SIDE * SIDE / 64, LARGE_SIDE = 1600, LARGE = LARGE_SIDE * LARGE_SIDE / 64 };
    test_context test;
    test_bytes file = {0};
    vlt_error err = {0};
    test_context_init(&test);
    make_progressive(&file, 1, true);
    repeat_last_scan(&file, 3 * VLT_JPEG_SCANS * BLOCKS);
    cr_assert_eq(decode(&test, &file, &err), VLT_OK, "%s", err.message);

    make_progressive(&file, 1, true);
    int64_t first = (int64_t)file.bytes, scans = 0;
    for (size_t i = 0; i + 1 < file.bytes; i++) {
        scans += file.data[i] == 0xFF && file.data[i + 1] == 0xDA;
    }
    int64_t more = 0, each = (int64_t)repeat_last_scan(&file, 0);
    while ((scans + more + 1) * LARGE <=
           (int64_t)VLT_JPEG_SCANS * LARGE + VLT_JPEG_BYTE_BLOCKS * (first + (more + 1) * each)) {
        more++;
        cr_assert_lt(more, 100000);
    }
    for (int over = 0; over < 2; over++) {
        make_progressive(&file, 1, true);
        claim_size(&file, 0xCA, LARGE_SIDE, LARGE_SIDE);
        repeat_last_scan(&file, (int)more + over);
        vlt_status expected = over ? VLT_STATUS_LIMIT : VLT_OK;
        cr_assert_eq(decode(&test, &file, &err), expected, "%lld scans more: %s", (long long)more,
                     err.message);
    }
    test_bytes_release(&file);
    test_context_release(&test);
}

/* Markers count where libjpeg sees them: not behind EOI, not in the data of segments. */
Test(jpeg_work, what_is_no_scan_is_not_counted)
{
    static const uint8_t comment[] = {0xFF, 0xFE, 0x0F, 0xA2},
                         scan[] = {0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0};
    test_context test;
    test_bytes file = {0}, hidden = {0};
    vlt_error err = {0};
    test_context_init(&test);
    make_progressive(&file, 1, false);
    claim_size(&file, 0xC2, 3000, 3000);
    for (int i = 0; i < 400; i++) {
        test_bytes_add(&hidden, scan, sizeof scan);
    }
    cr_assert_eq(hidden.bytes, 4000);
    test_bytes_put(&file, 2, hidden.data, hidden.bytes);
    test_bytes_put(&file, 2, comment, sizeof comment);
    cr_assert_eq(decode(&test, &file, &err), VLT_OK, "%s", err.message);
    for (int i = 0; i < 50; i++) {
        test_bytes_add(&file, hidden.data, hidden.bytes);
    }
    cr_assert_eq(decode(&test, &file, &err), VLT_OK, "%s", err.message);
    test_bytes_release(&hidden);
    test_bytes_release(&file);
    test_context_release(&test);
}

/* Huffman-coded blocks take a bit at least: a few hundred bytes are no picture of millions. */
Test(jpeg_work, blocks_beyond_the_bytes_are_refused)
{
    static const int sofs[] = {0xC0, 0xC2};
    test_context test;
    test_bytes file = {0};
    test_context_init(&test);
    for (int progressive = 0; progressive < 2; progressive++) {
        vlt_error err = {0};
        if (progressive) {
            make_progressive(&file, 3, false);
        } else {
            test_blocks_jpeg(&file);
        }
        claim_size(&file, sofs[progressive], 13000, 13000);
        cr_assert_eq(decode(&test, &file, &err), VLT_STATUS_LIMIT, "%s", err.message);
        cr_assert(strstr(err.message, "13000x13000 pixels are ") &&
                      strstr(err.message, "bytes hold at most"),
                  "%s", err.message);
    }
    test_bytes_release(&file);
    test_context_release(&test);
}

/* A picture of 178 megapixels that ends after its first kilobytes takes what it has, not 500 MB. */
Test(jpeg_work, memory_is_taken_as_it_is_filled)
{
    test_context test;
    test_bytes file = {0};
    vlt_error err = {0};
    test_context_init(&test);
    test_blocks_jpeg(&file);
    claim_size(&file, 0xC0, 13000, 13000);
    size_t filler = 4000;
    uint8_t *zeros = calloc(1, filler);
    file.bytes -= 2;
    test_bytes_add(&file, zeros, filler);
    long before = test_peak_kib();
    cr_assert_eq(decode(&test, &file, &err), VLT_STATUS_INPUT, "%s", err.message);
    cr_assert(strstr(err.message, "of 13000"), "%s", err.message);
    cr_assert(test_grew_below(before, 16));
    free(zeros);
    test_bytes_release(&file);
    test_context_release(&test);
}

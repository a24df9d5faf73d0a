#include "tests/support/image_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <webp/encode.h>
#include <zlib.h>

#include "optimizations/core/memory.h"
#include "optimizations/jpeg_decode/jpeg_encode.h"

void test_bytes_put(test_bytes *to, size_t at, const void *data, size_t bytes)
{
    if (to->bytes + bytes > to->capacity) {
        to->capacity = 2 * (to->bytes + bytes);
        to->data = realloc(to->data, to->capacity);
        if (!to->data) {
            abort();
        }
    }
    if (bytes) {
        memmove(to->data + at + bytes, to->data + at, to->bytes - at);
        memcpy(to->data + at, data, bytes);
    }
    to->bytes += bytes;
}

void test_bytes_add(test_bytes *to, const void *data, size_t bytes)
{
    test_bytes_put(to, to->bytes, data, bytes);
}

void test_bytes_release(test_bytes *bytes)
{
    free(bytes->data);
    *bytes = (test_bytes){0};
}

static void add_u32(test_bytes *to, uint64_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    test_bytes_add(to, bytes, sizeof bytes);
}

void test_png_chunk(test_bytes *png, const char *type, const void *data, size_t bytes)
{
    add_u32(png, bytes);
    size_t from = png->bytes;
    test_bytes_add(png, type, 4);
    test_bytes_add(png, data, bytes);
    add_u32(png, crc32_z(crc32_z(0, NULL, 0), png->data + from, bytes + 4));
}

void test_png_begin(test_bytes *png, uint32_t w, uint32_t h, int depth, int colour, int interlace)
{
    test_bytes header = {0};
    uint8_t rest[5] = {(uint8_t)depth, (uint8_t)colour, 0, 0, (uint8_t)interlace};
    png->bytes = 0;
    add_u32(&header, w);
    add_u32(&header, h);
    test_bytes_add(&header, rest, sizeof rest);
    test_bytes_add(png, "\x89PNG\r\n\x1A\n", 8);
    test_png_chunk(png, "IHDR", header.data, header.bytes);
    test_bytes_release(&header);
}

void test_zlib_run(test_bytes *to, int value, size_t bytes)
{
    uint8_t in[1 << 14], out[1 << 14];
    z_stream stream = {0};
    int code = deflateInit(&stream, Z_BEST_COMPRESSION);
    memset(in, value, sizeof in);
    while (code == Z_OK) {
        if (!stream.avail_in) {
            stream.next_in = in;
            stream.avail_in = (uInt)(bytes < sizeof in ? bytes : sizeof in);
            bytes -= stream.avail_in;
        }
        stream.next_out = out;
        stream.avail_out = sizeof out;
        code = deflate(&stream, bytes ? Z_NO_FLUSH : Z_FINISH);
        test_bytes_add(to, out, sizeof out - stream.avail_out);
    }
    deflateEnd(&stream);
    if (code != Z_STREAM_END) {
        abort();
    }
}

/* Bytes of the rows of all seven passes (or of the one), each row with its filter. */
static size_t png_rows(uint32_t w, uint32_t h, int interlace)
{
    static const uint32_t x0[7] = {0, 4, 0, 2, 0, 1, 0}, y0[7] = {0, 0, 4, 0, 2, 0, 1};
    static const uint32_t dx[7] = {8, 8, 4, 4, 2, 2, 1}, dy[7] = {8, 8, 8, 4, 4, 2, 2};
    size_t bytes = 0;
    for (int pass = 0; interlace && pass < 7; pass++) {
        size_t columns = w > x0[pass] ? (w - x0[pass] + dx[pass] - 1) / dx[pass] : 0;
        size_t rows = h > y0[pass] ? (h - y0[pass] + dy[pass] - 1) / dy[pass] : 0;
        bytes += columns ? (3 * columns + 1) * rows : 0;
    }
    return interlace ? bytes : (3 * (size_t)w + 1) * h;
}

void test_png_one_colour(const char *path, uint32_t w, uint32_t h, int interlace)
{
    test_bytes png = {0}, packed = {0};
    test_png_begin(&png, w, h, 8, 2, interlace);
    test_zlib_run(&packed, 0, png_rows(w, h, interlace));
    test_png_chunk(&png, "IDAT", packed.data, packed.bytes);
    test_png_chunk(&png, "IEND", NULL, 0);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(png.data, 1, png.bytes, file) != png.bytes || fclose(file)) {
        abort();
    }
    test_bytes_release(&png);
    test_bytes_release(&packed);
}

static void draw(uint8_t rgb[TEST_BLOCKS_H][TEST_BLOCKS_W][3])
{
    for (int y = 0; y < TEST_BLOCKS_H; y++) {
        for (int x = 0; x < TEST_BLOCKS_W; x++) {
            memset(rgb[y][x], 40 * (y / 16 * 3 + x / 16), 3);
        }
    }
}

void test_blocks_jpeg(test_bytes *file)
{
    uint8_t rgb[TEST_BLOCKS_H][TEST_BLOCKS_W][3], *jpeg;
    size_t bytes;
    draw(rgb);
    if (vlt_jpeg_encode(rgb[0][0], TEST_BLOCKS_W, TEST_BLOCKS_H, NULL, &jpeg, &bytes, NULL) !=
        VLT_OK) {
        abort();
    }
    file->bytes = 0;
    test_bytes_add(file, jpeg, bytes);
    vlt_free(jpeg);
}

void test_blocks_png_pixels(test_bytes *png)
{
    enum { ROW = 3 * TEST_BLOCKS_W };
    uint8_t rgb[TEST_BLOCKS_H][TEST_BLOCKS_W][3], rows[TEST_BLOCKS_H][1 + ROW], packed[1 << 13];
    uLongf bytes = sizeof packed;
    draw(rgb);
    for (int y = 0; y < TEST_BLOCKS_H; y++) {
        rows[y][0] = 0;
        memcpy(rows[y] + 1, rgb[y], ROW);
    }
    if (compress(packed, &bytes, rows[0], sizeof rows) != Z_OK) {
        abort();
    }
    test_png_chunk(png, "IDAT", packed, bytes);
}

void test_blocks_webp(test_bytes *file)
{
    uint8_t rgb[TEST_BLOCKS_H][TEST_BLOCKS_W][3], *webp;
    draw(rgb);
    size_t bytes = WebPEncodeLosslessRGB(rgb[0][0], TEST_BLOCKS_W, TEST_BLOCKS_H, 3 * TEST_BLOCKS_W,
                                         &webp);
    file->bytes = 0;
    test_bytes_add(file, webp, bytes);
    WebPFree(webp);
}

const char *test_blocks_of(const vlt_image *image, char text[7])
{
    int count = 0;
    for (int64_t y = 8; y < image->h; y += 16) {
        for (int64_t x = 8; x < image->w && count < 6; x += 16) {
            text[count++] = (char)('0' + (image->rgb[(y * image->w + x) * 3] + 20) / 40);
        }
    }
    text[count] = 0;
    return text;
}

long test_peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

bool test_grew_below(long before_kib, long mib)
{
    return VLT_ASAN || test_peak_kib() - before_kib < mib << 10;
}

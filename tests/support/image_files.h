/* image_files.h: image files made byte by byte, as strangers make them. */
#ifndef VLT_TESTS_IMAGE_FILES_H
#define VLT_TESTS_IMAGE_FILES_H

#include "optimizations/image/image.h"

/* Bytes that grow; start as {0}. */
typedef struct test_bytes {
    uint8_t *data;
    size_t bytes, capacity;
} test_bytes;

void test_bytes_add(test_bytes *to, const void *data, size_t bytes);
void test_bytes_put(test_bytes *to, size_t at, const void *data, size_t bytes); /* inserts */
void test_bytes_release(test_bytes *bytes);

/* Signature and IHDR; a chunk with its length and checksum; `bytes` times `value`, packed by zlib.
 * The pieces of a PNG are added one after the other. */
void test_png_begin(test_bytes *png, uint32_t w, uint32_t h, int depth, int colour, int interlace);
void test_png_chunk(test_bytes *png, const char *type, const void *data, size_t bytes);
void test_zlib_run(test_bytes *to, int value, size_t bytes);

/* A PNG of w by h black RGB pixels: small as a file, large in memory. */
void test_png_one_colour(const char *path, uint32_t w, uint32_t h, int interlace);

/* The picture of six gray blocks, three by two, of 48 x 32 pixels: as a file, and the numbers of
 * its blocks row by row in a decoded image. */
void test_blocks_jpeg(test_bytes *file);
void test_blocks_png_pixels(test_bytes *png); /* IDAT alone */
void test_blocks_webp(test_bytes *file);      /* lossless, no VP8X */
const char *test_blocks_of(const vlt_image *image, char text[7]);

/* Peak memory of the process so far, and that it has not grown by more since (ASan keeps what was
 * freed, and is let off). */
long test_peak_kib(void);
bool test_grew_below(long before_kib, long mib);

enum { TEST_BLOCKS_W = 48, TEST_BLOCKS_H = 32 };

#endif

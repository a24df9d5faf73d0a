#include "optimizations/jpeg_decode/jpeg_work.h"

#include <string.h>

enum { TEM = 0x01, RST0 = 0xD0, RST7 = 0xD7, SOI = 0xD8, EOI = 0xD9, SOS = 0xDA };

/* The next marker at or behind *at, which moves behind it; 0: none. Stuffed bytes are data, and
 * restart markers of entropy-coded data stand for nothing here. */
static int next_marker(const uint8_t *data, size_t bytes, size_t *at)
{
    const uint8_t *mark;
    while (*at < bytes && (mark = memchr(data + *at, 0xFF, bytes - *at))) {
        size_t code = (size_t)(mark - data) + 1;
        while (code < bytes && data[code] == 0xFF) {
            code++;
        }
        if (code == bytes) {
            return 0;
        }
        *at = code + 1;
        if (data[code] > TEM && (data[code] < RST0 || data[code] > RST7)) {
            return data[code];
        }
    }
    return 0;
}

/* As libjpeg reads them: segments up to EOI, whatever lies between. */
static int64_t count_scans(const uint8_t *data, size_t bytes)
{
    int64_t scans = 0;
    int marker;
    for (size_t at = 2; (marker = next_marker(data, bytes, &at)) != 0;) {
        size_t length = bytes - at >= 2 ? (size_t)(data[at] << 8 | data[at + 1]) : 0;
        if (marker == SOI || marker == EOI || length < 2 || length > bytes - at) {
            break;
        }
        scans += marker == SOS;
        at += length;
    }
    return scans;
}

void vlt_jpeg_check_work(vlt_jpeg_reader *reader, const uint8_t *data, size_t bytes)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    int64_t across = ((int64_t)jpeg->image_width + DCTSIZE - 1) / DCTSIZE;
    int64_t blocks = across * (((int64_t)jpeg->image_height + DCTSIZE - 1) / DCTSIZE);
    int64_t by_bytes = VLT_JPEG_BYTE_BLOCKS * (int64_t)bytes;
    if (!jpeg->arith_code && blocks > by_bytes) {
        vlt_jpeg_stop(reader, VLT_STATUS_LIMIT,
                      "%ux%u pixels are %lld blocks, %zu bytes hold at most %lld of them",
                      jpeg->image_width, jpeg->image_height, (long long)blocks, bytes,
                      (long long)by_bytes);
    }
    if (!jpeg_has_multiple_scans(jpeg)) {
        return; /* libjpeg refuses a second scan where the first has all components */
    }
    int64_t scans = count_scans(data, bytes), allowed = VLT_JPEG_SCANS * blocks + by_bytes;
    if (scans * blocks > allowed) {
        vlt_jpeg_stop(reader, VLT_STATUS_LIMIT,
                      "%lld scans of %lld blocks are %lld, expected at most %lld: %d scans, and %d "
                      "blocks for each of %zu bytes",
                      (long long)scans, (long long)blocks, (long long)(scans * blocks),
                      (long long)allowed, VLT_JPEG_SCANS, VLT_JPEG_BYTE_BLOCKS, bytes);
    }
}

#include "optimizations/image/image_png_chunks.h"

#include <string.h>

#include "optimizations/core/zip.h"

enum { DEFLATE_EXPANDS = 1032, IHDR_BYTES = 13, ADAM7_PASSES = 7 };

void vlt_png_walk_init(vlt_png_walk *walk, const uint8_t *data, size_t bytes)
{
    *walk = (vlt_png_walk){.data = data, .bytes = bytes, .at = VLT_PNG_SIGNATURE};
}

bool vlt_png_next(vlt_png_walk *walk, vlt_png_chunk *out)
{
    if (walk->at >= walk->bytes || walk->bytes - walk->at < VLT_PNG_CHUNK_HEAD) {
        return false;
    }
    const uint8_t *head = walk->data + walk->at;
    size_t left = walk->bytes - walk->at - VLT_PNG_CHUNK_HEAD;
    *out = (vlt_png_chunk){.type = vlt_png_u32(head + 4),
                           .data = head + VLT_PNG_CHUNK_HEAD,
                           .length = vlt_png_u32(head),
                           .whole = head};
    memcpy(out->name, head + 4, 4);
    out->bytes = out->length < left ? out->length : left;
    size_t behind = left - out->bytes < VLT_PNG_CRC ? left - out->bytes : VLT_PNG_CRC;
    out->whole_bytes = VLT_PNG_CHUNK_HEAD + out->bytes + behind;
    walk->at = out->type == VLT_PNG_IEND ? walk->bytes : walk->at + out->whole_bytes;
    if (out->type == VLT_PNG_IDAT) {
        walk->place = walk->place == VLT_PNG_BEFORE ? VLT_PNG_PIXELS : walk->place;
    } else {
        walk->place = walk->place == VLT_PNG_PIXELS ? VLT_PNG_BEHIND : walk->place;
    }
    return true;
}

bool vlt_png_is_ancillary(const vlt_png_chunk *chunk)
{
    return (chunk->name[0] & 0x20) != 0;
}

bool vlt_png_checks(const vlt_png_chunk *chunk)
{
    size_t covered = 4 + chunk->length;
    if (chunk->whole_bytes < VLT_PNG_CHUNK_HEAD + chunk->length + VLT_PNG_CRC) {
        return false;
    }
    return vlt_crc32(chunk->whole + 4, covered) == vlt_png_u32(chunk->whole + 4 + covered);
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* Bytes that rows of w samples of `bits` inflate to, each with its filter byte. */
static uint64_t rows_bytes(uint64_t w, uint64_t h, uint64_t bits)
{
    return w && h ? h * (1 + divide_up(w * bits, 8)) : 0;
}

static uint64_t inflated_bytes(const uint8_t *ihdr)
{
    static const uint8_t samples[8] = {1, 0, 3, 1, 2, 0, 4, 0};
    static const uint8_t pass[ADAM7_PASSES][4] = {/* first column, row; steps of both */
                                                  {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8},
                                                  {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2},
                                                  {0, 1, 1, 2}};
    uint64_t w = vlt_png_u32(ihdr), h = vlt_png_u32(ihdr + 4), total = 0;
    uint64_t bits = (uint64_t)ihdr[8] * samples[ihdr[9] & 7];
    if (w >= UINT32_C(1) << 31 || h >= UINT32_C(1) << 31 || ihdr[8] > 16) {
        return 0;
    }
    if (!ihdr[12]) {
        return rows_bytes(w, h, bits);
    }
    for (int i = 0; i < ADAM7_PASSES; i++) {
        uint64_t left = pass[i][0], top = pass[i][1];
        total += rows_bytes(w > left ? divide_up(w - left, pass[i][2]) : 0,
                            h > top ? divide_up(h - top, pass[i][3]) : 0, bits);
    }
    return total;
}

vlt_status vlt_png_check_size(const uint8_t *data, size_t bytes, vlt_error *err)
{
    vlt_png_walk walk;
    vlt_png_chunk chunk;
    uint64_t there = 0, needed = 0;
    uint32_t w = 0, h = 0;
    vlt_png_walk_init(&walk, data, bytes);
    while (walk.place != VLT_PNG_BEHIND && vlt_png_next(&walk, &chunk)) {
        if (chunk.type == VLT_PNG_IHDR && chunk.bytes >= IHDR_BYTES && !needed) {
            w = vlt_png_u32(chunk.data);
            h = vlt_png_u32(chunk.data + 4);
            needed = inflated_bytes(chunk.data);
        }
        there += chunk.type == VLT_PNG_IDAT && walk.place == VLT_PNG_PIXELS ? chunk.bytes : 0;
    }
    if (needed > there * DEFLATE_EXPANDS) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "PNG: %ux%u pixels inflate to %llu bytes, %llu bytes of data hold at most "
                        "%llu",
                        w, h, (unsigned long long)needed, (unsigned long long)there,
                        (unsigned long long)(there * DEFLATE_EXPANDS));
    }
    return VLT_OK;
}

#include "optimizations/image/image_exif.h"

#include <string.h>

enum {
    TIFF_MARK = 42,
    TAG_ORIENTATION = 0x0112,
    ENTRY_BYTES = 12,
    TYPE_SHORT = 3,
    TYPE_LONG = 4,
    TYPE_SIGNED_SHORT = 8,
    TYPE_SIGNED_LONG = 9,
    ORIENTATION_MAX = 8
};

struct tiff {
    const uint8_t *data;
    size_t bytes;
    bool little;
};

static uint32_t u16_at(const struct tiff *tiff, size_t at)
{
    const uint8_t *p = tiff->data + at;
    return tiff->little ? (uint32_t)(p[0] | p[1] << 8) : (uint32_t)(p[0] << 8 | p[1]);
}

static uint32_t u32_at(const struct tiff *tiff, size_t at)
{
    uint32_t a = u16_at(tiff, at), b = u16_at(tiff, at + 2);
    return tiff->little ? a | b << 16 : a << 16 | b;
}

static int in_range(uint32_t value)
{
    return value >= 1 && value <= ORIENTATION_MAX ? (int)value : 0;
}

/* The value of the entry at `at` as Pillow takes it. */
static int typed_value(const struct tiff *tiff, size_t at)
{
    uint32_t type = u16_at(tiff, at + 2), count = u32_at(tiff, at + 4);
    if (count != 1) {
        return 0;
    }
    if (type == TYPE_SHORT || type == TYPE_SIGNED_SHORT) {
        return in_range(u16_at(tiff, at + 8));
    }
    return type == TYPE_LONG || type == TYPE_SIGNED_LONG ? in_range(u32_at(tiff, at + 8)) : 0;
}

int vlt_exif_orientation(const uint8_t *data, size_t bytes, bool typed)
{
    if (bytes < 8 || data[0] != data[1] || (data[0] != 'I' && data[0] != 'M')) {
        return 0;
    }
    struct tiff tiff = {data, bytes, data[0] == 'I'};
    size_t ifd = u32_at(&tiff, 4);
    if (u16_at(&tiff, 2) != TIFF_MARK || ifd > bytes - 2) {
        return 0;
    }
    size_t count = u16_at(&tiff, ifd), at = ifd + 2;
    for (size_t i = 0; i < count && at + ENTRY_BYTES <= bytes; i++, at += ENTRY_BYTES) {
        if (u16_at(&tiff, at) == TAG_ORIENTATION) {
            return typed ? typed_value(&tiff, at) : in_range(u16_at(&tiff, at + 8));
        }
    }
    return 0;
}

int vlt_exif_orientation_prefixed(const uint8_t *data, size_t bytes)
{
    static const char mark[6] = "Exif\0";
    for (int i = 0; i < 2 && bytes >= sizeof mark && !memcmp(data, mark, sizeof mark); i++) {
        data += sizeof mark;
        bytes -= sizeof mark;
    }
    return vlt_exif_orientation(data, bytes, true);
}

int vlt_xmp_orientation(const uint8_t *data, size_t bytes)
{
    static const char key[] = "tiff:Orientation";
    const size_t key_bytes = sizeof key - 1;
    while (bytes > key_bytes) {
        const uint8_t *found = memmem(data, bytes, key, key_bytes);
        if (!found) {
            return 0;
        }
        const uint8_t *p = found + key_bytes, *end = data + bytes;
        size_t skip = end - p >= 2 && p[0] == '=' && p[1] == '"' ? 2 : end - p >= 1 && *p == '>';
        if (skip && (size_t)(end - p) > skip && p[skip] >= '0' && p[skip] <= '9') {
            return in_range((uint32_t)(p[skip] - '0'));
        }
        bytes = (size_t)(end - p);
        data = p;
    }
    return 0;
}

#include <string.h>

#include "optimizations/image/image_exif.h"
#include "optimizations/image/image_tiff.h"

enum tiff_type {
    TYPE_BYTE = 1,
    TYPE_ASCII,
    TYPE_SHORT,
    TYPE_LONG,
    TYPE_RATIONAL,
    TYPE_SIGNED_BYTE,
    TYPE_UNDEFINED,
    TYPE_SIGNED_SHORT,
    TYPE_SIGNED_LONG,
    TYPE_SIGNED_RATIONAL,
    TYPE_FLOAT,
    TYPE_DOUBLE,
    TYPE_IFD,
    TYPE_LONG8 = 16,
    TYPES
};

static const uint8_t type_bytes[TYPES] = {[TYPE_BYTE] = 1,        [TYPE_ASCII] = 1,
                                          [TYPE_SHORT] = 2,       [TYPE_LONG] = 4,
                                          [TYPE_RATIONAL] = 8,    [TYPE_SIGNED_BYTE] = 1,
                                          [TYPE_UNDEFINED] = 1,   [TYPE_SIGNED_SHORT] = 2,
                                          [TYPE_SIGNED_LONG] = 4, [TYPE_SIGNED_RATIONAL] = 8,
                                          [TYPE_FLOAT] = 4,       [TYPE_DOUBLE] = 8,
                                          [TYPE_IFD] = 4,         [TYPE_LONG8] = 8};

enum { TAGS = 1 << 16 };

/* Where the tag's value is; type 0: there is no tag. */
struct value {
    uint32_t type;
    size_t at;
};

static double real_at(const vlt_tiff *tiff, uint32_t type, size_t at)
{
    uint64_t bits = type == TYPE_FLOAT ? vlt_tiff_u32(tiff, at) : vlt_tiff_u64(tiff, at);
    uint32_t low = (uint32_t)bits;
    float single;
    double real;
    memcpy(&single, &low, sizeof single);
    memcpy(&real, &bits, sizeof real);
    return type == TYPE_FLOAT ? (double)single : real;
}

/* Is the value's first number this one? Python compares 6, 6.0 and 12/2 as equal; bytes and text
 * are no numbers. */
static bool equals(const vlt_tiff *tiff, const struct value *value, int number)
{
    size_t at = value->at;
    switch (value->type) {
    case TYPE_SHORT:
    case TYPE_SIGNED_SHORT: /* numbers of interest have no sign */
        return vlt_tiff_u16(tiff, at) == (uint32_t)number;
    case TYPE_LONG:
    case TYPE_SIGNED_LONG:
    case TYPE_IFD:
        return vlt_tiff_u32(tiff, at) == (uint32_t)number;
    case TYPE_LONG8:
        return vlt_tiff_u64(tiff, at) == (uint64_t)number;
    case TYPE_SIGNED_BYTE:
        return tiff->data[at] == number;
    case TYPE_RATIONAL: {
        uint64_t below = vlt_tiff_u32(tiff, at + 4);
        return below != 0 && vlt_tiff_u32(tiff, at) == below * (uint64_t)number;
    }
    case TYPE_SIGNED_RATIONAL: {
        int64_t above = (int32_t)vlt_tiff_u32(tiff, at);
        int64_t below = (int32_t)vlt_tiff_u32(tiff, at + 4);
        return below != 0 && above == below * number;
    }
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return real_at(tiff, value->type, at) == number;
    default:
        return false;
    }
}

/* Entries in order. Unknown types and counts of 0 are passed over; an entry that is cut, or whose
 * value lies outside, ends the search. Pillow 13 also passes over what comes again, and values that
 * are together longer than the block. */
static struct value find(const vlt_tiff *tiff, size_t ifd, bool twelve)
{
    struct value found = {0, 0};
    uint8_t seen[TAGS / 8] = {0};
    uint64_t outside_bytes = 0;
    size_t count = ifd <= tiff->bytes - 2 ? vlt_tiff_u16(tiff, ifd) : 0, at = ifd + 2;
    for (size_t i = 0; i < count && at + VLT_TIFF_ENTRY_BYTES <= tiff->bytes;
         i++, at += VLT_TIFF_ENTRY_BYTES) {
        uint32_t tag = vlt_tiff_u16(tiff, at), type = vlt_tiff_u16(tiff, at + 2);
        uint64_t size = type < TYPES ? (uint64_t)vlt_tiff_u32(tiff, at + 4) * type_bytes[type] : 0;
        if (size == 0 || (!twelve && (seen[tag / 8] >> tag % 8 & 1))) {
            continue;
        }
        size_t value_at = at + 8;
        if (size > 4) {
            value_at = vlt_tiff_u32(tiff, at + 8);
            outside_bytes += size;
            if (!twelve && outside_bytes > tiff->bytes) {
                continue;
            }
            if (value_at > tiff->bytes || size > tiff->bytes - value_at) {
                break;
            }
        }
        seen[tag / 8] |= (uint8_t)(1 << tag % 8);
        if (tag == VLT_TIFF_ORIENTATION) {
            found = (struct value){type, value_at};
        }
    }
    return found;
}

/* Little-endian files with a big-endian mark, and the other way round, are known to exist. "II+"
 * would be a BigTIFF, whose header is longer than what Pillow reads. */
static bool has_header(const uint8_t *data, size_t bytes)
{
    static const uint8_t heads[5][4] = {{'M', 'M', 0, 42},
                                        {'I', 'I', 42, 0},
                                        {'M', 'M', 42, 0},
                                        {'I', 'I', 0, 42},
                                        {'M', 'M', 0, 43}};
    bool known = false;
    for (size_t i = 0; bytes >= 8 && i < sizeof heads / sizeof *heads; i++) {
        known = known || !memcmp(data, heads[i], sizeof heads[i]);
    }
    return known;
}

vlt_exif_answer vlt_exif_as_pillow(const uint8_t *data, size_t bytes, bool added, bool twelve,
                                   int *orientation)
{
    static const char prefix[6] = "Exif\0";
    *orientation = 0;
    for (int i = added;
         (twelve || i < 2) && bytes >= sizeof prefix && !memcmp(data, prefix, sizeof prefix); i++) {
        data += sizeof prefix;
        bytes -= sizeof prefix;
    }
    if (bytes == 0) {
        return VLT_EXIF_SILENT;
    }
    if (!has_header(data, bytes)) {
        return VLT_EXIF_BROKEN;
    }
    const vlt_tiff tiff = {data, bytes, data[0] == 'I'};
    const struct value value = find(&tiff, vlt_tiff_u32(&tiff, 4), twelve);
    for (int i = 1; i <= VLT_ORIENTATION_MAX && value.type; i++) {
        *orientation = equals(&tiff, &value, i) ? i : *orientation;
    }
    return value.type ? VLT_EXIF_SPEAKS : VLT_EXIF_SILENT;
}

vlt_status vlt_exif_refuse(const char *format, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_INPUT,
                    "%s: EXIF without a TIFF header, refused as Pillow does (EXIF off: accepted)",
                    format);
}

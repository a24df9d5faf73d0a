#include "optimizations/image/image_exif.h"
#include "optimizations/image/image_tiff.h"

enum { TIFF_MARK = 42, NOTHING = 0xFFFF };

/* What lies outside reads as 65535, which as a tag ends the search. */
static uint32_t u16_or_nothing(const vlt_tiff *tiff, uint32_t at)
{
    return (uint64_t)at + 2 <= tiff->bytes ? vlt_tiff_u16(tiff, at) : NOTHING;
}

int vlt_exif_as_torch(const uint8_t *data, size_t bytes)
{
    if (bytes < 8) {
        return 0;
    }
    const vlt_tiff tiff = {data, bytes, data[0] == 'I' && data[1] == 'I'};
    if (vlt_tiff_u16(&tiff, 2) != TIFF_MARK) {
        return 0;
    }
    uint32_t at = vlt_tiff_u32(&tiff, 4); /* of 32 bits there: an offset of -2 wraps to 0 */
    uint32_t count = u16_or_nothing(&tiff, at);
    at += 2;
    for (uint32_t i = 0; i < count; i++, at += VLT_TIFF_ENTRY_BYTES) {
        uint32_t tag = u16_or_nothing(&tiff, at);
        if (tag == VLT_TIFF_ORIENTATION) {
            uint32_t value = u16_or_nothing(&tiff, at + 8);
            return value >= 1 && value <= VLT_ORIENTATION_MAX ? (int)value : 0;
        }
        if (tag == NOTHING) {
            break;
        }
    }
    return 0;
}

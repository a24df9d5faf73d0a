#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/image/image_exif.h"
#include "optimizations/image/image_png_texts.h"

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* White space may stand between bytes, not within one; line feeds are cut out before. */
static bool from_hex(const uint8_t *text, size_t bytes, uint8_t *out, size_t *used)
{
    int high = -1;
    *used = 0;
    for (size_t i = 0; i < bytes; i++) {
        int digit = digit_of(text[i]);
        if (text[i] == '\n' ||
            (high < 0 && (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r')))) {
            continue;
        }
        if (digit < 0) {
            return false;
        }
        if (high >= 0) {
            out[(*used)++] = (uint8_t)(high << 4 | digit);
        }
        high = high >= 0 ? -1 : digit;
    }
    return high < 0;
}

vlt_status vlt_png_raw_profile(const uint8_t *text, size_t bytes, bool twelve, vlt_png_texts *texts,
                               vlt_error *err)
{
    void *block;
    size_t used;
    for (int line = 0; line < 3; line++) {
        const uint8_t *end = bytes ? memchr(text, '\n', bytes) : NULL;
        size_t length = end ? (size_t)(end - text) + 1 : bytes;
        text += length;
        bytes -= length;
    }
    vlt_status status = vlt_alloc(bytes / 2 + 1, &block, err);
    if (status != VLT_OK) {
        return status;
    }
    texts->raw_profile.there = true;
    texts->raw_profile.broken = !from_hex(text, bytes, block, &used);
    texts->raw_profile.answer = (int)vlt_exif_as_pillow(block, used, false, twelve,
                                                        &texts->raw_profile.orientation);
    vlt_free(block);
    return VLT_OK;
}

vlt_status vlt_png_texts_orientation(const vlt_png_texts *texts, bool twelve, int *out,
                                     vlt_error *err)
{
    vlt_exif_answer answer = VLT_EXIF_SILENT;
    *out = 0;
    if (texts->exif.data) {
        bool fails = texts->exif.characters && (texts->exif.bytes > 0 || !twelve);
        answer = fails ? VLT_EXIF_BROKEN
                       : vlt_exif_as_pillow(texts->exif.data, texts->exif.bytes, texts->exif.added,
                                            twelve, out);
    } else if (texts->raw_profile.there) {
        bool fails = texts->raw_profile.broken;
        answer = fails ? VLT_EXIF_BROKEN : (vlt_exif_answer)texts->raw_profile.answer;
        *out = texts->raw_profile.orientation;
    }
    if (answer == VLT_EXIF_SPEAKS) {
        return VLT_OK;
    }
    if (answer == VLT_EXIF_BROKEN) {
        return vlt_exif_refuse("PNG", err);
    }
    if (texts->xmp_text.there) {
        *out = texts->xmp_text.orientation;
    } else if (texts->xmp.there) {
        *out = texts->xmp.orientation;
        return texts->xmp.characters
                   ? vlt_fail(err, VLT_STATUS_INPUT,
                              "PNG: a text named xmp, over which Pillow fails (EXIF off: accepted)")
                   : VLT_OK;
    }
    return VLT_OK;
}

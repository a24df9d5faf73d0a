#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "optimizations/image/image_exif.h"
#include "optimizations/image/image_internal.h"

/* Text and profiles of a PNG may be compressed a thousandfold. */
enum { CHUNK_MAX = 64 << 20, CHUNK_CACHE_MAX = 128 << 20, SIDE_MAX = 1 << 20 };

static vlt_status fail(int code, const char *what, vlt_error *err)
{
    return vlt_fail(err, code == SPNG_EMEM ? VLT_STATUS_NOMEM : VLT_STATUS_INPUT, "PNG: %s: %s",
                    what, spng_strerror(code));
}

/* "\nexif\n     LENGTH\nHEX...", as ImageMagick writes it. */
static int raw_profile_orientation(const char *text, size_t length)
{
    uint8_t bytes[4096];
    size_t used = 0, digits = 0, at = 0;
    for (int lines = 0; lines < 3 && at < length; at++) {
        lines += text[at] == '\n';
    }
    for (; at < length && used < sizeof bytes; at++) {
        const char *hex = "0123456789abcdef", *digit = strchr(hex, text[at] | 0x20);
        if (text[at] && strchr("0123456789abcdefABCDEF", text[at]) && digit) {
            bytes[used] = (uint8_t)(bytes[used] << 4 | (digit - hex));
            used += ++digits % 2 == 0;
        }
    }
    return vlt_exif_orientation_prefixed(bytes, used);
}

/* What Pillow looks at beside the chunk eXIf. */
static int text_orientation(spng_ctx *png)
{
    uint32_t count = 0;
    int from_profile = 0, from_xmp = 0;
    if (spng_get_text(png, NULL, &count) || !count) {
        return 0;
    }
    struct spng_text *text = calloc(count, sizeof *text);
    if (text && !spng_get_text(png, text, &count)) {
        for (uint32_t i = 0; i < count; i++) {
            if (!strcmp(text[i].keyword, "Raw profile type exif")) {
                from_profile = raw_profile_orientation(text[i].text, text[i].length);
            } else if (!strcmp(text[i].keyword, "XML:com.adobe.xmp")) {
                from_xmp = vlt_xmp_orientation((const uint8_t *)text[i].text, text[i].length);
            }
        }
    }
    free(text);
    return from_profile ? from_profile : from_xmp;
}

static int orientation_of(spng_ctx *png, bool pillow)
{
    struct spng_exif exif;
    int orientation = 0;
    bool found = !spng_get_exif(png, &exif);
    if (found) {
        orientation = pillow ? vlt_exif_orientation_prefixed((uint8_t *)exif.data, exif.length)
                             : vlt_exif_orientation((uint8_t *)exif.data, exif.length, false);
    }
    return orientation || !pillow ? orientation : text_orientation(png);
}

/* Is transparency one colour of 8-bit samples? (16-bit gray, which Pillow gets wrong, is left to
 * libspng, which compares all bits.) */
static bool is_keyed(const struct spng_ihdr *header)
{
    return header->color_type == SPNG_COLOR_TYPE_TRUECOLOR ||
           (header->color_type == SPNG_COLOR_TYPE_GRAYSCALE && header->bit_depth < 16);
}

/* Pillow turns a lone transparent palette entry into a colour, and keeps the colour key of gray and
 * RGB; it forgets several entries. The key is compared with 8-bit samples, of which 16-bit files
 * keep the high byte, and without scaling, so that it rarely matches 2- and 4-bit gray. */
static bool lone_key(spng_ctx *png, const struct spng_ihdr *header, uint8_t *key)
{
    struct spng_trns trns;
    struct spng_plte palette;
    if (spng_get_trns(png, &trns)) {
        return false;
    }
    switch (header->color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE:
        if (header->bit_depth == 16) {
            return false;
        }
        key[0] = key[1] = key[2] = (uint8_t)(header->bit_depth == 1 ? (trns.gray ? 255 : 0)
                                                                    : trns.gray);
        return true;
    case SPNG_COLOR_TYPE_TRUECOLOR:
        key[0] = (uint8_t)trns.red;
        key[1] = (uint8_t)trns.green;
        key[2] = (uint8_t)trns.blue;
        return true;
    case SPNG_COLOR_TYPE_INDEXED:
        break;
    default:
        return false;
    }
    int lone = -1;
    for (int i = 0; i < (int)trns.n_type3_entries; i++) {
        int alpha = trns.type3_alpha[i];
        if ((alpha != 0 && alpha != 255) || (alpha == 0 && lone >= 0)) {
            return false;
        }
        lone = alpha == 0 ? i : lone;
    }
    if (lone < 0 || spng_get_plte(png, &palette) || lone >= (int)palette.n_entries) {
        return false;
    }
    key[0] = palette.entries[lone].red;
    key[1] = palette.entries[lone].green;
    key[2] = palette.entries[lone].blue;
    return true;
}

static void key_to_white(uint8_t *rgb, int64_t pixels, const uint8_t *key)
{
    for (int64_t i = 0; i < pixels; i++) {
        if (!memcmp(rgb + 3 * i, key, 3)) {
            memset(rgb + 3 * i, 255, 3);
        }
    }
}

/* Through RGBA, so that the transparency of every kind of file comes out as alpha. */
static vlt_status decode_pixels(spng_ctx *png, bool white, vlt_image *image, vlt_error *err)
{
    size_t bytes = (size_t)image->h * (size_t)image->w * 4, expected = 0;
    void *rgba = NULL;
    vlt_status status = VLT_OK;
    int code = spng_decoded_image_size(png, SPNG_FMT_RGBA8, &expected);
    if (code || expected != bytes) {
        return code ? fail(code, "header", err)
                    : vlt_fail(err, VLT_STATUS_INPUT, "PNG: %zu bytes of pixels, expected %zu",
                               expected, bytes);
    }
    status = vlt_alloc(bytes, &rgba, err);
    if (status == VLT_OK) {
        code = spng_decode_image(png, rgba, bytes, SPNG_FMT_RGBA8, white ? SPNG_DECODE_TRNS : 0);
        status = code ? fail(code, "data", err) : VLT_OK;
    }
    if (status == VLT_OK) {
        vlt_image_from_rgba(rgba, image->rgb, image->h * image->w, white);
    }
    vlt_free(rgba);
    return status;
}

vlt_status vlt_image_decode_png(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                                vlt_image *image, vlt_error *err)
{
    struct spng_ihdr header;
    uint8_t key[3];
    vlt_status status = VLT_OK;
    spng_ctx *png = spng_ctx_new(0);
    if (!png) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "PNG: out of memory");
    }
    int code = spng_set_image_limits(png, SIDE_MAX, SIDE_MAX);
    code = code ? code : spng_set_chunk_limits(png, CHUNK_MAX, CHUNK_CACHE_MAX);
    code = code ? code : spng_set_png_buffer(png, data, bytes);
    code = code ? code : spng_get_ihdr(png, &header);
    if (code) {
        status = fail(code, "header", err);
        goto done;
    }
    if (policy->rotate && !policy->pillow) { /* torch does not look behind the pixels */
        image->orientation = orientation_of(png, false);
    }
    status = vlt_image_alloc(image, header.height, header.width, "PNG", err);
    if (status == VLT_OK) {
        status = decode_pixels(png, policy->white && !is_keyed(&header), image, err);
    }
    if (status != VLT_OK) {
        goto done;
    }
    bool by_key = policy->white_key || (policy->white && is_keyed(&header));
    if (by_key && lone_key(png, &header, key)) {
        key_to_white(image->rgb, image->h * image->w, key);
    }
    if (policy->rotate && policy->pillow) {
        image->orientation = orientation_of(png, true);
    }
done:
    spng_ctx_free(png);
    return status;
}

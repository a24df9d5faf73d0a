#include <limits.h>
#include <string.h>

#include <webp/decode.h>

#include "optimizations/image/image_exif.h"
#include "optimizations/image/image_internal.h"

enum { RIFF_HEADER = 12, CHUNK_HEADER = 8 };

static const char *status_text(VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return "out of memory";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return "a feature that libwebp does not decode";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return "the data ends before the image does";
    default:
        return "broken data";
    }
}

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Payload of the first chunk with this name, or NULL. What RIFF does not count is not looked at. */
static const uint8_t *find_chunk(const uint8_t *data, size_t bytes, const char *name, size_t *size)
{
    size_t riff = (size_t)u32_at(data + 4) + CHUNK_HEADER;
    bytes = riff < bytes ? riff : bytes;
    for (size_t at = RIFF_HEADER; at < bytes && bytes - at >= CHUNK_HEADER;) {
        size_t payload = u32_at(data + at + 4), left = bytes - at - CHUNK_HEADER;
        if (payload > left) {
            return NULL;
        }
        if (!memcmp(data + at, name, 4)) {
            *size = payload;
            return data + at + CHUNK_HEADER;
        }
        payload += payload & 1;
        if (payload > left) {
            return NULL;
        }
        at += CHUNK_HEADER + payload;
    }
    return NULL;
}

/* As Pillow: chunks count where the file's flags announce them. (torch looks at neither.) */
static vlt_status orient(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                         int *orientation, vlt_error *err)
{
    enum { FLAG_XMP = 4, FLAG_EXIF = 8 };
    size_t size = 0;
    const uint8_t *extended = find_chunk(data, bytes, "VP8X", &size);
    int flags = extended && size ? *extended : 0;
    vlt_exif_answer answer = VLT_EXIF_SILENT;
    const uint8_t *chunk = flags & FLAG_EXIF ? find_chunk(data, bytes, "EXIF", &size) : NULL;
    if (chunk) {
        answer = vlt_exif_as_pillow(chunk, size, false, policy->twelve, orientation);
    }
    if (answer == VLT_EXIF_SILENT) {
        chunk = flags & FLAG_XMP ? find_chunk(data, bytes, "XMP ", &size) : NULL;
        *orientation = chunk ? vlt_xmp_orientation(chunk, size) : 0;
    }
    return answer == VLT_EXIF_BROKEN && policy->pillow ? vlt_exif_refuse("WebP", err) : VLT_OK;
}

/* A lossy frame says its kind of prediction for each block of 16 x 16 pixels, in at least three
 * bits with the probabilities that the format fixes; counted is one. A lossless one may say
 * millions of equal pixels in no bits at all. */
static vlt_status check_size(const uint8_t *data, size_t bytes,
                             const WebPBitstreamFeatures *features, vlt_error *err)
{
    enum { BLOCK = 16 };
    size_t size = 0;
    const uint8_t *chunk = find_chunk(data, bytes, "VP8 ", &size);
    int64_t across = (features->width + BLOCK - 1) / BLOCK;
    int64_t blocks = across * ((features->height + BLOCK - 1) / BLOCK);
    if (chunk && blocks > (int64_t)size * CHAR_BIT) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "WebP: %dx%d pixels are %lld blocks, %zu bytes of data hold at most %lld",
                        features->width, features->height, (long long)blocks, size,
                        (long long)size * CHAR_BIT);
    }
    return VLT_OK;
}

static vlt_status decode_on_white(const uint8_t *data, size_t bytes, vlt_image *image,
                                  vlt_error *err)
{
    void *rgba;
    size_t size = (size_t)image->h * (size_t)image->w * 4;
    vlt_status status = vlt_alloc_raw(size, &rgba, err);
    if (status != VLT_OK) {
        return status;
    }
    if (!WebPDecodeRGBAInto(data, bytes, rgba, size, (int)image->w * 4)) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "WebP: broken or cut data, %zu bytes", bytes);
    } else {
        vlt_image_from_rgba(rgba, image->rgb, image->h * image->w, true);
    }
    vlt_free(rgba);
    return status;
}

vlt_status vlt_image_decode_webp(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                                 vlt_image *image, vlt_error *err)
{
    WebPBitstreamFeatures features;
    VP8StatusCode code = WebPGetFeatures(data, bytes, &features);
    if (code != VP8_STATUS_OK) {
        return vlt_fail(err, VLT_STATUS_INPUT, "WebP: %s, %zu bytes", status_text(code), bytes);
    }
    if (features.has_animation) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "WebP: an animation, expected a still image");
    }
    vlt_status status = check_size(data, bytes, &features, err);
    if (status == VLT_OK && policy->rotate) {
        status = orient(data, bytes, policy, &image->orientation, err);
    }
    if (status == VLT_OK) {
        /* the lossless decoder keeps ARGB, and white needs RGBA */
        uint64_t pixels = (uint64_t)features.height * (uint64_t)features.width;
        uint64_t work = pixels * (features.has_alpha && policy->white ? 8 : 4);
        status = vlt_image_alloc(image, features.height, features.width, policy, work, "WebP", err);
    }
    if (status == VLT_OK && features.has_alpha && policy->white) {
        return decode_on_white(data, bytes, image, err);
    }
    if (status == VLT_OK &&
        !WebPDecodeRGBInto(data, bytes, image->rgb, (size_t)(image->h * image->w * 3),
                           (int)image->w * 3)) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "WebP: broken or cut data, %zu bytes", bytes);
    }
    return status;
}

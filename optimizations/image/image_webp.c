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

/* Payload of the first chunk with this name, or NULL. */
static const uint8_t *find_chunk(const uint8_t *data, size_t bytes, const char *name, size_t *size)
{
    for (size_t at = RIFF_HEADER; bytes - at >= CHUNK_HEADER && at < bytes;) {
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

static int orientation_of(const uint8_t *data, size_t bytes)
{
    size_t size = 0;
    const uint8_t *chunk = find_chunk(data, bytes, "EXIF", &size);
    int orientation = chunk ? vlt_exif_orientation_prefixed(chunk, size) : 0;
    if (!orientation) {
        chunk = find_chunk(data, bytes, "XMP ", &size);
        orientation = chunk ? vlt_xmp_orientation(chunk, size) : 0;
    }
    return orientation;
}

static vlt_status decode_alpha(const uint8_t *data, size_t bytes, bool white, vlt_image *image,
                               vlt_error *err)
{
    void *rgba;
    size_t size = (size_t)image->h * (size_t)image->w * 4;
    vlt_status status = vlt_alloc(size, &rgba, err);
    if (status != VLT_OK) {
        return status;
    }
    if (!WebPDecodeRGBAInto(data, bytes, rgba, size, (int)image->w * 4)) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "WebP: broken or cut data, %zu bytes", bytes);
    } else {
        vlt_image_from_rgba(rgba, image->rgb, image->h * image->w, white);
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
    vlt_status status = vlt_image_alloc(image, features.height, features.width, "WebP", err);
    if (status != VLT_OK) {
        return status;
    }
    if (features.has_alpha) {
        status = decode_alpha(data, bytes, policy->white, image, err);
    } else if (!WebPDecodeRGBInto(data, bytes, image->rgb, (size_t)(image->h * image->w * 3),
                                  (int)image->w * 3)) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "WebP: broken or cut data, %zu bytes", bytes);
    }
    if (status == VLT_OK && policy->rotate) {
        image->orientation = orientation_of(data, bytes);
    }
    return status;
}

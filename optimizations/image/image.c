#include "optimizations/image/image.h"

#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "optimizations/image/image_format.h"
#include "optimizations/image/image_internal.h"

vlt_status vlt_image_alloc(vlt_image *image, int64_t h, int64_t w, const vlt_image_policy *policy,
                           uint64_t work_bytes, const char *format, vlt_error *err)
{
    void *rgb = NULL;
    char what[64];
    if (h < 1 || w < 1 || h > VLT_IMAGE_PIXELS_MAX / w) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: %lldx%lld pixels, expected 1 to %lld", format,
                        (long long)w, (long long)h, (long long)VLT_IMAGE_PIXELS_MAX);
    }
    const size_t bytes = (size_t)h * (size_t)w * 3;
    vlt_utf8_format(what, sizeof what, "%s of %lldx%lld pixels", format, (long long)w,
                    (long long)h);
    vlt_status status = vlt_context_admit(policy->context, bytes + work_bytes, what, err);
    if (status == VLT_OK) {
        status = vlt_block_take(policy->context->blocks, bytes, &rgb, err);
    }
    image->rgb = rgb;
    image->source = policy->context->blocks;
    image->h = h;
    image->w = w;
    return status;
}

void vlt_image_release(vlt_image *image)
{
    vlt_block_give(image->source, image->rgb);
    *image = (vlt_image){0};
}

void vlt_image_from_rgba(const uint8_t *rgba, uint8_t *rgb, int64_t pixels, bool white)
{
    for (int64_t i = 0; i < pixels; i++) {
        int alpha = white ? rgba[4 * i + 3] : 255;
        for (int c = 0; c < 3; c++) {
            int v = rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 128;
            rgb[3 * i + c] = (uint8_t)((v + (v >> 8)) >> 8);
        }
    }
}

/* Where the pixel (row, column) of the upright image lies in the stored one of h x w. */
static int64_t stored_at(int orientation, int64_t row, int64_t column, int64_t h, int64_t w)
{
    int64_t y = orientation >= 5 ? column : row, x = orientation >= 5 ? row : column;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    y = flip_y ? h - 1 - y : y;
    x = flip_x ? w - 1 - x : x;
    return y * w + x;
}

static vlt_status make_upright(vlt_image *image, const vlt_image_policy *policy, vlt_error *err)
{
    int64_t h = image->h, w = image->w;
    bool turned = image->orientation >= 5;
    vlt_image upright = *image;
    upright.rgb = NULL;
    vlt_status status = vlt_image_alloc(&upright, turned ? w : h, turned ? h : w, policy, 0,
                                        "image", err);
    if (status != VLT_OK) {
        return status;
    }
    for (int64_t row = 0; row < upright.h; row++) {
        uint8_t *to = upright.rgb + row * upright.w * 3;
        for (int64_t column = 0; column < upright.w; column++) {
            memcpy(to + column * 3,
                   image->rgb + stored_at(image->orientation, row, column, h, w) * 3, 3);
        }
    }
    vlt_image_release(image);
    *image = upright;
    return VLT_OK;
}

vlt_image_policy vlt_image_policy_of(const vlt_context *context, const vlt_image_options *options,
                                     vlt_image_format format)
{
    bool pillow = options->manner != VLT_IMAGE_AS_TORCH;
    bool by_reference = pillow || format != VLT_IMAGE_WEBP;
    return (vlt_image_policy){.rotate = options->exif == VLT_IMAGE_EXIF_AUTO
                                            ? by_reference
                                            : options->exif == VLT_IMAGE_EXIF_ON,
                              .pillow = pillow,
                              .twelve = options->manner == VLT_IMAGE_AS_PILLOW12,
                              .white = options->alpha == VLT_IMAGE_ALPHA_WHITE,
                              .white_key = options->alpha == VLT_IMAGE_ALPHA_AUTO && pillow,
                              .strict = options->strict,
                              .context = context};
}

static vlt_status refuse_format(const uint8_t *data, size_t bytes, vlt_error *err)
{
    enum { SHOWN_BYTES = 16 };
    const char *name = vlt_image_format_name(data, bytes);
    if (bytes == 0) {
        return vlt_fail(err, VLT_STATUS_INPUT, "the file is empty");
    }
    if (name) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s (%zu bytes), expected JPEG, PNG or WebP",
                        name, bytes);
    }
    size_t shown = bytes < SHOWN_BYTES ? bytes : SHOWN_BYTES;
    return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                    "begins with '%s' (%zu bytes in all), expected JPEG, PNG or WebP",
                    vlt_quoted((const char *)data, shown).text, bytes);
}

static vlt_status decode(vlt_context *context, const void *data, size_t bytes,
                         const vlt_image_options *options, vlt_image *out, vlt_error *err)
{
    if (!vlt_image_sniff(data, bytes, &out->format)) {
        return refuse_format(data, bytes, err);
    }
    const vlt_image_policy policy = vlt_image_policy_of(context, options, out->format);
    vlt_status status;
    switch (out->format) {
    case VLT_IMAGE_JPEG:
        status = vlt_image_decode_jpeg(context, data, bytes, &policy, out, err);
        break;
    case VLT_IMAGE_PNG:
        status = vlt_image_decode_png(data, bytes, &policy, out, err);
        break;
    default:
        status = vlt_image_decode_webp(data, bytes, &policy, out, err);
        break;
    }
    if (status == VLT_OK && policy.rotate && out->orientation > 1) {
        return make_upright(out, &policy, err);
    }
    out->orientation = 1;
    return status;
}

void vlt_image_warn(const vlt_context *context, const char *name, int64_t rows_missing, int64_t h,
                    const char *damage)
{
    const char *separator = name ? ": " : "";
    name = name ? name : "";
    if (rows_missing) {
        vlt_log(context, VLT_LOG_WARNING,
                "%s%sJPEG data is missing from row %lld of %lld on, accepted", name, separator,
                (long long)(h - rows_missing), (long long)h);
    } else if (damage[0]) {
        vlt_log(context, VLT_LOG_WARNING, "%s%s%s, accepted", name, separator, damage);
    }
}

vlt_status vlt_image_decode(vlt_context *context, const void *data, size_t bytes, const char *name,
                            const vlt_image_options *options, vlt_image *out, vlt_error *err)
{
    static const vlt_image_options defaults = {.manner = VLT_IMAGE_AS_TORCH};
    *out = (vlt_image){0};
    vlt_status status = decode(context, data, bytes, options ? options : &defaults, out, err);
    if (status != VLT_OK) {
        vlt_image_release(out);
        return name ? vlt_fail_in(err, status, "%s: ", name) : status;
    }
    vlt_image_warn(context, name, out->rows_missing, out->orientation >= 5 ? out->w : out->h,
                   out->damage);
    return VLT_OK;
}

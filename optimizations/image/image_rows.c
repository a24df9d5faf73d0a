#include "optimizations/image/image_rows.h"

#include <stdlib.h>

#include "optimizations/image/image_format.h"
#include "optimizations/image/image_internal.h"

struct vlt_image_rows {
    const vlt_context *context;
    const char *name;
    int64_t h, w, done;
    vlt_jpeg_rows *jpeg; /* either of them */
    vlt_png_rows *png;
};

static vlt_status open_format(vlt_context *context, const void *data, size_t bytes,
                              const vlt_image_options *options, vlt_image_rows *rows)
{
    static const vlt_image_options defaults = {.manner = VLT_IMAGE_AS_TORCH};
    vlt_image_format format;
    if (!vlt_image_sniff(data, bytes, &format) || format == VLT_IMAGE_WEBP) {
        return VLT_STATUS_UNSUPPORTED;
    }
    const vlt_image_policy policy = vlt_image_policy_of(context, options ? options : &defaults,
                                                        format);
    vlt_status status =
        format == VLT_IMAGE_JPEG
            ? vlt_image_jpeg_rows(context, data, bytes, &policy, &rows->jpeg, &rows->h, &rows->w)
            : vlt_png_rows_open(data, bytes, &policy, &rows->png, &rows->h, &rows->w);
    if (status == VLT_OK && rows->h > VLT_IMAGE_PIXELS_MAX / rows->w) {
        return VLT_STATUS_LIMIT;
    }
    return status;
}

vlt_image_rows *vlt_image_rows_open(vlt_context *context, const void *data, size_t bytes,
                                    const char *name, const vlt_image_options *options)
{
    vlt_image_rows *rows = calloc(1, sizeof *rows);
    if (!rows) {
        return NULL;
    }
    rows->context = context;
    rows->name = name;
    if (open_format(context, data, bytes, options, rows) == VLT_OK) {
        return rows;
    }
    vlt_image_rows_close(rows);
    return NULL;
}

void vlt_image_rows_close(vlt_image_rows *rows)
{
    if (rows) {
        vlt_jpeg_rows_destroy(rows->jpeg);
        vlt_png_rows_close(rows->png);
        free(rows);
    }
}

void vlt_image_rows_size(const vlt_image_rows *rows, int64_t *h, int64_t *w)
{
    *h = rows->h;
    *w = rows->w;
}

vlt_status vlt_image_rows_read(vlt_image_rows *rows, int64_t count, uint8_t *rgb, int64_t stride,
                               vlt_error *err)
{
    vlt_status status = rows->jpeg ? vlt_jpeg_rows_read(rows->jpeg, count, rgb, stride, err)
                                   : vlt_png_rows_read(rows->png, count, rgb, stride, err);
    rows->done += count;
    if (status != VLT_OK) {
        return rows->name ? vlt_fail_in(err, status, "%s: ", rows->name) : status;
    }
    if (rows->jpeg && rows->done == rows->h) {
        vlt_image_warn(rows->context, rows->name, rows->h - vlt_jpeg_rows_reached(rows->jpeg),
                       rows->h, vlt_jpeg_rows_damage(rows->jpeg));
    }
    return VLT_OK;
}

/* image_internal.h: what image.c asks of the decoder of each format. */
#ifndef VLT_IMAGE_INTERNAL_H
#define VLT_IMAGE_INTERNAL_H

#include "optimizations/core/memory.h"
#include "optimizations/image/image.h"
#include "optimizations/jpeg_decode/jpeg_rows.h"

/* What the chosen reference does with this format, all automatic choices made. */
typedef struct vlt_image_policy {
    bool rotate;
    bool pillow;    /* else torch: how EXIF is looked for, what is refused */
    bool twelve;    /* Pillow 12 */
    bool white;     /* put everything transparent on white */
    bool white_key; /* put a single transparent colour on white (Pillow's own doing) */
    bool strict;
    const vlt_context *context; /* asked before much memory is taken */
} vlt_image_policy;

/* Each fills image->rgb, h, w as stored in the file, rows_missing, and orientation as found (0 or
 * 1: upright; only looked at under policy->rotate). */
vlt_status vlt_image_decode_jpeg(vlt_context *context, const uint8_t *data, size_t bytes,
                                 const vlt_image_policy *policy, vlt_image *image, vlt_error *err);
vlt_status vlt_image_decode_png(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                                vlt_image *image, vlt_error *err);
vlt_status vlt_image_decode_webp(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                                 vlt_image *image, vlt_error *err);

/* The policy of a file of this format under the caller's options. */
vlt_image_policy vlt_image_policy_of(const vlt_context *context, const vlt_image_options *options,
                                     vlt_image_format format);

/* The rows of a picture that is stored upright and row by row, the first of which has not been
 * read; anything else, damage in the header included, is not VLT_OK and left to the decoders
 * above. */
vlt_status vlt_image_jpeg_rows(vlt_context *context, const uint8_t *data, size_t bytes,
                               const vlt_image_policy *policy, vlt_jpeg_rows **out, int64_t *h,
                               int64_t *w);

typedef struct vlt_png_rows vlt_png_rows;
vlt_status vlt_png_rows_open(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                             vlt_png_rows **out, int64_t *h, int64_t *w);
void vlt_png_rows_close(vlt_png_rows *rows); /* NULL is fine */
vlt_status vlt_png_rows_read(vlt_png_rows *rows, int64_t count, uint8_t *rgb, int64_t stride,
                             vlt_error *err);

/* A warning in the context's log where rows of h are missing, else where there is damage
 * (vlt_image.damage). `name` may be NULL. */
void vlt_image_warn(const vlt_context *context, const char *name, int64_t rows_missing, int64_t h,
                    const char *damage);

/* Checks the size against the limit, asks whether there is memory for the picture and for the
 * `work_bytes` that its decoder takes besides, then allocates image->rgb, of which no page is
 * touched (a file may hold less than it says), and sets h and w. */
vlt_status vlt_image_alloc(vlt_image *image, int64_t h, int64_t w, const vlt_image_policy *policy,
                           uint64_t work_bytes, const char *format, vlt_error *err);

/* rgb[pixels * 3] from rgba[pixels * 4]: alpha dropped, or composited on white. The two may begin
 * at the same address. */
void vlt_image_from_rgba(const uint8_t *rgba, uint8_t *rgb, int64_t pixels, bool white);

#endif

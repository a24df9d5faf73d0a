/* image_internal.h: what image.c asks of the decoder of each format. */
#ifndef VLT_IMAGE_INTERNAL_H
#define VLT_IMAGE_INTERNAL_H

#include "optimizations/core/memory.h"
#include "optimizations/image/image.h"

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

/* Checks the size against the limit, asks whether there is memory for the picture and for the
 * `work_bytes` that its decoder takes besides, then allocates image->rgb, of which no page is
 * touched (a file may hold less than it says), and sets h and w. */
vlt_status vlt_image_alloc(vlt_image *image, int64_t h, int64_t w, const vlt_image_policy *policy,
                           uint64_t work_bytes, const char *format, vlt_error *err);

/* rgb[pixels * 3] from rgba[pixels * 4]: alpha dropped, or composited on white. The two may begin
 * at the same address. */
void vlt_image_from_rgba(const uint8_t *rgba, uint8_t *rgb, int64_t pixels, bool white);

#endif

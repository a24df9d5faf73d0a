/* image.h: bytes of a JPEG, PNG or WebP file -> upright interleaved RGB, as a reference sees it.
 *
 * The first bytes decide the format. JPEGs go through the operator jpeg_decode in the context
 * given, PNG through libspng, WebP through libwebp. 16-bit samples keep their high byte, gray is
 * replicated, palettes are looked up, of an animated PNG the first frame counts.
 *
 *                    torch                        pillow
 *   EXIF, auto       JPEG and PNG                 JPEG, PNG and WebP, XMP where EXIF is silent
 *   PNG texts        skipped                      refused where they expand beyond 1 MiB
 *   alpha, auto      dropped, tRNS ignored        dropped; a single transparent colour (tRNS of
 *                                                 gray and RGB, or a lone palette entry) is drawn
 *                                                 on white
 *   alpha, white     RGBA, LA and tRNS composited on white, in both
 *
 * Compositing is exact: v = s*a + 255*(255-a) + 128; (v + (v >> 8)) >> 8.
 * Source: harness/model/README.md#decoded-pixels. Not an operator: what is measured is jpeg_decode.
 * Thread-safe as far as the context is.
 */
#ifndef VLT_IMAGE_H
#define VLT_IMAGE_H

#include "optimizations/core/context.h"
#include "optimizations/jpeg_decode/jpeg_decode.h"

#define VLT_IMAGE_PIXELS_MAX INT64_C(178956970)

typedef enum vlt_image_manner {
    VLT_IMAGE_AS_TORCH,
    VLT_IMAGE_AS_PILLOW,
    VLT_IMAGE_AS_PILLOW12
} vlt_image_manner;
typedef enum vlt_image_exif {
    VLT_IMAGE_EXIF_AUTO,
    VLT_IMAGE_EXIF_ON,
    VLT_IMAGE_EXIF_OFF
} vlt_image_exif;
typedef enum vlt_image_alpha {
    VLT_IMAGE_ALPHA_AUTO,
    VLT_IMAGE_ALPHA_DROP,
    VLT_IMAGE_ALPHA_WHITE
} vlt_image_alpha;
typedef enum vlt_image_format { VLT_IMAGE_JPEG, VLT_IMAGE_PNG, VLT_IMAGE_WEBP } vlt_image_format;

typedef struct vlt_image_options {
    vlt_image_manner manner;
    vlt_image_exif exif;
    vlt_image_alpha alpha;
    bool strict; /* refuse a JPEG with missing rows or damaged data, too */
} vlt_image_options;

typedef struct vlt_image {
    uint8_t *rgb;                   /* [h, w, 3] without padding, owned */
    const vlt_block_source *source; /* of it; NULL: the heap */
    int64_t h, w;                   /* after rotation */
    vlt_image_format format;
    int orientation;                    /* 1 to 8: what was applied */
    int64_t rows_missing;               /* of the stored rows, 0 as a rule */
    char damage[VLT_JPEG_DAMAGE_BYTES]; /* of a JPEG's data, decoded over; "" as a rule */
} vlt_image;

/* Decodes data[bytes]. `name` (may be NULL) stands before errors and warnings. INPUT: what is
 * broken, and where; LIMIT: more pixels than VLT_IMAGE_PIXELS_MAX, or more work than the bytes are
 * worth (jpeg_work.h); UNSUPPORTED: another format, and which. What the bytes cannot hold is
 * refused before anything is allocated for it. Accepted damage is a warning in the context's log.
 * On failure *out is {0}. options may be NULL. */
vlt_status vlt_image_decode(vlt_context *context, const void *data, size_t bytes, const char *name,
                            const vlt_image_options *options, vlt_image *out, vlt_error *err);

void vlt_image_release(vlt_image *image); /* may be called twice, or on {0} */

#endif

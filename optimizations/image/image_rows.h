/* image_rows.h: a picture whose rows are taken as they are decoded, so that there is never all of
 * it: an upright sequential JPEG (which is decoded on one thread) or a PNG that is not interlaced.
 * Pixels, messages and warnings are those of vlt_image_decode.
 *
 * One thread at a time, any thread each time.
 */
#ifndef VLT_IMAGE_ROWS_H
#define VLT_IMAGE_ROWS_H

#include "optimizations/image/image.h"

typedef struct vlt_image_rows vlt_image_rows;

/* NULL for everything else, damaged headers included: vlt_image_decode takes it, or says what is
 * wrong. data and name (may be NULL) are borrowed until close; options may be NULL. */
vlt_image_rows *vlt_image_rows_open(vlt_context *context, const void *data, size_t bytes,
                                    const char *name, const vlt_image_options *options);
void vlt_image_rows_close(vlt_image_rows *rows); /* NULL is fine */

void vlt_image_rows_size(const vlt_image_rows *rows, int64_t *h, int64_t *w);

/* The next `count` rows to rgb[count, w, 3], rows `stride` bytes apart; not more than there are.
 * With the last one the rest of the file is judged. After a failure only close may be called. */
vlt_status vlt_image_rows_read(vlt_image_rows *rows, int64_t count, uint8_t *rgb, int64_t stride,
                               vlt_error *err);

#endif

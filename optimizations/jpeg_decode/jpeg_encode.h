/* jpeg_encode.h: RGB -> JPEG bytes with libjpeg-turbo.
 *
 * For pictures that the program draws itself (demo scenes, inputs of benchmarks and tests); it lies
 * beside the decoder because libjpeg's headers are included from this folder only. Not an operator:
 * nothing here is measured or tuned. Thread-safe.
 */
#ifndef VLT_JPEG_ENCODE_H
#define VLT_JPEG_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

typedef enum vlt_jpeg_subsampling {
    VLT_JPEG_444, /* chroma in full size */
    VLT_JPEG_422, /* half the columns */
    VLT_JPEG_420, /* half the columns and half the rows */
    VLT_JPEG_GRAY /* luma only */
} vlt_jpeg_subsampling;

typedef struct vlt_jpeg_encode_options {
    int quality; /* 1 to 100, libjpeg's scale; 0 stands for 90 */
    vlt_jpeg_subsampling subsampling;
    int restart_rows; /* a restart marker every so many rows of MCUs; 0: none */
    bool progressive;
} vlt_jpeg_encode_options;

/* rgb[height, width, 3], rows without padding. *out is owned by the caller, freed with vlt_free.
 * options may be NULL (quality 90, 4:4:4). USAGE names a size beyond 1 to 65500 or an option beyond
 * its range; NOMEM and INTERNAL as libjpeg says. Equal input gives equal bytes with one build of
 * libjpeg-turbo. */
vlt_status vlt_jpeg_encode(const uint8_t *rgb, int64_t width, int64_t height,
                           const vlt_jpeg_encode_options *options, uint8_t **out, size_t *out_bytes,
                           vlt_error *err);

#endif

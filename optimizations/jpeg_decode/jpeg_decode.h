/* jpeg_decode.h: JPEG bytes -> interleaved RGB, byte-identical to the reference's libjpeg-turbo
 * settings (accurate integer IDCT, fancy upsampling). Tolerance: none.
 * Cost: 0 flops; bytes: input and output once; work in pixels.
 *
 * PNG and WebP go through image.h in this folder, which looks at the first bytes, decodes with the
 * right library and applies EXIF orientation and alpha as the chosen reference does.
 */
#ifndef VLT_JPEG_DECODE_H
#define VLT_JPEG_DECODE_H

#include "optimizations/core/plan.h"

/* Size of the image (of the header), bytes of the file in the workload. */
enum { VLT_JPEG_DECODE_DIM_H, VLT_JPEG_DECODE_DIM_W, VLT_JPEG_DECODE_DIM_RESTARTS };

typedef struct vlt_jpeg_decode_args {
    const uint8_t *data;
    size_t data_bytes;
    uint8_t *rgb; /* [h, w, 3], rows `stride` bytes apart; h, w as the header says */
    int64_t stride;
    bool strict; /* refuse rows that are missing before the EOI marker, else accept and count */
    int64_t *rows_reached; /* out: rows that really were in the data; may be NULL */
} vlt_jpeg_decode_args;

extern const vlt_op vlt_op_jpeg_decode;

#endif

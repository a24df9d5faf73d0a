/* jpeg_decode.h: JPEG bytes -> interleaved RGB, byte-identical to the reference's libjpeg-turbo
 * settings (accurate integer IDCT, fancy upsampling). Tolerance: none.
 * Cost: 0 flops; bytes: input and output once; work in pixels.
 *
 * Files of any format go through image/image.h, which looks at the first bytes and applies EXIF
 * orientation and alpha as the chosen reference does.
 */
#ifndef VLT_JPEG_DECODE_H
#define VLT_JPEG_DECODE_H

#include "optimizations/core/plan.h"

#define VLT_JPEG_PIXELS_MAX INT64_C(178956970)

enum { VLT_JPEG_DAMAGE_BYTES = 256 };

/* Size of the image (of the header); restart interval in rows of MCUs, 0: none, or no whole rows.
 */
enum { VLT_JPEG_DECODE_DIM_H, VLT_JPEG_DECODE_DIM_W, VLT_JPEG_DECODE_DIM_RESTARTS };

typedef struct vlt_jpeg_decode_args {
    const uint8_t *data;
    size_t data_bytes;
    uint8_t *rgb; /* [h, w, 3], rows `stride` bytes apart; h, w as the header says */
    int64_t stride;
    bool strict; /* refuse rows that are missing before the EOI marker, and data that is damaged;
                    else both are accepted and told: */
    int64_t *rows_reached; /* out: rows that really were in the data; may be NULL */
    char *damage;          /* out: the first damage that libjpeg decoded over, and its row, in
                     VLT_JPEG_DAMAGE_BYTES; "": none; may be NULL */
} vlt_jpeg_decode_args;

extern const vlt_op vlt_op_jpeg_decode;

/* What the header says. */
typedef struct vlt_jpeg_info {
    int64_t h, w;
    int64_t restart_rows;       /* the third dimension of the problem */
    uint64_t coefficient_bytes; /* that a decoder keeps because the scans come in pieces; 0: none */
} vlt_jpeg_info;

/* Called for each APP0 (JFIF) and APP1 (EXIF, XMP) segment of the header, in order. */
typedef void vlt_jpeg_segment(void *user, int app, const uint8_t *data, size_t bytes);

/* Reads the header. `segment` may be NULL. INPUT: what is wrong with it; LIMIT: more pixels than
 * VLT_JPEG_PIXELS_MAX, or more work (jpeg_work.h). */
vlt_status vlt_jpeg_inspect(const void *data, size_t bytes, vlt_jpeg_segment *segment, void *user,
                            vlt_jpeg_info *out, vlt_error *err);

static inline vlt_problem vlt_jpeg_decode_problem(const vlt_jpeg_info *info)
{
    return (vlt_problem){.op = &vlt_op_jpeg_decode, .dim = {info->h, info->w, info->restart_rows}};
}

#endif

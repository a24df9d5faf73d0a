/* jpeg_reader.h: libjpeg-turbo behind our error convention; shared by the variants of jpeg_decode.
 *
 * libjpeg prints and exits where it fails; here every error comes back as a status, warnings are
 * counted and kept, reading past the end of the data is an error of its own (libjpeg would go on
 * with gray), and files that ask for too much work are refused (jpeg_work.h). Not thread-safe as an
 * object; any number of readers may run beside each other.
 */
#ifndef VLT_JPEG_READER_H
#define VLT_JPEG_READER_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

#include "optimizations/jpeg_decode/jpeg_decode.h"

/* Pieces of input that libjpeg reads one behind the other. */
typedef struct vlt_jpeg_piece {
    const uint8_t *data;
    size_t bytes;
} vlt_jpeg_piece;

typedef struct vlt_jpeg_reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    jmp_buf failed;
    const vlt_jpeg_piece *piece; /* borrowed */
    int piece_count, piece_next;
    bool ended; /* libjpeg asked for more than there is */
    bool created;
    bool markers;         /* keep APP0 and APP1 (JFIF, EXIF, XMP) while reading the header */
    uint8_t *spare;       /* a row that is not wanted as it comes; the libjpeg object's */
    int64_t rows_reached; /* rows before the first hole in the data; -1: no hole */
    char damage[VLT_JPEG_DAMAGE_BYTES]; /* the first in the data beside holes; "": none */
    vlt_status status;                  /* of the message */
    char message[JMSG_LENGTH_MAX];
} vlt_jpeg_reader;

/* Called with setjmp armed; what it does may fail anywhere. */
typedef void vlt_jpeg_body(vlt_jpeg_reader *reader, void *argument);

/* In pieces: made ready over pieces that stay where they are, then bodies one after the other (each
 * from any thread; none after one that failed), then released. What fails, and how, is as below. */
void vlt_jpeg_reader_init(vlt_jpeg_reader *reader, const vlt_jpeg_piece *piece, int piece_count);
vlt_status vlt_jpeg_reader_step(vlt_jpeg_reader *reader, vlt_jpeg_body *body, void *argument,
                                vlt_error *err);
void vlt_jpeg_reader_release(vlt_jpeg_reader *reader);

/* Runs body over the pieces, with `reader` made ready and the header not yet read, then destroys
 * the libjpeg object. INPUT (NOMEM, LIMIT) with libjpeg's message, the body's, or where the data
 * ends. The reader's counters stay readable after it. */
vlt_status vlt_jpeg_read(vlt_jpeg_reader *reader, const vlt_jpeg_piece *piece, int piece_count,
                         vlt_jpeg_body *body, void *argument, vlt_error *err);

/* Stops the body with this message. */
_Noreturn void vlt_jpeg_stop(vlt_jpeg_reader *reader, vlt_status status, const char *format, ...)
    VLT_PRINTF(3, 4);

/* For bodies: reads the header, checks it against VLT_JPEG_PIXELS_MAX and (a whole file)
 * jpeg_work.h, sets the output parameters of the reference (accurate integer IDCT, fancy
 * upsampling, RGB or CMYK). */
void vlt_jpeg_start_header(vlt_jpeg_reader *reader);

/* For bodies: after jpeg_start_decompress, reads rows up to `end` (exclusive) to rgb + row * stride
 * as RGB; rows before `begin` are read and dropped. */
void vlt_jpeg_read_rows(vlt_jpeg_reader *reader, int64_t begin, int64_t end, uint8_t *rgb,
                        int64_t stride);

/* For bodies: the header, whose size must be h x w, and the start of decoding. */
void vlt_jpeg_start_rows(vlt_jpeg_reader *reader, int64_t h, int64_t w);

/* INPUT where rows of h are missing, or the data is damaged. */
vlt_status vlt_jpeg_check_strict(const vlt_jpeg_reader *reader, int64_t h, vlt_error *err);

/* One thread, the whole file, as the baseline does it; h, w as the problem says. */
struct vlt_jpeg_decode_args;
vlt_status vlt_jpeg_decode_plain(const struct vlt_jpeg_decode_args *args, int64_t h, int64_t w,
                                 vlt_error *err);

#endif

/* jpeg_rows.h: the rows of a JPEG a few at a time, for whoever has no room for all of them: the
 * bytes, the messages and the order of everything that can fail are those of jpeg_decode/baseline.
 * One thread at a time, any thread each time.
 */
#ifndef VLT_JPEG_ROWS_H
#define VLT_JPEG_ROWS_H

#include "optimizations/jpeg_decode/jpeg_decode.h"

typedef struct vlt_jpeg_rows vlt_jpeg_rows;

/* Does the plan, settled or made, decode so, row by row on one thread? (Else it needs the whole
 * picture.) */
bool vlt_jpeg_decode_has_rows(const vlt_plan *plan);

/* args: data and strict; the data is borrowed until destroy. h, w as the problem says. NOMEM. */
vlt_status vlt_jpeg_rows_create(const vlt_jpeg_decode_args *args, int64_t h, int64_t w,
                                vlt_jpeg_rows **out, vlt_error *err);
void vlt_jpeg_rows_destroy(vlt_jpeg_rows *rows); /* NULL is fine */

/* The next `count` rows, as RGB, to rgb[count] rows `stride` bytes apart; with the last row of the
 * picture the rest of the data is read and judged. After a failure only destroy may be called. */
vlt_status vlt_jpeg_rows_read(vlt_jpeg_rows *rows, int64_t count, uint8_t *rgb, int64_t stride,
                              vlt_error *err);

/* Rows that really were in the data, after the last has been read. */
int64_t vlt_jpeg_rows_reached(const vlt_jpeg_rows *rows);

/* As vlt_jpeg_decode_args.damage; the text is the rows'. */
const char *vlt_jpeg_rows_damage(const vlt_jpeg_rows *rows);

#endif

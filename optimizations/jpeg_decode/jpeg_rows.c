#include "optimizations/jpeg_decode/jpeg_rows.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/jpeg_decode/jpeg_reader.h"

struct vlt_jpeg_rows {
    vlt_jpeg_reader reader;
    vlt_jpeg_piece piece;
    int64_t h, w, done;
    bool strict, started;
};

bool vlt_jpeg_decode_has_rows(const vlt_plan *plan)
{
    return !strcmp(plan->variant->name, "baseline") ||
           vlt_threads_count(plan->context->threads) == 1;
}

vlt_status vlt_jpeg_rows_create(const vlt_jpeg_decode_args *args, int64_t h, int64_t w,
                                vlt_jpeg_rows **out, vlt_error *err)
{
    vlt_jpeg_rows *rows = *out = calloc(1, sizeof *rows);
    if (!rows) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "JPEG: no memory for %zu bytes", sizeof *rows);
    }
    rows->piece = (vlt_jpeg_piece){args->data, args->data_bytes};
    rows->h = h;
    rows->w = w;
    rows->strict = args->strict;
    vlt_jpeg_reader_init(&rows->reader, &rows->piece, 1);
    return VLT_OK;
}

void vlt_jpeg_rows_destroy(vlt_jpeg_rows *rows)
{
    if (rows) {
        vlt_jpeg_reader_release(&rows->reader);
        free(rows);
    }
}

struct strip {
    vlt_jpeg_rows *rows;
    int64_t count, stride;
    uint8_t *rgb;
};

static void strip_body(vlt_jpeg_reader *reader, void *argument)
{
    const struct strip *strip = argument;
    vlt_jpeg_rows *rows = strip->rows;
    if (!rows->started) {
        vlt_jpeg_start_rows(reader, rows->h, rows->w);
        rows->started = true;
    }
    vlt_jpeg_read_rows(reader, rows->done, rows->done + strip->count,
                       strip->rgb - rows->done * strip->stride, strip->stride);
    rows->done += strip->count;
    if (rows->done == rows->h) {
        jpeg_finish_decompress(&reader->jpeg);
    }
}

vlt_status vlt_jpeg_rows_read(vlt_jpeg_rows *rows, int64_t count, uint8_t *rgb, int64_t stride,
                              vlt_error *err)
{
    struct strip strip = {rows, count, stride, rgb};
    vlt_status status = vlt_jpeg_reader_step(&rows->reader, strip_body, &strip, err);
    if (status == VLT_OK && rows->strict && rows->done == rows->h) {
        status = vlt_jpeg_check_strict(&rows->reader, rows->h, err);
    }
    return status;
}

int64_t vlt_jpeg_rows_reached(const vlt_jpeg_rows *rows)
{
    return rows->reader.rows_reached < 0 ? rows->h : rows->reader.rows_reached;
}

const char *vlt_jpeg_rows_damage(const vlt_jpeg_rows *rows)
{
    return rows->reader.damage;
}

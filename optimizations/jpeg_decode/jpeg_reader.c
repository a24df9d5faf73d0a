#include "optimizations/jpeg_decode/jpeg_reader.h"

#include <stdarg.h>
#include <string.h>

#include <jerror.h>

#include "optimizations/core/utf8_text.h"
#include "optimizations/jpeg_decode/jpeg_decode.h"
#include "optimizations/jpeg_decode/jpeg_work.h"

enum { CMYK_CHANNELS = 4 };

_Noreturn void vlt_jpeg_stop(vlt_jpeg_reader *reader, vlt_status status, const char *format, ...)
{
    reader->status = status;
    va_list args;
    va_start(args, format);
    vlt_utf8_vformat(reader->message, sizeof reader->message, format, args);
    va_end(args);
    longjmp(reader->failed, 1);
}

static void on_error(j_common_ptr jpeg)
{
    vlt_jpeg_reader *reader = jpeg->client_data;
    reader->status = jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? VLT_STATUS_NOMEM
                                                               : VLT_STATUS_INPUT;
    jpeg->err->format_message(jpeg, reader->message);
    longjmp(reader->failed, 1);
}

/* The row of the picture that is being read. */
static int64_t current_row(const struct jpeg_decompress_struct *jpeg)
{
    int64_t row = (int64_t)jpeg->input_iMCU_row * jpeg->max_v_samp_factor * DCTSIZE;
    return row < (int64_t)jpeg->image_height ? row : (int64_t)jpeg->image_height;
}

/* Is the warning about the coded picture? Others are about what a header claims. */
static bool is_damage(int code)
{
    switch (code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_TOO_MUCH_DATA:
        return true;
    default:
        return false;
    }
}

/* Warnings have level -1, traces 0 and above. */
static void on_message(j_common_ptr jpeg, int level)
{
    vlt_jpeg_reader *reader = jpeg->client_data;
    const struct jpeg_decompress_struct *d = &reader->jpeg;
    if (level >= 0) {
        return;
    }
    jpeg->err->num_warnings++;
    if (jpeg->err->msg_code == JWRN_HIT_MARKER) {
        const int64_t row = current_row(d);
        if (reader->rows_reached < 0 || row < reader->rows_reached) {
            reader->rows_reached = row;
        }
    } else if (is_damage(jpeg->err->msg_code) && !reader->damage[0]) {
        char text[JMSG_LENGTH_MAX];
        jpeg->err->format_message(jpeg, text);
        if (d->image_height > 0) {
            vlt_utf8_format(reader->damage, sizeof reader->damage, "%s, at row %lld of %u", text,
                            (long long)current_row(d), d->image_height);
        } else { /* before the frame's header */
            vlt_utf8_format(reader->damage, sizeof reader->damage, "%s", text);
        }
    }
}

static void no_output(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void source_start_or_end(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

static boolean source_fill(j_decompress_ptr jpeg)
{
    vlt_jpeg_reader *reader = jpeg->client_data;
    while (reader->piece_next < reader->piece_count) {
        const vlt_jpeg_piece *piece = &reader->piece[reader->piece_next++];
        if (piece->bytes) {
            reader->source.next_input_byte = piece->data;
            reader->source.bytes_in_buffer = piece->bytes;
            return TRUE;
        }
    }
    reader->ended = true;
    longjmp(reader->failed, 1);
}

static void source_skip(j_decompress_ptr jpeg, long bytes)
{
    vlt_jpeg_reader *reader = jpeg->client_data;
    while (bytes > 0 && (size_t)bytes > reader->source.bytes_in_buffer) {
        bytes -= (long)reader->source.bytes_in_buffer;
        source_fill(jpeg);
    }
    if (bytes > 0) {
        reader->source.next_input_byte += bytes;
        reader->source.bytes_in_buffer -= (size_t)bytes;
    }
}

static size_t total_bytes(const vlt_jpeg_reader *reader)
{
    size_t total = 0;
    for (int i = 0; i < reader->piece_count; i++) {
        total += reader->piece[i].bytes;
    }
    return total;
}

/* Where the data ended: in the header, or at a row of the picture. */
static vlt_status fail_ended(const vlt_jpeg_reader *reader, vlt_error *err)
{
    const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    if (jpeg->global_state < 202) { /* DSTATE_READY: the header has been read */
        return vlt_fail(err, VLT_STATUS_INPUT, "JPEG ends inside its header, after %zu bytes",
                        total_bytes(reader));
    }
    return vlt_fail(err, VLT_STATUS_INPUT,
                    "JPEG ends before its EOI marker, after %zu bytes, at row %lld of %u",
                    total_bytes(reader), (long long)current_row(jpeg), jpeg->image_height);
}

static bool guarded(vlt_jpeg_reader *reader, vlt_jpeg_body *body, void *argument)
{
    if (setjmp(reader->failed)) {
        return false;
    }
    if (!reader->created) {
        jpeg_create_decompress(&reader->jpeg);
        reader->created = true;
        reader->jpeg.src = &reader->source;
        if (reader->markers) {
            jpeg_save_markers(&reader->jpeg, JPEG_APP0, 0xFFFF);
            jpeg_save_markers(&reader->jpeg, JPEG_APP0 + 1, 0xFFFF);
        }
    }
    body(reader, argument);
    return true;
}

void vlt_jpeg_reader_init(vlt_jpeg_reader *reader, const vlt_jpeg_piece *piece, int piece_count)
{
    bool markers = reader->markers;
    memset(reader, 0, sizeof *reader);
    reader->markers = markers;
    reader->piece = piece;
    reader->piece_count = piece_count;
    reader->rows_reached = -1;
    reader->jpeg.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    reader->errors.output_message = no_output;
    reader->source = (struct jpeg_source_mgr){.init_source = source_start_or_end,
                                              .fill_input_buffer = source_fill,
                                              .skip_input_data = source_skip,
                                              .resync_to_restart = jpeg_resync_to_restart,
                                              .term_source = source_start_or_end};
    reader->jpeg.client_data = reader;
}

vlt_status vlt_jpeg_reader_step(vlt_jpeg_reader *reader, vlt_jpeg_body *body, void *argument,
                                vlt_error *err)
{
    if (guarded(reader, body, argument)) {
        return VLT_OK;
    }
    return reader->ended ? fail_ended(reader, err)
                         : vlt_fail(err, reader->status, "JPEG: %s", reader->message);
}

void vlt_jpeg_reader_release(vlt_jpeg_reader *reader)
{
    jpeg_destroy_decompress(&reader->jpeg);
}

vlt_status vlt_jpeg_read(vlt_jpeg_reader *reader, const vlt_jpeg_piece *piece, int piece_count,
                         vlt_jpeg_body *body, void *argument, vlt_error *err)
{
    vlt_jpeg_reader_init(reader, piece, piece_count);
    vlt_status status = vlt_jpeg_reader_step(reader, body, argument, err);
    vlt_jpeg_reader_release(reader);
    return status;
}

void vlt_jpeg_start_header(vlt_jpeg_reader *reader)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg_read_header(jpeg, TRUE);
    if ((int64_t)jpeg->image_width * (int64_t)jpeg->image_height > VLT_JPEG_PIXELS_MAX) {
        vlt_jpeg_stop(reader, VLT_STATUS_LIMIT, "%ux%u pixels, expected at most %lld",
                      jpeg->image_width, jpeg->image_height, (long long)VLT_JPEG_PIXELS_MAX);
    }
    if (jpeg->num_components != 1 && jpeg->num_components != 3 &&
        jpeg->num_components != CMYK_CHANNELS) {
        vlt_jpeg_stop(reader, VLT_STATUS_INPUT, "%d components, expected 1, 3 or 4",
                      jpeg->num_components);
    }
    if (reader->piece_count == 1) {
        vlt_jpeg_check_work(reader, reader->piece->data, reader->piece->bytes);
    }
    jpeg->out_color_space = jpeg->num_components == CMYK_CHANNELS ? JCS_CMYK : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->do_fancy_upsampling = TRUE;
}

/* Both references take the four channels for inverted ones, as Adobe writes them, whatever the
 * marker says: channel * black / 255, rounded. */
static void row_from_cmyk(const uint8_t *cmyk, uint8_t *rgb, int64_t width)
{
    for (int64_t i = 0; i < width; i++) {
        int black = cmyk[4 * i + 3];
        for (int c = 0; c < 3; c++) {
            int v = (255 - cmyk[4 * i + c]) * black + 128;
            v = black - (((v >> 8) + v) >> 8);
            rgb[3 * i + c] = (uint8_t)(v < 0 ? 0 : v);
        }
    }
}

void vlt_jpeg_read_rows(vlt_jpeg_reader *reader, int64_t begin, int64_t end, uint8_t *rgb,
                        int64_t stride)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    bool cmyk = jpeg->out_color_space == JCS_CMYK;
    if (!reader->spare && (cmyk || (int64_t)jpeg->output_scanline < begin)) {
        size_t bytes = (size_t)jpeg->output_width * CMYK_CHANNELS;
        reader->spare = jpeg->mem->alloc_large((j_common_ptr)jpeg, JPOOL_IMAGE, bytes);
    }
    while ((int64_t)jpeg->output_scanline < end) {
        int64_t row = (int64_t)jpeg->output_scanline;
        uint8_t *target = row < begin ? NULL : rgb + row * stride;
        JSAMPROW to = cmyk || !target ? reader->spare : target;
        jpeg_read_scanlines(jpeg, &to, 1);
        if (cmyk && target) {
            row_from_cmyk(reader->spare, target, (int64_t)jpeg->output_width);
        }
    }
}

void vlt_jpeg_start_rows(vlt_jpeg_reader *reader, int64_t h, int64_t w)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    vlt_jpeg_start_header(reader);
    if ((int64_t)jpeg->image_height != h || (int64_t)jpeg->image_width != w) {
        vlt_jpeg_stop(reader, VLT_STATUS_INPUT, "%ux%u pixels, planned for %lldx%lld",
                      jpeg->image_width, jpeg->image_height, (long long)w, (long long)h);
    }
    jpeg_start_decompress(jpeg);
}

vlt_status vlt_jpeg_check_strict(const vlt_jpeg_reader *reader, int64_t h, vlt_error *err)
{
    if (reader->rows_reached >= 0) {
        return vlt_fail(err, VLT_STATUS_INPUT, "JPEG: data is missing from row %lld of %lld on",
                        (long long)reader->rows_reached, (long long)h);
    }
    return reader->damage[0] ? vlt_fail(err, VLT_STATUS_INPUT, "JPEG: %s", reader->damage) : VLT_OK;
}

struct plain {
    const vlt_jpeg_decode_args *args;
    int64_t h, w;
};

static void plain_body(vlt_jpeg_reader *reader, void *argument)
{
    const struct plain *plain = argument;
    vlt_jpeg_start_rows(reader, plain->h, plain->w);
    vlt_jpeg_read_rows(reader, 0, plain->h, plain->args->rgb, plain->args->stride);
    jpeg_finish_decompress(&reader->jpeg);
}

vlt_status vlt_jpeg_decode_plain(const vlt_jpeg_decode_args *args, int64_t h, int64_t w,
                                 vlt_error *err)
{
    vlt_jpeg_reader reader = {.markers = false};
    vlt_jpeg_piece piece = {args->data, args->data_bytes};
    struct plain plain = {args, h, w};
    vlt_status status = vlt_jpeg_read(&reader, &piece, 1, plain_body, &plain, err);
    if (status == VLT_OK && args->strict) {
        status = vlt_jpeg_check_strict(&reader, h, err);
    }
    if (args->rows_reached) {
        *args->rows_reached = reader.rows_reached < 0 ? h : reader.rows_reached;
    }
    if (args->damage) {
        memcpy(args->damage, reader.damage, sizeof reader.damage);
    }
    return status;
}

#include "optimizations/jpeg_decode/jpeg_encode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h>

enum { SIDE_MAX = JPEG_MAX_DIMENSION, DEFAULT_QUALITY = 90, RESTART_ROWS_MAX = 65535 };

struct encoder {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
    unsigned char *bytes;
    unsigned long byte_count;
};

static void on_error(j_common_ptr jpeg)
{
    struct encoder *encoder = jpeg->client_data;
    jpeg->err->format_message(jpeg, encoder->message);
    longjmp(encoder->failed, 1);
}

static void on_message(j_common_ptr jpeg)
{
    (void)jpeg;
}

static vlt_status check(int64_t width, int64_t height, const vlt_jpeg_encode_options *options,
                        vlt_error *err)
{
    if (width < 1 || width > SIDE_MAX || height < 1 || height > SIDE_MAX) {
        return vlt_fail(err, VLT_STATUS_USAGE, "JPEG: size %lldx%lld, expected 1 to %d a side",
                        (long long)width, (long long)height, SIDE_MAX);
    }
    if (options->quality < 0 || options->quality > 100) {
        return vlt_fail(err, VLT_STATUS_USAGE, "JPEG: quality %d, expected 1 to 100",
                        options->quality);
    }
    if (options->restart_rows < 0 || options->restart_rows > RESTART_ROWS_MAX) {
        return vlt_fail(err, VLT_STATUS_USAGE, "JPEG: restart every %d rows, expected 0 to %d",
                        options->restart_rows, RESTART_ROWS_MAX);
    }
    return VLT_OK;
}

static void set_parameters(struct jpeg_compress_struct *jpeg,
                           const vlt_jpeg_encode_options *options)
{
    jpeg_set_defaults(jpeg);
    if (options->subsampling == VLT_JPEG_GRAY) {
        jpeg_set_colorspace(jpeg, JCS_GRAYSCALE);
    } else {
        jpeg->comp_info[0].h_samp_factor = options->subsampling == VLT_JPEG_444 ? 1 : 2;
        jpeg->comp_info[0].v_samp_factor = options->subsampling == VLT_JPEG_420 ? 2 : 1;
    }
    jpeg_set_quality(jpeg, options->quality ? options->quality : DEFAULT_QUALITY, TRUE);
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->restart_in_rows = options->restart_rows;
    if (options->progressive) {
        jpeg_simple_progression(jpeg);
    }
}

/* False: encoder->message says why. */
static bool compress(struct encoder *encoder, const uint8_t *rgb, int64_t width, int64_t height,
                     const vlt_jpeg_encode_options *options)
{
    if (setjmp(encoder->failed)) {
        if (encoder->jpeg.dest) { /* only now does `bytes` follow a buffer that has grown */
            encoder->jpeg.dest->term_destination(&encoder->jpeg);
        }
        return false;
    }
    jpeg_create_compress(&encoder->jpeg);
    jpeg_mem_dest(&encoder->jpeg, &encoder->bytes, &encoder->byte_count);
    encoder->jpeg.image_width = (JDIMENSION)width;
    encoder->jpeg.image_height = (JDIMENSION)height;
    encoder->jpeg.input_components = 3;
    encoder->jpeg.in_color_space = JCS_RGB;
    set_parameters(&encoder->jpeg, options);
    jpeg_start_compress(&encoder->jpeg, TRUE);
    while (encoder->jpeg.next_scanline < encoder->jpeg.image_height) {
        /* libjpeg's row type lacks a const; it only reads. */
        JSAMPROW row = (JSAMPROW)rgb + (size_t)encoder->jpeg.next_scanline * (size_t)width * 3;
        jpeg_write_scanlines(&encoder->jpeg, &row, 1);
    }
    jpeg_finish_compress(&encoder->jpeg);
    return true;
}

vlt_status vlt_jpeg_encode(const uint8_t *rgb, int64_t width, int64_t height,
                           const vlt_jpeg_encode_options *options, uint8_t **out, size_t *out_bytes,
                           vlt_error *err)
{
    static const vlt_jpeg_encode_options defaults = {.subsampling = VLT_JPEG_444};
    *out = NULL;
    *out_bytes = 0;
    options = options ? options : &defaults;
    vlt_status status = check(width, height, options, err);
    if (status != VLT_OK) {
        return status;
    }
    struct encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "JPEG: out of memory");
    }
    encoder->jpeg.err = jpeg_std_error(&encoder->errors);
    encoder->errors.error_exit = on_error;
    encoder->errors.output_message = on_message;
    encoder->jpeg.client_data = encoder;
    if (compress(encoder, rgb, width, height, options)) {
        *out = encoder->bytes;
        *out_bytes = encoder->byte_count;
    } else {
        status = vlt_fail(err,
                          encoder->errors.msg_code == JERR_OUT_OF_MEMORY ? VLT_STATUS_NOMEM
                                                                         : VLT_STATUS_INTERNAL,
                          "JPEG encoder: %s", encoder->message);
        free(encoder->bytes);
    }
    jpeg_destroy_compress(&encoder->jpeg);
    free(encoder);
    return status;
}

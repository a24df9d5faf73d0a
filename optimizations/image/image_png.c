#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "optimizations/image/image_exif.h"
#include "optimizations/image/image_internal.h"
#include "optimizations/image/image_png_chunks.h"
#include "optimizations/image/image_png_texts.h"

enum { SIDE_MAX = 1 << 20 };

static vlt_status fail(int code, const char *what, vlt_error *err)
{
    return vlt_fail(err, code == SPNG_EMEM ? VLT_STATUS_NOMEM : VLT_STATUS_INPUT, "PNG: %s: %s",
                    what, spng_strerror(code));
}

/* The bytes that libspng reads: signature, critical chunks and tRNS up to the pixels' last chunk,
 * an end. */
struct source {
    vlt_png_walk walk;
    const uint8_t *piece;
    size_t left;
    bool ended;
};

static bool next_piece(struct source *source)
{
    static const uint8_t end[] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xAE, 0x42, 0x60, 0x82};
    vlt_png_chunk chunk;
    while (!source->ended && vlt_png_next(&source->walk, &chunk)) {
        if (source->walk.place == VLT_PNG_BEHIND) {
            source->ended = true;
            source->piece = end;
            source->left = sizeof end;
            return true;
        }
        /* a colour key with a wrong checksum is skipped by torch and was refused for Pillow */
        if (!vlt_png_is_ancillary(&chunk) ||
            (chunk.type == VLT_PNG_TRNS && vlt_png_checks(&chunk))) {
            source->piece = chunk.whole;
            source->left = chunk.whole_bytes;
            return true;
        }
    }
    return false;
}

static int read_source(spng_ctx *png, void *user, void *to, size_t bytes)
{
    struct source *source = user;
    uint8_t *out = to;
    (void)png;
    while (bytes) {
        if (!source->left && !next_piece(source)) {
            return SPNG_IO_EOF;
        }
        size_t taken = bytes < source->left ? bytes : source->left;
        memcpy(out, source->piece, taken);
        source->piece += taken;
        source->left -= taken;
        out += taken;
        bytes -= taken;
    }
    return 0;
}

/* torch does not look behind the pixels, and libpng keeps the first chunk whose checksum and byte
 * order are right. */
static int torch_orientation(const uint8_t *data, size_t bytes)
{
    vlt_png_walk walk;
    vlt_png_chunk chunk;
    vlt_png_walk_init(&walk, data, bytes);
    while (vlt_png_next(&walk, &chunk) && walk.place == VLT_PNG_BEFORE) {
        const uint8_t *d = chunk.data;
        if (chunk.type == VLT_PNG_EXIF && vlt_png_checks(&chunk) && chunk.bytes >= 4 &&
            d[0] == d[1] && (d[0] == 'I' || d[0] == 'M')) {
            return vlt_exif_as_torch(d, chunk.bytes);
        }
    }
    return 0;
}

static vlt_status read_texts(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                             int *orientation, vlt_error *err)
{
    vlt_png_texts texts;
    if (!policy->pillow) {
        *orientation = policy->rotate ? torch_orientation(data, bytes) : 0;
        return VLT_OK;
    }
    vlt_status status = vlt_png_texts_read(data, bytes, policy->twelve, &texts, err);
    return status == VLT_OK && policy->rotate
               ? vlt_png_texts_orientation(&texts, policy->twelve, orientation, err)
               : status;
}

/* Is transparency one colour of 8-bit samples? (16-bit gray, which Pillow gets wrong, is left to
 * libspng, which compares all bits.) */
static bool is_keyed(const struct spng_ihdr *header)
{
    return header->color_type == SPNG_COLOR_TYPE_TRUECOLOR ||
           (header->color_type == SPNG_COLOR_TYPE_GRAYSCALE && header->bit_depth < 16);
}

/* Pillow turns a lone transparent palette entry into a colour, and keeps the colour key of gray and
 * RGB; it forgets several entries. The key is compared with 8-bit samples, of which 16-bit files
 * keep the high byte, and without scaling, so that it rarely matches 2- and 4-bit gray. */
static bool lone_key(spng_ctx *png, const struct spng_ihdr *header, uint8_t *key)
{
    struct spng_trns trns;
    struct spng_plte palette;
    if (spng_get_trns(png, &trns)) {
        return false;
    }
    switch (header->color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE:
        if (header->bit_depth == 16) {
            return false;
        }
        key[0] = key[1] = key[2] = (uint8_t)(header->bit_depth == 1 ? (trns.gray ? 255 : 0)
                                                                    : trns.gray);
        return true;
    case SPNG_COLOR_TYPE_TRUECOLOR:
        key[0] = (uint8_t)trns.red;
        key[1] = (uint8_t)trns.green;
        key[2] = (uint8_t)trns.blue;
        return true;
    case SPNG_COLOR_TYPE_INDEXED:
        break;
    default:
        return false;
    }
    int lone = -1;
    for (int i = 0; i < (int)trns.n_type3_entries; i++) {
        int alpha = trns.type3_alpha[i];
        if ((alpha != 0 && alpha != 255) || (alpha == 0 && lone >= 0)) {
            return false;
        }
        lone = alpha == 0 ? i : lone;
    }
    if (lone < 0 || spng_get_plte(png, &palette) || lone >= (int)palette.n_entries) {
        return false;
    }
    key[0] = palette.entries[lone].red;
    key[1] = palette.entries[lone].green;
    key[2] = palette.entries[lone].blue;
    return true;
}

static void key_to_white(uint8_t *rgb, int64_t pixels, const uint8_t *key)
{
    for (int64_t i = 0; i < pixels; i++) {
        if (!memcmp(rgb + 3 * i, key, 3)) {
            memset(rgb + 3 * i, 255, 3);
        }
    }
}

/* Rows through RGBA, so that the transparency of every kind of file comes out as alpha; of an
 * interlaced file the rows come in pieces, so that all of them are needed. */
static vlt_status decode_on_white(spng_ctx *png, bool interlaced, vlt_image *image, vlt_error *err)
{
    size_t row = (size_t)image->w * 4, bytes = interlaced ? row * (size_t)image->h : row;
    void *rgba;
    vlt_status status = vlt_alloc_raw(bytes, &rgba, err);
    if (status != VLT_OK) {
        return status;
    }
    int code = spng_decode_image(png, interlaced ? rgba : NULL, interlaced ? bytes : 0,
                                 SPNG_FMT_RGBA8,
                                 SPNG_DECODE_TRNS | (interlaced ? 0 : SPNG_DECODE_PROGRESSIVE));
    if (interlaced && !code) {
        vlt_image_from_rgba(rgba, image->rgb, image->h * image->w, true);
    }
    for (int64_t y = 0; !interlaced && !code && y < image->h; y++) {
        code = spng_decode_row(png, rgba, bytes);
        if (!code || code == SPNG_EOI) {
            vlt_image_from_rgba(rgba, image->rgb + y * image->w * 3, image->w, true);
            code = y + 1 == image->h ? 0 : code;
        }
    }
    vlt_free(rgba);
    return code ? fail(code, "data", err) : VLT_OK;
}

/* A file whose header has been read. */
struct png {
    struct source source;
    spng_ctx *spng;
    struct spng_ihdr header;
    int orientation;
    bool white;  /* everything transparent is put on white */
    bool by_key; /* a single transparent colour is */
};

/* On failure spng_ctx_free(png->spng) is still to be called; *png must stay where it is. */
static vlt_status open_png(struct png *png, const uint8_t *data, size_t bytes,
                           const vlt_image_policy *policy, vlt_error *err)
{
    *png = (struct png){.source = {.piece = data, .left = VLT_PNG_SIGNATURE}};
    vlt_status status = vlt_png_check_size(data, bytes, err);
    if (status == VLT_OK) {
        status = read_texts(data, bytes, policy, &png->orientation, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    png->spng = spng_ctx_new(0);
    if (!png->spng) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "PNG: out of memory");
    }
    vlt_png_walk_init(&png->source.walk, data, bytes);
    int code = spng_set_image_limits(png->spng, SIDE_MAX, SIDE_MAX);
    code = code ? code : spng_set_png_stream(png->spng, read_source, &png->source);
    code = code ? code : spng_get_ihdr(png->spng, &png->header);
    const bool keyed = is_keyed(&png->header);
    png->white = policy->white && !keyed;
    png->by_key = policy->white_key || (policy->white && keyed);
    return code ? fail(code, "header", err) : VLT_OK;
}

static vlt_status decode_pixels(struct png *png, vlt_image *image, vlt_error *err)
{
    if (png->white) {
        return decode_on_white(png->spng, png->header.interlace_method != 0, image, err);
    }
    size_t bytes = (size_t)image->h * (size_t)image->w * 3;
    int code = spng_decode_image(png->spng, image->rgb, bytes, SPNG_FMT_RGB8, 0);
    return code ? fail(code, "data", err) : VLT_OK;
}

vlt_status vlt_image_decode_png(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                                vlt_image *image, vlt_error *err)
{
    struct png png;
    uint8_t key[3];
    vlt_status status = open_png(&png, data, bytes, policy, err);
    image->orientation = png.orientation;
    if (status == VLT_OK) {
        int64_t h = png.header.height, w = png.header.width;
        uint64_t work = png.white ? (uint64_t)(h * w) * 4 : 0;
        status = vlt_image_alloc(image, h, w, policy, work, "PNG", err);
    }
    if (status == VLT_OK) {
        status = decode_pixels(&png, image, err);
    }
    if (status == VLT_OK && png.by_key && lone_key(png.spng, &png.header, key)) {
        key_to_white(image->rgb, image->h * image->w, key);
    }
    spng_ctx_free(png.spng);
    return status;
}

struct vlt_png_rows {
    struct png png;
    uint8_t *rgba; /* a row, where transparency is put on white */
    uint8_t key[3];
    bool started, keyed;
    int64_t done;
};

vlt_status vlt_png_rows_open(const uint8_t *data, size_t bytes, const vlt_image_policy *policy,
                             vlt_png_rows **out, int64_t *h, int64_t *w)
{
    vlt_png_rows *rows = calloc(1, sizeof *rows);
    if (!rows) {
        return VLT_STATUS_NOMEM;
    }
    vlt_status status = open_png(&rows->png, data, bytes, policy, NULL);
    if (status == VLT_OK &&
        (rows->png.header.interlace_method || (policy->rotate && rows->png.orientation > 1))) {
        status = VLT_STATUS_UNSUPPORTED;
    }
    *h = rows->png.header.height;
    *w = rows->png.header.width;
    if (status == VLT_OK && rows->png.white) {
        rows->rgba = malloc((size_t)*w * 4);
        status = rows->rgba ? VLT_OK : VLT_STATUS_NOMEM;
    }
    if (status != VLT_OK) {
        vlt_png_rows_close(rows);
        return status;
    }
    *out = rows;
    return VLT_OK;
}

void vlt_png_rows_close(vlt_png_rows *rows)
{
    if (rows) {
        spng_ctx_free(rows->png.spng);
        free(rows->rgba);
        free(rows);
    }
}

/* The colour key is known when all that stands before the pixels has been read. */
static int start_rows(vlt_png_rows *rows)
{
    struct png *png = &rows->png;
    int code = spng_decode_image(png->spng, NULL, 0, png->white ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8,
                                 SPNG_DECODE_PROGRESSIVE | (png->white ? SPNG_DECODE_TRNS : 0));
    rows->keyed = !code && png->by_key && lone_key(png->spng, &png->header, rows->key);
    rows->started = true;
    return code;
}

vlt_status vlt_png_rows_read(vlt_png_rows *rows, int64_t count, uint8_t *rgb, int64_t stride,
                             vlt_error *err)
{
    struct png *png = &rows->png;
    const int64_t h = png->header.height, w = png->header.width;
    int code = rows->started ? 0 : start_rows(rows);
    for (int64_t i = 0; i < count && !code; i++, rgb += stride) {
        code = spng_decode_row(png->spng, rows->rgba ? rows->rgba : rgb,
                               (size_t)w * (rows->rgba ? 4 : 3));
        rows->done++;
        code = code == SPNG_EOI && rows->done == h ? 0 : code;
        if (!code && rows->rgba) {
            vlt_image_from_rgba(rows->rgba, rgb, w, true);
        }
        if (!code && rows->keyed) {
            key_to_white(rgb, w, rows->key);
        }
    }
    return code ? fail(code, "data", err) : VLT_OK;
}

#include "optimizations/image/image_png_texts.h"

#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/core/zip.h"
#include "optimizations/image/image_exif.h"
#include "optimizations/image/image_png_chunks.h"

#define TYPE_ICCP VLT_PNG_TYPE('i', 'C', 'C', 'P')
#define TYPE_TEXT VLT_PNG_TYPE('t', 'E', 'X', 't')
#define TYPE_ZTXT VLT_PNG_TYPE('z', 'T', 'X', 't')
#define TYPE_ITXT VLT_PNG_TYPE('i', 'T', 'X', 't')

/* Profiles and broken texts are not counted by Pillow; here all that inflates is. */
enum { INFLATED_MAX = 2 * VLT_PNG_TEXTS_MAX };

/* A part of a chunk, or of the text that it inflates to. */
struct span {
    const uint8_t *data;
    size_t bytes;
};

struct reader {
    vlt_png_texts *texts;
    vlt_png_chunk chunk;
    bool twelve;
    size_t characters; /* of all texts so far */
    size_t inflated;   /* bytes, of everything so far */
    void *room;        /* VLT_PNG_TEXT_MAX bytes for the text at hand, or NULL */
    vlt_error *err;
};

/* What stands before the next NUL; *rest moves behind it. False: no NUL. */
static bool cut_word(struct span *rest, struct span *word)
{
    const uint8_t *end = rest->bytes ? memchr(rest->data, 0, rest->bytes) : NULL;
    if (!end) {
        return false;
    }
    *word = (struct span){rest->data, (size_t)(end - rest->data)};
    *rest = (struct span){end + 1, rest->bytes - word->bytes - 1};
    return true;
}

static bool is_word(struct span word, const char *text)
{
    return word.bytes == strlen(text) && !memcmp(word.data, text, word.bytes);
}

static vlt_status refuse_method(struct reader *reader, int method)
{
    return vlt_fail(reader->err, VLT_STATUS_INPUT, "PNG: %s: compression method %d, expected 0",
                    reader->chunk.name, method);
}

/* text->data[bytes] is what packed inflates to. *broken: it is no zlib stream; one that is merely
 * cut gives what it has. */
static vlt_status inflate_text(struct reader *reader, struct span packed, struct span *text,
                               bool *broken)
{
    vlt_unzipped unzipped;
    vlt_status status = reader->room ? VLT_OK
                                     : vlt_alloc_raw(VLT_PNG_TEXT_MAX, &reader->room, reader->err);
    if (status == VLT_OK) {
        status = vlt_unzip(packed.data, packed.bytes, reader->room, VLT_PNG_TEXT_MAX, &unzipped,
                           reader->err);
    }
    if (status != VLT_OK) {
        return vlt_fail_in(reader->err, status, "PNG: %s: ", reader->chunk.name);
    }
    *text = (struct span){reader->room, unzipped.bytes};
    *broken = unzipped.broken;
    reader->inflated += text->bytes;
    if (!unzipped.ended && !*broken && unzipped.left_bytes > 0) {
        return vlt_fail(reader->err, VLT_STATUS_INPUT,
                        "PNG: %s: %zu bytes expand to more than %d, refused as Pillow does",
                        reader->chunk.name, packed.bytes, VLT_PNG_TEXT_MAX);
    }
    return reader->inflated > INFLATED_MAX
               ? vlt_fail(reader->err, VLT_STATUS_LIMIT,
                          "PNG: compressed texts and profiles expand to more than %d bytes",
                          INFLATED_MAX)
               : VLT_OK;
}

static vlt_status read_profile(struct reader *reader, struct span chunk)
{
    struct span name, rest = chunk, text;
    bool broken;
    if (!cut_word(&rest, &name) || !rest.bytes) {
        return vlt_fail(reader->err, VLT_STATUS_INPUT,
                        "PNG: iCCP: %zu bytes without a name and a profile", chunk.bytes);
    }
    if (rest.data[0] != 0) {
        return refuse_method(reader, rest.data[0]);
    }
    return inflate_text(reader, (struct span){rest.data + 1, rest.bytes - 1}, &text, &broken);
}

static vlt_status keep_text(struct reader *reader, struct span key, struct span text,
                            size_t characters)
{
    vlt_png_texts *texts = reader->texts;
    int orientation = 0;
    vlt_status status = VLT_OK;
    if (is_word(key, "exif")) { /* only of the plain chunk are the bytes needed, and stay */
        texts->exif.data = reader->chunk.data;
        texts->exif.characters = reader->chunk.type != TYPE_TEXT;
        texts->exif.data = texts->exif.characters ? texts->exif.data : text.data;
        texts->exif.bytes = text.bytes;
        texts->exif.added = false;
    } else if (is_word(key, "Raw profile type exif")) {
        status = vlt_png_raw_profile(text.data, text.bytes, reader->twelve, texts, reader->err);
    } else if (is_word(key, "XML:com.adobe.xmp")) {
        orientation = vlt_xmp_orientation(text.data, text.bytes);
        texts->xmp_text.there = text.bytes > 0;
        texts->xmp_text.orientation = orientation;
    } else if (is_word(key, "xmp")) {
        texts->xmp.there = text.bytes > 0;
        texts->xmp.characters = true;
    }
    reader->characters += characters;
    return status == VLT_OK && reader->characters > VLT_PNG_TEXTS_MAX
               ? vlt_fail(reader->err, VLT_STATUS_INPUT,
                          "PNG: texts of more than %d characters, refused as Pillow does",
                          VLT_PNG_TEXTS_MAX)
               : status;
}

static vlt_status read_latin(struct reader *reader, struct span chunk)
{
    struct span key, text = chunk;
    bool broken = false;
    vlt_status status = VLT_OK;
    if (!cut_word(&text, &key)) {
        key = chunk;
        text = (struct span){chunk.data + chunk.bytes, 0};
    }
    if (reader->chunk.type == TYPE_ZTXT && text.bytes) {
        if (text.data[0] != 0) {
            return refuse_method(reader, text.data[0]);
        }
        status = inflate_text(reader, (struct span){text.data + 1, text.bytes - 1}, &text, &broken);
        text.bytes = broken ? 0 : text.bytes;
    }
    return status == VLT_OK && key.bytes ? keep_text(reader, key, text, text.bytes) : status;
}

static size_t count_characters(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        count += (text.data[i] & 0xC0) != 0x80;
    }
    return count;
}

static bool is_utf8(struct span text)
{
    return vlt_utf8_valid((const char *)text.data, text.bytes);
}

/* key, NUL, is it compressed, method, language, NUL, translated key, NUL, text. What is not so is
 * passed over. */
static vlt_status read_international(struct reader *reader, struct span chunk)
{
    struct span key, language, translated, text = chunk;
    if (!cut_word(&text, &key) || text.bytes < 2) {
        return VLT_OK;
    }
    int packed = text.data[0], method = text.data[1];
    text = (struct span){text.data + 2, text.bytes - 2};
    if (!cut_word(&text, &language) || !cut_word(&text, &translated) || (packed && method)) {
        return VLT_OK;
    }
    if (packed) {
        bool broken;
        vlt_status status = inflate_text(reader, text, &text, &broken);
        if (status != VLT_OK || broken) {
            return status;
        }
    }
    if (is_word(key, "XML:com.adobe.xmp")) {
        reader->texts->xmp.there = text.bytes > 0;
        reader->texts->xmp.characters = false;
        reader->texts->xmp.orientation = vlt_xmp_orientation(text.data, text.bytes);
    }
    return is_utf8(language) && is_utf8(translated) && is_utf8(text)
               ? keep_text(reader, key, text, count_characters(text))
               : VLT_OK;
}

static vlt_status read_chunk(struct reader *reader)
{
    const vlt_png_chunk *chunk = &reader->chunk;
    struct span body = {chunk->data, chunk->bytes};
    switch (chunk->type) {
    case TYPE_ICCP:
        return read_profile(reader, body);
    case TYPE_TEXT:
    case TYPE_ZTXT:
        return read_latin(reader, body);
    case TYPE_ITXT:
        return read_international(reader, body);
    case VLT_PNG_EXIF:
        reader->texts->exif.data = body.data;
        reader->texts->exif.bytes = body.bytes;
        reader->texts->exif.added = true;
        reader->texts->exif.characters = false;
        return VLT_OK;
    default:
        return VLT_OK;
    }
}

vlt_status vlt_png_texts_read(const uint8_t *data, size_t bytes, bool twelve, vlt_png_texts *out,
                              vlt_error *err)
{
    vlt_png_walk walk;
    struct reader reader = {.texts = out, .twelve = twelve, .err = err};
    const vlt_png_chunk *chunk = &reader.chunk;
    vlt_status status = VLT_OK;
    *out = (vlt_png_texts){0};
    vlt_png_walk_init(&walk, data, bytes);
    while (status == VLT_OK && vlt_png_next(&walk, &reader.chunk)) {
        if (walk.place == VLT_PNG_PIXELS || chunk->type == VLT_PNG_IEND) {
            continue;
        }
        if (chunk->bytes < chunk->length) {
            status = vlt_fail(err, VLT_STATUS_INPUT, "PNG: chunk %s of %zu bytes ends after %zu",
                              vlt_quoted(chunk->name, 4).text, chunk->length, chunk->bytes);
        } else if (walk.place == VLT_PNG_BEFORE && !vlt_png_checks(chunk)) {
            status = vlt_fail(err, VLT_STATUS_INPUT, "PNG: chunk %s: wrong checksum",
                              vlt_quoted(chunk->name, 4).text);
        } else {
            status = read_chunk(&reader);
        }
    }
    vlt_free(reader.room);
    return status;
}

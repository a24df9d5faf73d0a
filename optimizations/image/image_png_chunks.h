/* image_png_chunks.h: the chunks of a PNG, one after the other, and what its pixels need.
 *
 * libspng is given the chunks that make pixels and nothing else: texts and profiles may expand a
 * thousandfold, and the references differ in what a broken one means (image_png_texts.h).
 */
#ifndef VLT_IMAGE_PNG_CHUNKS_H
#define VLT_IMAGE_PNG_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

#define VLT_PNG_TYPE(a, b, c, d) \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define VLT_PNG_IHDR VLT_PNG_TYPE('I', 'H', 'D', 'R')
#define VLT_PNG_IDAT VLT_PNG_TYPE('I', 'D', 'A', 'T')
#define VLT_PNG_IEND VLT_PNG_TYPE('I', 'E', 'N', 'D')
#define VLT_PNG_TRNS VLT_PNG_TYPE('t', 'R', 'N', 'S')
#define VLT_PNG_EXIF VLT_PNG_TYPE('e', 'X', 'I', 'f')

enum { VLT_PNG_SIGNATURE = 8, VLT_PNG_CHUNK_HEAD = 8, VLT_PNG_CRC = 4 };

typedef struct vlt_png_walk {
    const uint8_t *data;
    size_t bytes, at; /* at: of the next chunk */
    enum { VLT_PNG_BEFORE, VLT_PNG_PIXELS, VLT_PNG_BEHIND } place;
} vlt_png_walk;

typedef struct vlt_png_chunk {
    uint32_t type;
    char name[5];
    const uint8_t *data;  /* view of the file */
    size_t bytes;         /* that are there */
    size_t length;        /* that the chunk says: more where the file ends inside it */
    const uint8_t *whole; /* head, data and checksum as far as they are there */
    size_t whole_bytes;
} vlt_png_chunk;

static inline uint32_t vlt_png_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void vlt_png_walk_init(vlt_png_walk *walk, const uint8_t *data, size_t bytes);

/* False where no chunk head is left or after IEND. walk->place is where the chunk stands: before
 * the pixels, among them (IDAT), behind. */
bool vlt_png_next(vlt_png_walk *walk, vlt_png_chunk *out);

bool vlt_png_is_ancillary(const vlt_png_chunk *chunk);

/* Is the checksum there and right? */
bool vlt_png_checks(const vlt_png_chunk *chunk);

/* INPUT where the data of the pixels is too short for them whatever it holds: deflate expands at
 * most 1,032 times. Allocates nothing. A header that makes no sense passes. */
vlt_status vlt_png_check_size(const uint8_t *data, size_t bytes, vlt_error *err);

#endif

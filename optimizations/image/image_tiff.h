/* image_tiff.h: numbers of a TIFF structure in either byte order; for the readers of EXIF. */
#ifndef VLT_IMAGE_TIFF_H
#define VLT_IMAGE_TIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VLT_TIFF_ENTRY_BYTES = 12, VLT_TIFF_ORIENTATION = 0x0112 };

typedef struct vlt_tiff {
    const uint8_t *data;
    size_t bytes;
    bool little;
} vlt_tiff;

/* The caller has checked that the bytes are there. */
static inline uint32_t vlt_tiff_u16(const vlt_tiff *tiff, size_t at)
{
    const uint8_t *p = tiff->data + at;
    return tiff->little ? (uint32_t)(p[0] | p[1] << 8) : (uint32_t)(p[0] << 8 | p[1]);
}

static inline uint32_t vlt_tiff_u32(const vlt_tiff *tiff, size_t at)
{
    uint32_t a = vlt_tiff_u16(tiff, at), b = vlt_tiff_u16(tiff, at + 2);
    return tiff->little ? a | b << 16 : a << 16 | b;
}

static inline uint64_t vlt_tiff_u64(const vlt_tiff *tiff, size_t at)
{
    uint64_t a = vlt_tiff_u32(tiff, at), b = vlt_tiff_u32(tiff, at + 4);
    return tiff->little ? a | b << 32 : a << 32 | b;
}

#endif

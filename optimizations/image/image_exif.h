/* image_exif.h: the orientation tag of EXIF and XMP, read as each reference reads it.
 *
 * The references are lenient in ways of their own and both look at one tag of IFD0 only, so these
 * are readers of that one tag instead of a library that repairs what it reads. What they answer on
 * hundreds of odd blocks is in tests/reference/exif_cases.tsv.
 */
#ifndef VLT_IMAGE_EXIF_H
#define VLT_IMAGE_EXIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

enum { VLT_ORIENTATION_MAX = 8 };

/* torchvision: tiff[bytes] begins with II, or with anything that is then read as MM; the first two
 * bytes of the first such entry's value are the orientation, whatever type and count say. 1 to 8,
 * else 0. */
int vlt_exif_as_torch(const uint8_t *tiff, size_t bytes);

typedef enum vlt_exif_answer {
    VLT_EXIF_SILENT, /* no such tag: XMP is asked */
    VLT_EXIF_SPEAKS, /* there is one, whatever its value: XMP is not asked */
    VLT_EXIF_BROKEN  /* no TIFF header: Pillow fails */
} vlt_exif_answer;

/* Pillow: data[bytes] as files carry it, "Exif\0\0" before the TIFF header or not (`added`: Pillow
 * puts one more before it). *orientation is 1 to 8, or 0 where the tag's first number is another
 * one or no number. twelve: as Pillow 12 (any number of prefixes; of a tag's entries the last),
 * else 13 (two; the first). */
vlt_exif_answer vlt_exif_as_pillow(const uint8_t *data, size_t bytes, bool added, bool twelve,
                                   int *orientation);

/* INPUT, for an answer VLT_EXIF_BROKEN. */
vlt_status vlt_exif_refuse(const char *format, vlt_error *err);

/* tiff:Orientation of an XMP packet: 1 to 8, else 0. */
int vlt_xmp_orientation(const uint8_t *data, size_t bytes);

#endif

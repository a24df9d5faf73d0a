/* image_exif.h: the orientation tag of EXIF and XMP, read as each reference reads it.
 *
 * The references are lenient in ways of their own and both look at one tag of IFD0 only, so this is
 * a reader of that one tag instead of a library that repairs what it reads.
 */
#ifndef VLT_IMAGE_EXIF_H
#define VLT_IMAGE_EXIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* tiff[bytes] begins with II or MM. Value of tag 0x0112 in IFD0 when it is 1 to 8, else 0. typed:
 * only a single integer of a type that may hold it counts (Pillow); else its first two bytes do
 * (torch). */
int vlt_exif_orientation(const uint8_t *tiff, size_t bytes, bool typed);

/* EXIF as files carry it: "Exif\0\0" once, twice or not at all before the TIFF header. */
int vlt_exif_orientation_prefixed(const uint8_t *data, size_t bytes);

/* tiff:Orientation of an XMP packet: 1 to 8, else 0. */
int vlt_xmp_orientation(const uint8_t *data, size_t bytes);

#endif

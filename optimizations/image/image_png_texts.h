/* image_png_texts.h: texts, profiles and EXIF of a PNG as Pillow reads them.
 *
 * Pillow inflates each compressed text (zTXt, iTXt) and profile (iCCP) to at most 1 MiB, keeps at
 * most 64 MiB of texts, and refuses the image where that is not enough; a broken one counts as
 * empty. Before the pixels a wrong checksum is refused, behind them it is not looked at. EXIF may
 * stand in a chunk or in a text, XMP in texts. (torchvision skips whatever it cannot read.)
 */
#ifndef VLT_IMAGE_PNG_TEXTS_H
#define VLT_IMAGE_PNG_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

enum { VLT_PNG_TEXT_MAX = 1 << 20, VLT_PNG_TEXTS_MAX = 64 << 20 };

/* What Pillow keeps by name and looks at for the orientation; the last chunk of a name counts. */
typedef struct vlt_png_texts {
    struct {
        const uint8_t *data; /* view of the file; NULL: none */
        size_t bytes;
        bool added;      /* Pillow puts "Exif\0\0" before it */
        bool characters; /* from a text that Pillow keeps as characters: it fails over them */
    } exif;
    struct {
        bool there, broken; /* broken: hexadecimal digits that are none */
        int answer;         /* vlt_exif_answer */
        int orientation;
    } raw_profile;
    struct {
        bool there; /* and not empty */
        bool characters;
        int orientation;
    } xmp_text, xmp;
} vlt_png_texts;

/* Reads data[bytes], a whole PNG. INPUT: what Pillow would refuse, and in which chunk. twelve: as
 * Pillow 12, else 13. */
vlt_status vlt_png_texts_read(const uint8_t *data, size_t bytes, bool twelve, vlt_png_texts *out,
                              vlt_error *err);

/* 1 to 8, or 0. INPUT where Pillow fails over them. */
vlt_status vlt_png_texts_orientation(const vlt_png_texts *texts, bool twelve, int *out,
                                     vlt_error *err);

/* "\nexif\n     LENGTH\nHEX...", as ImageMagick writes it, into texts->raw_profile. */
vlt_status vlt_png_raw_profile(const uint8_t *text, size_t bytes, bool twelve, vlt_png_texts *texts,
                               vlt_error *err);

#endif

/* image_format.h: what a file is, by its first bytes. */
#ifndef VLT_IMAGE_FORMAT_H
#define VLT_IMAGE_FORMAT_H

#include <stdbool.h>

#include "optimizations/image/image.h"

/* JPEG, PNG or WebP? */
bool vlt_image_sniff(const uint8_t *data, size_t bytes, vlt_image_format *out);

/* What people have instead: "a GIF image", "an HTML page"; NULL for anything unknown. Static. */
const char *vlt_image_format_name(const uint8_t *data, size_t bytes);

#endif

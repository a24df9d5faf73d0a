/* media.h: where the bytes of an image come from: a path or a data URI. */
#ifndef VLT_HARNESS_MEDIA_H
#define VLT_HARNESS_MEDIA_H

#include <stddef.h>
#include <stdint.h>

#include "harness/json/input.h"
#include "optimizations/core/status.h"

/* Reads `source`: a path (relative ones start at `files`, or at the current folder when that is
 * NULL), a file:// path, or a data URI with base64. Other schemes are refused: nothing is fetched.
 * stop, or NULL: asked while a pipe gives nothing, for INTERRUPTED. *out is malloc'ed. */
vlt_status vlt_media_read(const char *source, const char *files, const vlt_stop *stop,
                          uint8_t **out, size_t *bytes, vlt_error *err);

/* Is there something to read? A path must name a file that can be read; a data URI is not looked
 * into. */
vlt_status vlt_media_check(const char *source, const char *files, vlt_error *err);

/* Decodes base64 (white space allowed, padding optional). out needs room for 3 bytes per 4
 * characters. False when another character occurs or the length cannot be. */
int vlt_base64_decode(const char *text, size_t length, uint8_t *out, size_t *bytes);

/* The source as it can be found later from anywhere: relative paths become absolute, the rest
 * stays. malloc'ed, NULL when out of memory. */
char *vlt_media_absolute(const char *source, const char *files);

/* A source for messages, valid UTF-8: a path whole, of a data URI the beginning. malloc'ed, NULL
 * when out of memory. */
char *vlt_media_name(const char *source);

#endif

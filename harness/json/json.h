/* json.h: JSON in and out, over jansson; the only place that includes it.
 *
 * Code that reads JSON uses jansson's json_t directly; what this header adds is reading with limits
 * and one manner of error: every message names the document and the key. Values are made through
 * json_make.h.
 */
#ifndef VLT_HARNESS_JSON_H
#define VLT_HARNESS_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/json/input.h"
#include "optimizations/core/status.h"

#define VLT_JSON_HEX "_hex" /* ends the key of a name that is no UTF-8 */

/* Parses text[bytes] (one value, NUL as \u0000 allowed, nesting at most 2048 as jansson limits).
 * INPUT: "NAME:line:column: what". The result is owned: json_decref. */
vlt_status vlt_json_parse(const char *text, size_t bytes, const char *name, json_t **out,
                          vlt_error *err);

/* Reads a whole file, at most `limit` bytes, then parses it. IO or INPUT, naming the path. */
vlt_status vlt_json_load(const char *path, size_t limit, json_t **out, vlt_error *err);

/* Reads a whole file (or a pipe to its end) of at most `limit` bytes into *out (malloc'ed, a NUL
 * behind). */
vlt_status vlt_read_file(const char *path, size_t limit, char **out, size_t *bytes, vlt_error *err);

/* The same until `stop` (see input.h) says so: INTERRUPTED. */
vlt_status vlt_read_file_until(const char *path, size_t limit, const vlt_stop *stop, char **out,
                               size_t *bytes, vlt_error *err);

/* Reads a stream to its end, at most `limit` bytes, as above; `name` is for messages. */
vlt_status vlt_read_stream(FILE *stream, const char *name, size_t limit, char **out, size_t *bytes,
                           vlt_error *err);

/* Writes bytes to a file that appears whole or not at all (temporary beside it, fsync, rename). A
 * link is followed; a terminal, pipe or device is written into. */
vlt_status vlt_write_file(const char *path, const void *data, size_t bytes, vlt_error *err);

/* A member of `object`. Missing (or null): *found = false and *out untouched when `found` is given,
 * else INPUT "NAME: key 'k' is missing". Wrong type or out of range: INPUT with both values. */
vlt_status vlt_json_int(const json_t *object, const char *name, const char *key, int64_t low,
                        int64_t high, int64_t *out, bool *found, vlt_error *err);
vlt_status vlt_json_double(const json_t *object, const char *name, const char *key, double low,
                           double high, double *out, bool *found, vlt_error *err);
vlt_status vlt_json_bool(const json_t *object, const char *name, const char *key, bool *out,
                         bool *found, vlt_error *err);
/* A text with a NUL inside is refused: whoever takes it would see its beginning only. */
vlt_status vlt_json_text(const json_t *object, const char *name, const char *key, const char **out,
                         bool *found, vlt_error *err);
/* Exact bytes, malloc'ed, as vlt_json_set_bytes has put them: KEY, or KEY_hex. No NUL within. */
vlt_status vlt_json_bytes(const json_t *object, const char *name, const char *key, char **out,
                          bool *found, vlt_error *err);
vlt_status vlt_json_object(const json_t *object, const char *name, const char *key,
                           const json_t **out, bool *found, vlt_error *err);

/* The bytes that 2 * n hexadecimal digits stand for, with a NUL behind, malloc'ed. NULL: other
 * characters, a byte 0, or no memory. */
char *vlt_hex_decode(const char *text, size_t length);

/* A JSON line: the member "id", which is JSON text already, then those of `object`. As
 * vlt_json_print. */
vlt_status vlt_json_print_line(const char *id, const json_t *object, FILE *stream, vlt_error *err);

/* One document on a stream, whole or nothing of it, with a line feed: compact for JSON lines, else
 * indented by 2. Key order as inserted; reals with 17 digits; non-ASCII raw. IO when the stream
 * fails; NOMEM, and nothing is written, where value is NULL: it could not be made (json_make.h). */
vlt_status vlt_json_print(const json_t *value, bool compact, FILE *stream, vlt_error *err);

#endif

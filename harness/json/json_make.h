/* json_make.h: JSON values from text of strangers, with one check at the end.
 *
 * jansson gives NULL for a text that is no UTF-8 and where memory runs out, and a member that is
 * NULL is simply absent from what it was put into: an answer without its text. Here a value that
 * cannot be made makes NULL of everything that should hold it, up to the document, and
 * vlt_json_print and vlt_json_dump make an error of that. What is NULL may be given on, so that one
 * look at the end is enough. json_pack, json_string, json_object_set_new and json_array_append_new
 * are used nowhere else (tests/rules/json_is_checked.sh).
 *
 * Bytes that are no UTF-8, as names of files may hold them, appear as the text \xNN (the byte in
 * hexadecimal); all else is as it is.
 */
#ifndef VLT_HARNESS_JSON_MAKE_H
#define VLT_HARNESS_JSON_MAKE_H

#include "harness/json/json.h"

/* As json_pack, in its own manner: {s:VALUE, ...} and [VALUE, ...], where VALUE is a container or
 *     s   const char *: as vlt_json_name; s? null for NULL, s* no member for NULL
 *     i   int             I  json_int_t (long long)
 *     b   int, a boolean  f  double, null where it is not finite
 *     n   null            o  json_t *, taken over in every case (O: borrowed); NULL: nothing is
 * made Keys are valid UTF-8. New reference, or NULL. */
json_t *vlt_json_make(const char *format, ...);

/* A text, as printf makes it and vlt_json_name cleans it. */
json_t *vlt_json_format(const char *format, ...) VLT_PRINTF(1, 2);

/* A name or a message; invalid bytes as \xNN. NULL gives NULL. */
json_t *vlt_json_name(const char *name);
json_t *vlt_json_name_part(const char *name, size_t bytes);

/* What a model says or reads: every invalid byte becomes U+FFFD, as in the reference. */
json_t *vlt_json_string(const char *text, size_t bytes);

/* A number, or null when it is not finite. */
json_t *vlt_json_real(double value);

/* Exact bytes of a name, for what this program reads again itself (its children, its sessions):
 * under the key where they are UTF-8, else in hexadecimal under KEY_hex. vlt_json_bytes reads both.
 * NULL: no member. */
void vlt_json_set_bytes(json_t **object, const char *key, const char *bytes);

/* Put the value (taken over in every case) into *object under the key (any bytes), or behind the
 * last element of *array. Where that fails, or the value is NULL, the container is released and
 * becomes NULL; a NULL container stays one. The caller must hold the only reference to it. */
void vlt_json_set(json_t **object, const char *key, json_t *value);
void vlt_json_append(json_t **array, json_t *value);

/* The document as compact text, malloc'ed. NULL, with err filled, where value is NULL (it could not
 * be made) or memory runs out. */
char *vlt_json_dump(const json_t *value, vlt_error *err);
char *vlt_json_dump_as(const json_t *value, size_t flags, vlt_error *err); /* JSON_INDENT(2) ... */

#endif

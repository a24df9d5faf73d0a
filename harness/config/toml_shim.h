/* toml_shim.h: toml++ seen from C: the only place where C++ is used, and no exception leaves it.
 *
 * A parsed document is a tree of values that the document owns; every pointer and text below lives
 * until vlt_toml_destroy. The shim refuses what would only serve to exhaust the parser: a line of
 * more than VLT_TOML_DOTS_MAX dots or VLT_TOML_LINE_MAX bytes (each dotted key is one level of
 * recursion).
 */
#ifndef VLT_HARNESS_TOML_SHIM_H
#define VLT_HARNESS_TOML_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VLT_TOML_LINE_MAX = 4096, VLT_TOML_DOTS_MAX = 64 };

typedef enum vlt_toml_type {
    VLT_TOML_TABLE,
    VLT_TOML_ARRAY,
    VLT_TOML_STRING,
    VLT_TOML_INTEGER,
    VLT_TOML_REAL,
    VLT_TOML_BOOL,
    VLT_TOML_TIME /* any date or time */
} vlt_toml_type;

typedef struct vlt_toml vlt_toml;             /* a document */
typedef struct vlt_toml_value vlt_toml_value; /* borrowed from it */

/* Where and why a text is no TOML. line 0: no memory. */
typedef struct vlt_toml_error {
    int line;
    int column;
    char what[256];
} vlt_toml_error;

#ifdef __cplusplus
extern "C" {
#endif

/* NULL on failure, with *error filled. */
vlt_toml *vlt_toml_parse(const char *text, size_t bytes, vlt_toml_error *error);
void vlt_toml_destroy(vlt_toml *document); /* NULL is fine */
const vlt_toml_value *vlt_toml_root(const vlt_toml *document);

vlt_toml_type vlt_toml_type_of(const vlt_toml_value *value);
int vlt_toml_line(const vlt_toml_value *value); /* from 1 */

/* A table's member by key (NUL-terminated), an array's element by index; NULL when there is none
 * or value is of another type or NULL. */
const vlt_toml_value *vlt_toml_get(const vlt_toml_value *table, const char *key);
const vlt_toml_value *vlt_toml_at(const vlt_toml_value *array, size_t index);
size_t vlt_toml_count(const vlt_toml_value *value); /* members or elements, else 0 */

/* Calls visit for each member in order of key until it returns false. */
void vlt_toml_each(const vlt_toml_value *table,
                   bool (*visit)(void *user, const char *key, const vlt_toml_value *value),
                   void *user);

/* False (and *out untouched) when the value is of another type or NULL. A real takes integers. */
bool vlt_toml_string(const vlt_toml_value *value, const char **out, size_t *bytes);
bool vlt_toml_integer(const vlt_toml_value *value, int64_t *out);
bool vlt_toml_real(const vlt_toml_value *value, double *out);

#ifdef __cplusplus
}
#endif

#endif

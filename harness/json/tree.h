/* tree.h: a JSON document that keeps what was written.
 *
 * Beside json.h for two needs: conversations must be rendered exactly as Python would (numbers as
 * written, of any size; key order; of duplicate keys the last value at the first one's place), and
 * a vocabulary of 150,000 entries must load fast. Strict RFC 8259 plus Python's NaN, Infinity and
 * -Infinity; UTF-8 is checked, lone surrogates are refused, nesting is limited.
 */
#ifndef VLT_HARNESS_TREE_H
#define VLT_HARNESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"
#include "optimizations/core/utf8_text.h"

enum { VLT_TREE_DEPTH_MAX = 900 };

typedef enum vlt_tree_type {
    VLT_TREE_NULL,
    VLT_TREE_FALSE,
    VLT_TREE_TRUE,
    VLT_TREE_INTEGER, /* no point and no exponent in the text */
    VLT_TREE_REAL,
    VLT_TREE_STRING,
    VLT_TREE_ARRAY,
    VLT_TREE_OBJECT
} vlt_tree_type;

/* A value. Immutable. */
typedef struct vlt_tree {
    vlt_tree_type type;
    uint32_t count;   /* elements of an array, members of an object */
    size_t length;    /* bytes of a string or of a number as written */
    const char *text; /* string, escapes undone (may hold NUL, none behind), or number */
    const struct vlt_tree *child; /* array: [count]; object: [2 * count], key then value */
} vlt_tree;

typedef struct vlt_tree_document vlt_tree_document;

/* Parses text[bytes], one value. The text is borrowed and must outlive the document. INPUT:
 * "NAME: byte N: what". Members of an object with the same key are merged when `merge_keys`, else
 * kept as written. */
vlt_status vlt_tree_parse(const char *text, size_t bytes, const char *name, bool merge_keys,
                          vlt_tree_document **out, vlt_error *err);

/* The same of what is a whole file: one of no bytes is called empty. */
vlt_status vlt_tree_parse_file(const char *text, size_t bytes, const char *name, bool merge_keys,
                               vlt_tree_document **out, vlt_error *err);
void vlt_tree_destroy(vlt_tree_document *document); /* NULL is fine */
const vlt_tree *vlt_tree_root(const vlt_tree_document *document);

/* The member of an object, the last one where keys repeat; NULL when absent or no object. */
const vlt_tree *vlt_tree_get(const vlt_tree *object, const char *key);

static inline const vlt_tree *vlt_tree_key(const vlt_tree *object, uint32_t index)
{
    return &object->child[2 * index];
}

static inline const vlt_tree *vlt_tree_value(const vlt_tree *object, uint32_t index)
{
    return &object->child[2 * index + 1];
}

/* Is it this string? False for NULL and other types. */
bool vlt_tree_is(const vlt_tree *value, const char *text);

/* An integer within [low, high]; false for everything else. */
bool vlt_tree_int(const vlt_tree *value, int64_t low, int64_t high, int64_t *out);

/* A finite number; false for everything else. */
bool vlt_tree_double(const vlt_tree *value, double *out);

/* The value itself for messages: 'text' in quotes, a number as written, true, false, null; "an
 * array", "an object", "missing". For use inside one expression: vlt_tree_quoted(v).text. */
vlt_quoted_text vlt_tree_quoted(const vlt_tree *value);

#endif

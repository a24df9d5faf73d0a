/* scalar.h: the value of a parameter, or of an expression over parameters. */
#ifndef VLT_TUNER_SCALAR_H
#define VLT_TUNER_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum vlt_scalar_kind {
    VLT_SCALAR_INTEGER,
    VLT_SCALAR_REAL, /* finite */
    VLT_SCALAR_BOOL, /* computes as 0 and 1, prints as true and false */
    VLT_SCALAR_TEXT
} vlt_scalar_kind;

typedef struct vlt_scalar {
    vlt_scalar_kind kind;
    int64_t integer; /* also of VLT_SCALAR_BOOL */
    double real;
    const char *text; /* borrowed */
} vlt_scalar;

static inline vlt_scalar vlt_scalar_integer(int64_t integer)
{
    return (vlt_scalar){.kind = VLT_SCALAR_INTEGER, .integer = integer};
}

static inline vlt_scalar vlt_scalar_real(double real)
{
    return (vlt_scalar){.kind = VLT_SCALAR_REAL, .real = real};
}

static inline vlt_scalar vlt_scalar_bool(bool truth)
{
    return (vlt_scalar){.kind = VLT_SCALAR_BOOL, .integer = truth};
}

static inline vlt_scalar vlt_scalar_text(const char *text)
{
    return (vlt_scalar){.kind = VLT_SCALAR_TEXT, .text = text};
}

/* The number as a double; 0 for a text. */
double vlt_scalar_number(const vlt_scalar *value);

/* Numbers by size (1, 1.0 and true are equal), before texts by their bytes: -1, 0 or 1. */
int vlt_scalar_compare(const vlt_scalar *a, const vlt_scalar *b);

/* "64", "0.5", "true", "row-major"; reals read back to the same number. Truncates. */
void vlt_scalar_format(const vlt_scalar *value, char *text, size_t text_bytes);

#endif

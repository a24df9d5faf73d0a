/* matrix.h: a weight that knows what it is.
 *
 * A matrix is rows of numbers in one of the formats below, wherever they lie: mapped from a
 * checkpoint, read from another container, or made by a test. Nothing copies it; whoever needs
 * another arrangement asks the store of packs (packs.h). Matrices of one layer may differ in
 * format.
 */
#ifndef VLT_CORE_MATRIX_H
#define VLT_CORE_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/dtype.h"

/* X(code, number, values of a block, bytes of a block, name). A row is a whole number of blocks:
 * where its columns are no multiple, the last block is filled up, and what it holds behind the last
 * column is never read. The numbers stand in tuned configs: 1 to 3 equal those of vlt_dtype. */
#define VLT_FORMAT_MAP(X)                                              \
    X(BF16, 1, 1, 2, "BF16")                                           \
    X(F16, 2, 1, 2, "F16")                                             \
    X(F32, 3, 1, 4, "F32")                                             \
    X(I8_ROW, 4, 1, 1, "I8_ROW") /* int8 times the scale of the row */ \
    X(Q8_0, 5, 32, 34, "Q8_0")   /* an F16 scale, then 32 int8: llama.cpp's block of 8 bits */

typedef enum vlt_format {
#define VLT_FORMAT_ENUM(code, number, values, bytes, name) VLT_FORMAT_##code = (number),
    VLT_FORMAT_MAP(VLT_FORMAT_ENUM)
#undef VLT_FORMAT_ENUM
        VLT_FORMAT_END /* behind the last one */
} vlt_format;

/* For the help of a dimension that holds a format. */
#define VLT_FORMAT_HELP "1 BF16, 2 F16, 3 F32, 4 I8_ROW, 5 Q8_0"

/* "BF16"; "?" for what is no format. */
const char *vlt_format_name(vlt_format format);

/* Bytes of a row of `columns` values. */
size_t vlt_format_row_bytes(vlt_format format, int64_t columns);

/* Can the format be widened one value at a time: BF16, F16 or F32? */
static inline bool vlt_format_plain(vlt_format format)
{
    return format >= VLT_FORMAT_BF16 && format <= VLT_FORMAT_F32;
}

/* Borrowed data; passed by value. */
typedef struct vlt_matrix {
    const void *data;   /* [rows] of row_bytes; at any address: use loads that need no alignment */
    const float *scale; /* [rows], I8_ROW only; else NULL */
    int64_t rows, columns; /* outputs, inputs of a linear layer */
    size_t row_bytes;      /* from row to row, at least vlt_format_row_bytes */
    vlt_format format;
    uint64_t id; /* names the weight in the store of packs; 0: nobody shares it */
    bool mapped; /* data lies in a mapping of a file: its pages may go and come back */
} vlt_matrix;

/* A matrix whose rows follow each other without gaps. */
static inline vlt_matrix vlt_matrix_of(vlt_format format, const void *data, int64_t rows,
                                       int64_t columns)
{
    return (vlt_matrix){.data = data,
                        .rows = rows,
                        .columns = columns,
                        .row_bytes = vlt_format_row_bytes(format, columns),
                        .format = format};
}

static inline const unsigned char *vlt_matrix_row_data(const vlt_matrix *matrix, int64_t row)
{
    return (const unsigned char *)matrix->data + (size_t)row * matrix->row_bytes;
}

/* out[count] = elements first .. first + count - 1 of row `row`, as f32. */
void vlt_matrix_values(const vlt_matrix *matrix, int64_t row, int64_t first, int64_t count,
                       float *out);

/* out[columns] = row `row` as f32. */
static inline void vlt_matrix_row(const vlt_matrix *matrix, int64_t row, float *out)
{
    vlt_matrix_values(matrix, row, 0, matrix->columns, out);
}

#endif

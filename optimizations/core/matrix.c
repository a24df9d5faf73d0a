#include "optimizations/core/matrix.h"

static const struct {
    size_t values, bytes;
    const char *name;
} formats[VLT_FORMAT_END] = {
#define VLT_FORMAT_ROW(code, number, values, bytes, name) \
    [VLT_FORMAT_##code] = {values, bytes, name},
    VLT_FORMAT_MAP(VLT_FORMAT_ROW)
#undef VLT_FORMAT_ROW
};

static bool known(vlt_format format)
{
    return format > 0 && format < VLT_FORMAT_END;
}

const char *vlt_format_name(vlt_format format)
{
    return known(format) ? formats[format].name : "?";
}

size_t vlt_format_row_bytes(vlt_format format, int64_t columns)
{
    if (!known(format) || columns <= 0) {
        return 0;
    }
    size_t values = formats[format].values;
    return ((size_t)columns + values - 1) / values * formats[format].bytes;
}

void vlt_matrix_values(const vlt_matrix *matrix, int64_t row, int64_t first, int64_t count,
                       float *out)
{
    const unsigned char *data = vlt_matrix_row_data(matrix, row);
    const size_t values = formats[matrix->format].values, bytes = formats[matrix->format].bytes;
    switch (matrix->format) {
    case VLT_FORMAT_I8_ROW:
        for (int64_t i = 0; i < count; i++) {
            out[i] = (float)(int8_t)data[first + i] * matrix->scale[row];
        }
        break;
    case VLT_FORMAT_Q8_0:
        for (int64_t i = 0; i < count; i++) {
            size_t at = (size_t)(first + i);
            const unsigned char *block = data + at / values * bytes;
            out[i] = (float)(int8_t)block[2 + at % values] * vlt_f32_from_f16(vlt_u16_at(block, 0));
        }
        break;
    default: /* the plain ones are numbered as dtypes */
        vlt_f32_from((vlt_dtype)matrix->format, data + (size_t)first * bytes, (size_t)count, out);
        break;
    }
}

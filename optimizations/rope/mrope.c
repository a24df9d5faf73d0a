#include "optimizations/rope/mrope.h"

#include <math.h>
#include <stdbool.h>

void vlt_mrope_init(vlt_mrope *rope, int64_t head, double theta, const int64_t section[3])
{
    rope->slots = head / 2;
    for (int64_t i = 0; i < rope->slots; i++) {
        int64_t axis = i % 3;
        bool inside = axis && i < 3 * section[axis];
        rope->axis[i] = (unsigned char)(inside ? axis : 0);
        rope->frequency[i] = (float)pow(theta, -2.0 * (double)i / (double)head);
    }
}

void vlt_mrope_rows(const vlt_mrope *rope, const int32_t *position, int64_t stride, int64_t rows,
                    float *cos_table, float *sin_table)
{
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < rope->slots; i++) {
            float angle = (float)position[rope->axis[i] * stride + row] * rope->frequency[i];
            cos_table[row * rope->slots + i] = cosf(angle);
            sin_table[row * rope->slots + i] = sinf(angle);
        }
    }
}

void vlt_mrope_row(const vlt_mrope *rope, int64_t position, float *cos_row, float *sin_row)
{
    for (int64_t i = 0; i < rope->slots; i++) {
        float angle = (float)position * rope->frequency[i];
        cos_row[i] = cosf(angle);
        sin_row[i] = sinf(angle);
    }
}

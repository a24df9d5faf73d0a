/* Ceilings of the base ISA: what portable code can reach. */
#include "harness/measure/roofline_kernels.h"

enum { CHAINS = 32 };

double vlt_peak_f32_base(int64_t rounds, double *ops)
{
    float x[CHAINS];
    float sum = 0;
    for (int i = 0; i < CHAINS; i++) {
        x[i] = 1.0f + (float)i * 0.001f;
    }
    for (int64_t r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++) {
            x[i] = x[i] * 0.999f + 0.001f;
        }
    }
    for (int i = 0; i < CHAINS; i++) {
        sum += x[i];
    }
    *ops = (double)rounds * CHAINS * 2;
    return (double)sum;
}

uint64_t vlt_read_base(const void *data, size_t bytes)
{
    const uint64_t *word = data;
    uint64_t sum[4] = {0};
    for (size_t i = 0; i < bytes / sizeof *word; i += 4) {
        for (size_t k = 0; k < 4; k++) {
            sum[k] += word[i + k];
        }
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

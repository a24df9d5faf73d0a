#include <immintrin.h>

#include "harness/measure/roofline_kernels.h"

double vlt_peak_f32_avx512(int64_t rounds, double *ops)
{
    enum { CHAINS = 12 };
    __m512 x[CHAINS], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
    for (int i = 0; i < CHAINS; i++) {
        x[i] = _mm512_set1_ps(1.0f + (float)i * 0.01f);
    }
    for (int64_t r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++) {
            x[i] = _mm512_fmadd_ps(x[i], a, b);
        }
    }
    for (int i = 1; i < CHAINS; i++) {
        x[0] = _mm512_add_ps(x[0], x[i]);
    }
    *ops = (double)rounds * CHAINS * 16 * 2;
    return (double)_mm512_cvtss_f32(x[0]);
}

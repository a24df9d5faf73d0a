#include <immintrin.h>
#include <string.h>

#include "harness/measure/roofline_kernels.h"

double vlt_peak_bf16_avx512_bf16(int64_t rounds, double *ops)
{
    enum { CHAINS = 12 };
    __m512 x[CHAINS];
    __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
    __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.001f), _mm512_set1_ps(-0.001f));
    for (int i = 0; i < CHAINS; i++) {
        x[i] = _mm512_set1_ps((float)i);
    }
    for (int64_t r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++) {
            x[i] = _mm512_dpbf16_ps(x[i], a, b);
        }
    }
    for (int i = 1; i < CHAINS; i++) {
        x[0] = _mm512_add_ps(x[0], x[i]);
    }
    *ops = (double)rounds * CHAINS * 32 * 2;
    return (double)_mm512_cvtss_f32(x[0]);
}

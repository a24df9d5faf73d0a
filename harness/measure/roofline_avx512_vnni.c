#include <immintrin.h>

#include "harness/measure/roofline_kernels.h"

double vlt_peak_int8_avx512_vnni(int64_t rounds, double *ops)
{
    enum { CHAINS = 12 };
    __m512i x[CHAINS], u = _mm512_set1_epi8(3), s = _mm512_set1_epi8(-2);
    for (int i = 0; i < CHAINS; i++) {
        x[i] = _mm512_set1_epi32(i);
    }
    for (int64_t r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++) {
            x[i] = _mm512_dpbusd_epi32(x[i], u, s);
        }
        __asm__ volatile("" : "+v"(u), "+v"(s)); /* the products are not constants */
    }
    for (int i = 1; i < CHAINS; i++) {
        x[0] = _mm512_xor_si512(x[0], x[i]);
    }
    *ops = (double)rounds * CHAINS * 64 * 2;
    return (double)_mm512_reduce_add_epi32(x[0]);
}

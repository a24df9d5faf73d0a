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

uint64_t vlt_read_avx512(const void *data, size_t bytes)
{
    const __m512i *vector = data;
    __m512i sum[8];
    for (int k = 0; k < 8; k++) {
        sum[k] = _mm512_setzero_si512();
    }
    for (size_t i = 0; i < bytes / sizeof *vector; i += 8) {
        for (size_t k = 0; k < 8; k++) {
            sum[k] = _mm512_xor_si512(sum[k], _mm512_load_si512(vector + i + k));
        }
    }
    for (int k = 1; k < 8; k++) {
        sum[0] = _mm512_xor_si512(sum[0], sum[k]);
    }
    return (uint64_t)_mm512_reduce_add_epi64(sum[0]);
}

uint64_t vlt_read_streams_avx512(const void *data, size_t bytes)
{
    const size_t stream = bytes / VLT_READ_STREAMS;
    __m512i sum[VLT_READ_STREAMS];
    for (int k = 0; k < VLT_READ_STREAMS; k++) {
        sum[k] = _mm512_setzero_si512();
    }
    for (size_t i = 0; i < stream; i += 64) {
        for (size_t k = 0; k < VLT_READ_STREAMS; k++) {
            const unsigned char *at = (const unsigned char *)data + k * stream + i;
            /* behind the end it reads nothing, and cannot fail */
            _mm_prefetch((const void *)((uintptr_t)at + VLT_READ_AHEAD_BYTES), _MM_HINT_T0);
            sum[k] = _mm512_xor_si512(sum[k], _mm512_load_si512((const void *)at));
        }
    }
    for (int k = 1; k < VLT_READ_STREAMS; k++) {
        sum[0] = _mm512_xor_si512(sum[0], sum[k]);
    }
    return (uint64_t)_mm512_reduce_add_epi64(sum[0]);
}

#include <immintrin.h>

#include "harness/measure/roofline_kernels.h"

enum { CHAINS = 12 }; /* two FMA units with a latency of 4 or 5 need ten */

double vlt_peak_f32_avx2(int64_t rounds, double *ops)
{
    __m256 x[CHAINS], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
    for (int i = 0; i < CHAINS; i++) {
        x[i] = _mm256_set1_ps(1.0f + (float)i * 0.01f);
    }
    for (int64_t r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++) {
            x[i] = _mm256_fmadd_ps(x[i], a, b);
        }
    }
    for (int i = 1; i < CHAINS; i++) {
        x[0] = _mm256_add_ps(x[0], x[i]);
    }
    *ops = (double)rounds * CHAINS * 8 * 2;
    return (double)_mm256_cvtss_f32(x[0]);
}

/* maddubs, madd, add: how int8 products are summed without VNNI; 32 multiply-adds each */
double vlt_peak_int8_avx2(int64_t rounds, double *ops)
{
    enum { SUMS = 8 };
    __m256i x[SUMS], u = _mm256_set1_epi8(3), one = _mm256_set1_epi16(1);
    for (int i = 0; i < SUMS; i++) {
        x[i] = _mm256_set1_epi32(i);
    }
    for (int64_t r = 0; r < rounds; r++) {
        for (int i = 0; i < SUMS; i++) {
            __m256i pairs = _mm256_maddubs_epi16(u, x[i]);
            x[i] = _mm256_add_epi32(x[i], _mm256_madd_epi16(pairs, one));
        }
    }
    for (int i = 1; i < SUMS; i++) {
        x[0] = _mm256_xor_si256(x[0], x[i]);
    }
    *ops = (double)rounds * SUMS * 32 * 2;
    return (double)_mm256_extract_epi32(x[0], 0);
}

uint64_t vlt_read_avx2(const void *data, size_t bytes)
{
    const __m256i *vector = data;
    __m256i sum[8];
    for (int k = 0; k < 8; k++) {
        sum[k] = _mm256_setzero_si256();
    }
    for (size_t i = 0; i < bytes / sizeof *vector; i += 8) {
        for (size_t k = 0; k < 8; k++) {
            sum[k] = _mm256_xor_si256(sum[k], _mm256_load_si256(vector + i + k));
        }
    }
    for (int k = 1; k < 8; k++) {
        sum[0] = _mm256_xor_si256(sum[0], sum[k]);
    }
    return (uint64_t)_mm256_extract_epi64(sum[0], 0) ^ (uint64_t)_mm256_extract_epi64(sum[0], 3);
}

uint64_t vlt_read_streams_avx2(const void *data, size_t bytes)
{
    const size_t stream = bytes / VLT_READ_STREAMS;
    __m256i sum[VLT_READ_STREAMS];
    for (int k = 0; k < VLT_READ_STREAMS; k++) {
        sum[k] = _mm256_setzero_si256();
    }
    for (size_t i = 0; i < stream; i += 64) {
        for (size_t k = 0; k < VLT_READ_STREAMS; k++) {
            const unsigned char *at = (const unsigned char *)data + k * stream + i;
            /* behind the end it reads nothing, and cannot fail */
            _mm_prefetch((const void *)((uintptr_t)at + VLT_READ_AHEAD_BYTES), _MM_HINT_T0);
            __m256i low = _mm256_load_si256((const void *)at);
            __m256i high = _mm256_load_si256((const void *)(at + 32));
            sum[k] = _mm256_xor_si256(sum[k], _mm256_xor_si256(low, high));
        }
    }
    for (int k = 1; k < VLT_READ_STREAMS; k++) {
        sum[0] = _mm256_xor_si256(sum[0], sum[k]);
    }
    return (uint64_t)_mm256_extract_epi64(sum[0], 0) ^ (uint64_t)_mm256_extract_epi64(sum[0], 3);
}

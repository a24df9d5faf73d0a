/* avx_vnni_model.h: the sum of four byte products of AVX-VNNI in plain C, for machines without it:
 * include it behind core/simd.h, compiled for AVX2, and before the file whose kernel is to be
 * proved. Of any other instruction set it is empty.
 */
#ifndef VLT_TESTS_AVX_VNNI_MODEL_H
#define VLT_TESTS_AVX_VNNI_MODEL_H

#include "optimizations/core/simd.h"

#if defined(VLT_SIMD) && VLT_SIMD == 256 && !defined(__AVXVNNI__)

static inline __m256i model_dot4(__m256i sum, __m256i a, __m256i b)
{
    int32_t total[8];
    uint8_t left[32];
    int8_t right[32];
    memcpy(total, &sum, sizeof total);
    memcpy(left, &a, sizeof left);
    memcpy(right, &b, sizeof right);
    for (int i = 0; i < 32; i++) {
        total[i / 4] = (int32_t)((uint32_t)total[i / 4] + (uint32_t)(left[i] * right[i]));
    }
    memcpy(&sum, total, sizeof sum);
    return sum;
}

#undef VLT_DOT4_VEX
#define VLT_DOT4_VEX(sum, a, b) ((sum) = model_dot4(sum, a, b))
#define __AVXVNNI__             1

#endif
#endif

/* bf16_model.h: the instructions of AVX-512 BF16 in plain C, in place of their intrinsics, for
 * machines that lack them: include it behind core/simd.h and before the file whose kernel is to be
 * proved. Of any other instruction set it is empty.
 */
#ifndef VLT_TESTS_BF16_MODEL_H
#define VLT_TESTS_BF16_MODEL_H

#include "optimizations/core/simd.h"

#ifdef __AVX512BF16__
#include <math.h>

/* VCVTNEPS2BF16: to the nearest, ties to even; below 2^-126 zero. */
static inline __m256i model_round(__m512 a)
{
    float values[16];
    uint16_t bits[16];
    __m256i packed;
    memcpy(values, &a, sizeof a);
    for (int i = 0; i < 16; i++) {
        float v = fabsf(values[i]) < 0x1p-126f ? copysignf(0, values[i]) : values[i];
        bits[i] = vlt_bf16_from_f32(v);
    }
    memcpy(&packed, bits, sizeof packed);
    return packed;
}

/* VDPBF16PS: the odd input first, each rounded as a multiply-add; what is below 2^-126 is zero. */
static inline __m512 model_dot(__m512 sum, __m512i a, __m512i b)
{
    float total[16];
    uint16_t left[32], right[32];
    memcpy(total, &sum, sizeof sum);
    memcpy(left, &a, sizeof a);
    memcpy(right, &b, sizeof b);
    for (int i = 0; i < 32; i++) {
        int at = i ^ 1;
        float value = fmaf(vlt_f32_from_bf16(left[at]), vlt_f32_from_bf16(right[at]), total[i / 2]);
        total[i / 2] = fabsf(value) < 0x1p-126f ? copysignf(0, value) : value;
    }
    memcpy(&sum, total, sizeof sum);
    return sum;
}

#define _mm512_cvtneps_pbh(a)     model_round(a)
#define _mm512_dpbf16_ps(s, a, b) model_dot(s, (__m512i)(a), (__m512i)(b))

#endif
#endif

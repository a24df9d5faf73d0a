/* simd.h: one vector of f32 in the widest registers that the including file is compiled for.
 *
 * A kernel that differs between AVX2 and AVX-512 in nothing but the width is written once, in a
 * header <op>_vector_internal.h on top of this one, and compiled twice: by <op>_avx2.c and by
 * <op>_avx512.c, which get their compiler flags from variants.def. Names are short on purpose:
 * kernels are arithmetic. Nothing is defined here for the base ISA.
 *
 * "part" functions touch the first n elements only, 0 <= n <= VEC_LANES; a loaded vector has zeros
 * in the other lanes.
 */
#ifndef VLT_CORE_SIMD_H
#define VLT_CORE_SIMD_H

#if defined(__AVX512F__) && defined(__AVX512BW__)
#define VLT_SIMD 512
#elif defined(__AVX2__) && defined(__FMA__)
#define VLT_SIMD 256
#endif

#ifdef VLT_SIMD
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "optimizations/core/compiler.h"
#include "optimizations/core/dtype.h"

VLT_ALWAYS_INLINE int64_t vec_smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#if VLT_SIMD == 512
enum { VEC_LANES = 16 };
typedef __m512 vec;
typedef __m512i vec_int;

#define VEC_OP(name) _mm512_##name

VLT_ALWAYS_INLINE __mmask16 vec_first(int64_t n)
{
    return (__mmask16)((1u << n) - 1);
}

VLT_ALWAYS_INLINE vec vec_load_part(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps(vec_first(n), p);
}

VLT_ALWAYS_INLINE void vec_store_part(float *p, int64_t n, vec v)
{
    _mm512_mask_storeu_ps(p, vec_first(n), v);
}

VLT_ALWAYS_INLINE vec vec_round(vec v)
{
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VLT_ALWAYS_INLINE vec vec_abs(vec v)
{
    return _mm512_abs_ps(v);
}

/* a < b ? x : y in every lane; y where one is a NaN */
VLT_ALWAYS_INLINE vec vec_if_less(vec a, vec b, vec x, vec y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}

/* Bit i: a[i] >= b[i]. */
VLT_ALWAYS_INLINE unsigned vec_at_least(vec a, vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

/* The sign of `sign` on the magnitude of v. */
VLT_ALWAYS_INLINE vec vec_copy_sign(vec v, vec sign)
{
    const __m512i bit = _mm512_set1_epi32((int)0x80000000);
    /* 0xCA: bit ? sign : v */
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(bit, _mm512_castps_si512(sign), _mm512_castps_si512(v), 0xCA));
}

VLT_ALWAYS_INLINE vec vec_bf16(const void *p)
{
    __m256i bits = _mm256_loadu_si256(p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

VLT_ALWAYS_INLINE vec vec_f16(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

VLT_ALWAYS_INLINE __m256 vec_fold(vec v)
{
    return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}

#else
enum { VEC_LANES = 8 };
typedef __m256 vec;
typedef __m256i vec_int;

#define VEC_OP(name) _mm256_##name

VLT_ALWAYS_INLINE __m256i vec_first(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

VLT_ALWAYS_INLINE vec vec_load_part(const float *p, int64_t n)
{
    return _mm256_maskload_ps(p, vec_first(n));
}

/* Without a mask: AMD's processors run a masked store of AVX2 as a program of its own. */
VLT_ALWAYS_INLINE void vec_store_part(float *p, int64_t n, vec v)
{
    if (n >= VEC_LANES) {
        _mm256_storeu_ps(p, v);
    } else if (n > 0) {
        __m128 four = _mm256_castps256_ps128(v);
        if (n & 4) {
            _mm_storeu_ps(p, four);
            p += 4;
            four = _mm256_extractf128_ps(v, 1);
        }
        if (n & 2) {
            _mm_storel_pi((__m64 *)(void *)p, four);
            p += 2;
            four = _mm_movehl_ps(four, four);
        }
        if (n & 1) {
            _mm_store_ss(p, four);
        }
    }
}

VLT_ALWAYS_INLINE vec vec_round(vec v)
{
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VLT_ALWAYS_INLINE vec vec_abs(vec v)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

VLT_ALWAYS_INLINE vec vec_if_less(vec a, vec b, vec x, vec y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

VLT_ALWAYS_INLINE unsigned vec_at_least(vec a, vec b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ));
}

VLT_ALWAYS_INLINE vec vec_copy_sign(vec v, vec sign)
{
    return _mm256_or_ps(vec_abs(v), _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
}

VLT_ALWAYS_INLINE vec vec_bf16(const void *p)
{
    __m128i bits = _mm_loadu_si128(p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

VLT_ALWAYS_INLINE vec vec_f16(const void *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128(p));
}

VLT_ALWAYS_INLINE __m256 vec_fold(vec v)
{
    return v;
}
#endif

VLT_ALWAYS_INLINE vec vec_load(const float *p)
{
    return VEC_OP(loadu_ps)(p);
}

VLT_ALWAYS_INLINE void vec_store(float *p, vec v)
{
    VEC_OP(storeu_ps)(p, v);
}

VLT_ALWAYS_INLINE vec vec_set(float value)
{
    return VEC_OP(set1_ps)(value);
}

VLT_ALWAYS_INLINE vec vec_zero(void)
{
    return VEC_OP(setzero_ps)();
}

VLT_ALWAYS_INLINE vec vec_add(vec a, vec b)
{
    return VEC_OP(add_ps)(a, b);
}

VLT_ALWAYS_INLINE vec vec_sub(vec a, vec b)
{
    return VEC_OP(sub_ps)(a, b);
}

VLT_ALWAYS_INLINE vec vec_mul(vec a, vec b)
{
    return VEC_OP(mul_ps)(a, b);
}

VLT_ALWAYS_INLINE vec vec_div(vec a, vec b)
{
    return VEC_OP(div_ps)(a, b);
}

/* a * b + c and c - a * b, rounded once */
VLT_ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return VEC_OP(fmadd_ps)(a, b, c);
}

VLT_ALWAYS_INLINE vec vec_fnma(vec a, vec b, vec c)
{
    return VEC_OP(fnmadd_ps)(a, b, c);
}

/* b where one is a NaN */
VLT_ALWAYS_INLINE vec vec_max(vec a, vec b)
{
    return VEC_OP(max_ps)(a, b);
}

VLT_ALWAYS_INLINE vec vec_min(vec a, vec b)
{
    return VEC_OP(min_ps)(a, b);
}

/* The lanes of four vectors summed: lane i of the result is the sum of a[i]. */
VLT_ALWAYS_INLINE __m128 vec_sum4(vec a, vec b, vec c, vec d)
{
    __m256 ab = _mm256_hadd_ps(vec_fold(a), vec_fold(b));
    __m256 cd = _mm256_hadd_ps(vec_fold(c), vec_fold(d));
    __m256 all = _mm256_hadd_ps(ab, cd);
    return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}

VLT_ALWAYS_INLINE float vec_sum(vec v)
{
    __m256 folded = vec_fold(v);
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(folded), _mm256_extractf128_ps(folded, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* Of lanes without a NaN. */
VLT_ALWAYS_INLINE float vec_largest(vec v)
{
#if VLT_SIMD == 512
    __m256 folded = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
#else
    __m256 folded = v;
#endif
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(folded), _mm256_extractf128_ps(folded, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

/* VEC_LANES weights from element `index` of an array of BF16, F16 or F32 at any address. */
VLT_ALWAYS_INLINE vec vec_widen(vlt_dtype dtype, const void *src, int64_t index)
{
    const unsigned char *p = (const unsigned char *)src +
                             (size_t)index * (dtype == VLT_DTYPE_F32 ? 4 : 2);
    switch (dtype) {
    case VLT_DTYPE_BF16:
        return vec_bf16(p);
    case VLT_DTYPE_F16:
        return vec_f16(p);
    default:
        return VEC_OP(loadu_ps)((const void *)p);
    }
}

VLT_ALWAYS_INLINE vec vec_widen_part(vlt_dtype dtype, const void *src, int64_t index, int64_t n)
{
    size_t bytes = dtype == VLT_DTYPE_F32 ? 4 : 2;
    unsigned char buffer[VEC_LANES * 4] = {0};
    memcpy(buffer, (const unsigned char *)src + (size_t)index * bytes, (size_t)n * bytes);
    return vec_widen(dtype, buffer, 0);
}

/* v[row][column] becomes v[column][row]. */
VLT_ALWAYS_INLINE void vec_transpose(vec v[VEC_LANES])
{
    vec t[VEC_LANES];
    VLT_UNROLL
    for (int i = 0; i < VEC_LANES; i += 2) {
        t[i] = VEC_OP(unpacklo_ps)(v[i], v[i + 1]);
        t[i + 1] = VEC_OP(unpackhi_ps)(v[i], v[i + 1]);
    }
    VLT_UNROLL
    for (int i = 0; i < VEC_LANES; i += 4) { /* 4 x 4 within each 128-bit lane */
        v[i] = VEC_OP(shuffle_ps)(t[i], t[i + 2], 0x44);
        v[i + 1] = VEC_OP(shuffle_ps)(t[i], t[i + 2], 0xEE);
        v[i + 2] = VEC_OP(shuffle_ps)(t[i + 1], t[i + 3], 0x44);
        v[i + 3] = VEC_OP(shuffle_ps)(t[i + 1], t[i + 3], 0xEE);
    }
    VLT_UNROLL
    for (int i = 0; i < 4; i++) { /* lanes among the groups of four rows */
#if VLT_SIMD == 512
        vec a = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
        vec b = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xDD);
        vec c = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0x88);
        vec d = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0xDD);
        t[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        t[i + 8] = _mm512_shuffle_f32x4(a, c, 0xDD);
        t[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(b, d, 0xDD);
#else
        t[i] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x31);
#endif
    }
    VLT_UNROLL
    for (int i = 0; i < VEC_LANES; i++) {
        v[i] = t[i];
    }
}

/* exp(x) to 1.2e-7 relative: x = n ln 2 + r, |r| <= ln 2 / 2, a polynomial in r (Taylor's terms to
 * r^7, the truncation is below 4e-9) and n put into the exponent in two factors, so that results
 * below the normal range round once more and stay right. exp(-inf) is 0, a NaN stays one. */
VLT_ALWAYS_INLINE vec vec_exp(vec x)
{
    const vec log2e = vec_set(1.44269504088896341f), ln2_high = vec_set(0.693145751953125f),
              ln2_low = vec_set(1.42860682030941723e-6f);
    x = vec_max(vec_set(-110), vec_min(vec_set(110), x)); /* a NaN is the second operand */
    vec n = vec_round(vec_mul(x, log2e));
    vec r = vec_fnma(n, ln2_low, vec_fnma(n, ln2_high, x));
    vec p = vec_set(1.0f / 5040);
    p = vec_fma(p, r, vec_set(1.0f / 720));
    p = vec_fma(p, r, vec_set(1.0f / 120));
    p = vec_fma(p, r, vec_set(1.0f / 24));
    p = vec_fma(p, r, vec_set(1.0f / 6));
    p = vec_fma(p, r, vec_set(0.5f));
    p = vec_fma(vec_mul(p, r), r, r);
    p = vec_add(p, vec_set(1));
    vec_int whole = VEC_OP(cvtps_epi32)(n), half = VEC_OP(srai_epi32)(whole, 1);
    vec_int rest = VEC_OP(sub_epi32)(whole, half), bias = VEC_OP(set1_epi32)(127);
#if VLT_SIMD == 512
    vec a = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(half, bias), 23));
    vec b = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(rest, bias), 23));
#else
    vec a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    vec b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
#endif
    return vec_mul(vec_mul(p, a), b);
}

#endif
#endif

/* attention_int8_internal.h: rows of queries, keys and values as words of four bytes with a scale a
 * row; see attention_packed_internal.h.
 *
 * The instructions multiply unsigned bytes by signed ones. Where they sum four products a key is
 * stored with 128 added and a query is signed; a probability is unsigned by itself, 255 at most.
 * AVX2 sums two products in 16 bits, and 255 times 127 twice does not fit: there the query is the
 * unsigned one, of 7 bits with 64 added, and 127 the largest probability: 127 * 127 * 2 fits
 * whatever the bytes are, in three instructions for 32 products.
 */
#ifndef VLT_ATTENTION_INT8_INTERNAL_H
#define VLT_ATTENTION_INT8_INTERNAL_H

#include "optimizations/linear/int8_rows_internal.h"

#if defined(VLT_SIMD) && defined(PACKED_INT8)

enum { PER_WORD = I8_STEP };
#define PACKED_COMPUTE VLT_COMPUTE_INT8

/* Values whose scale would be below: zeros. Nothing of 1e-30 is lost by it, and a row of zeros,
 * which has no scale, takes no bit from those beside it. */
#define VALUE_SCALE_MIN 0x1p-108f

typedef vec_int packed_sum;

#if VLT_SIMD == 512 || defined(__AVXVNNI__)
#define KEY_FLIP        0x80808080u
#define PROBABILITY_TOP 255
enum { KEY_OFFSET = 128, QUERY_OFFSET = 0 };

#if VLT_SIMD == 512
#define PACKED_DOT(sum, unsigned_bytes, signed_bytes) VLT_DOT4(sum, unsigned_bytes, signed_bytes)
#else
#define PACKED_DOT(sum, unsigned_bytes, signed_bytes) \
    VLT_DOT4_VEX(sum, unsigned_bytes, signed_bytes)
#endif

VLT_ALWAYS_INLINE packed_sum dot_keys(packed_sum sum, vec_int query, vec_int keys)
{
    PACKED_DOT(sum, keys, query);
    return sum;
}

VLT_ALWAYS_INLINE packed_sum dot_values(packed_sum sum, vec_int probabilities, vec_int values)
{
    PACKED_DOT(sum, probabilities, values);
    return sum;
}

static inline float round_query(const float *q, int64_t head, uint32_t *words, int32_t *total)
{
    return i8_round_row(q, head, 0, (int8_t *)words, I8_STEP, total);
}

#else
#define KEY_FLIP        0
#define PROBABILITY_TOP 127
enum { KEY_OFFSET = 0, QUERY_OFFSET = 64, QUERY_LEVELS = 63 };

VLT_ALWAYS_INLINE packed_sum dot_keys(packed_sum sum, vec_int query, vec_int keys)
{
    const __m256i pairs = _mm256_maddubs_epi16(query, keys);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    VLT_IN_ORDER(sum);
    return sum;
}

VLT_ALWAYS_INLINE packed_sum dot_values(packed_sum sum, vec_int probabilities, vec_int values)
{
    return dot_keys(sum, probabilities, values);
}

/* Behind the head stands QUERY_OFFSET, which meets zeros of the keys. */
static inline float round_query(const float *q, int64_t head, uint32_t *words, int32_t *total)
{
    const float steps = (float)VLT_INT8_LEVELS / QUERY_LEVELS;
    const uint32_t bits = i8_largest_bits(q, head);
    float largest, inverse = 0, scale = VLT_INT8_STRANGE;
    *total = 0;
    if (bits < 0x7E800000) { /* more, times the steps, might be none */
        memcpy(&largest, &bits, sizeof largest);
        scale = vlt_int8_scale(largest * steps, &inverse);
    }
    for (int64_t i = 0; i < head && scale >= 0; i += VEC_LANES) {
        const vec v = vec_mul(vec_load_part(q + i, vec_smaller(head - i, VEC_LANES)),
                              vec_set(inverse));
        const vec_int bytes = _mm256_add_epi32(_mm256_cvtps_epi32(v),
                                               _mm256_set1_epi32(QUERY_OFFSET));
        i8_store_steps(bytes, 0, (int8_t *)(words + i / I8_STEP), I8_STEP);
    }
    return scale;
}
#endif

/* Each in a register of its own, also where several are the same zero. */
VLT_ALWAYS_INLINE packed_sum packed_begin(int32_t value)
{
    packed_sum sum = VEC_OP(set1_epi32)(value);
    VLT_IN_ORDER(sum);
    return sum;
}

VLT_ALWAYS_INLINE packed_sum packed_add(packed_sum sum, packed_sum other)
{
    return VEC_OP(add_epi32)(sum, other);
}

VLT_ALWAYS_INLINE packed_sum packed_key_begin(const int32_t *begin)
{
#if VLT_SIMD == 512
    return _mm512_loadu_si512(begin);
#else
    return _mm256_loadu_si256((const void *)begin);
#endif
}

VLT_ALWAYS_INLINE vec packed_float(packed_sum sum)
{
    return VEC_OP(cvtepi32_ps)(sum);
}

/* Of a key or a value; negative: it cannot be rounded. *total is the sum of its bytes. */
static inline float round_row(const float *row, int64_t head, uint32_t *words, int32_t *total)
{
    return i8_round_row(row, head, 0, (int8_t *)words, I8_STEP, total);
}

/* Columns [0, 16) of PER_WORD keys as 16 words. */
VLT_ALWAYS_INLINE void interleave(const uint32_t *const row[PER_WORD], __m128i word[4])
{
    const __m128i a = _mm_loadu_si128((const void *)row[0]);
    const __m128i b = _mm_loadu_si128((const void *)row[1]);
    const __m128i c = _mm_loadu_si128((const void *)row[2]);
    const __m128i d = _mm_loadu_si128((const void *)row[3]);
    const __m128i low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b);
    const __m128i low2 = _mm_unpacklo_epi8(c, d), high2 = _mm_unpackhi_epi8(c, d);
    word[0] = _mm_unpacklo_epi16(low, low2);
    word[1] = _mm_unpackhi_epi16(low, low2);
    word[2] = _mm_unpacklo_epi16(high, high2);
    word[3] = _mm_unpackhi_epi16(high, high2);
}

VLT_ALWAYS_INLINE void store_probabilities(uint32_t *to, vec v)
{
    const vec_int whole = VEC_OP(cvtps_epi32)(v);
#if VLT_SIMD == 512
    _mm_storeu_si128((void *)to, _mm512_cvtusepi32_epi8(whole));
#else
    const __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(whole),
                                         _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64((void *)to, _mm_packus_epi16(half, half));
#endif
}

#endif
#endif

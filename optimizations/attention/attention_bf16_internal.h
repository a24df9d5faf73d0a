/* attention_bf16_internal.h: rows of queries, keys and values as words of two BF16 numbers; see
 * attention_packed_internal.h.
 *
 * Products are exact and summed in f32; a lane takes the odd one of a pair before the even one.
 * Numbers below 2^-126 count as 0. A row of which a number would round to infinity is as one with
 * an infinity.
 */
#ifndef VLT_ATTENTION_BF16_INTERNAL_H
#define VLT_ATTENTION_BF16_INTERNAL_H

#include "optimizations/linear/int8_rows_internal.h"

#if defined(VLT_SIMD) && defined(PACKED_BF16)

enum { PER_WORD = 2 };
enum { BF16_ENDLESS = 0x7F7F8000 /* bits of the smallest f32 that rounds to infinity */ };
enum { KEY_OFFSET = 0, QUERY_OFFSET = 0 };
#define KEY_FLIP        0
#define PROBABILITY_TOP 1
#define VALUE_SCALE_MIN 0.0f
#define PACKED_COMPUTE  VLT_COMPUTE_BF16

typedef vec packed_sum;

VLT_ALWAYS_INLINE packed_sum dot_keys(packed_sum sum, vec_int query, vec_int keys)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)query, (__m512bh)keys);
}

VLT_ALWAYS_INLINE packed_sum dot_values(packed_sum sum, vec_int probabilities, vec_int values)
{
    return dot_keys(sum, probabilities, values);
}

VLT_ALWAYS_INLINE packed_sum packed_begin(int32_t value)
{
    (void)value;
    return vec_zero();
}

VLT_ALWAYS_INLINE packed_sum packed_add(packed_sum sum, packed_sum other)
{
    (void)other;
    return sum;
}

VLT_ALWAYS_INLINE packed_sum packed_key_begin(const int32_t *begin)
{
    (void)begin;
    return vec_zero();
}

VLT_ALWAYS_INLINE vec packed_float(packed_sum sum)
{
    return sum;
}

/* The scale of a row, which is 1; negative: it cannot be rounded. */
static inline float round_row(const float *row, int64_t head, uint32_t *words, int32_t *total)
{
    *total = 0;
    if (i8_largest_bits(row, head) >= BF16_ENDLESS) {
        return VLT_INT8_STRANGE;
    }
    for (int64_t i = 0; i < head; i += VEC_LANES) {
        const vec v = vec_load_part(row + i, vec_smaller(head - i, VEC_LANES));
        _mm256_storeu_si256((void *)(words + i / PER_WORD), (__m256i)_mm512_cvtneps_pbh(v));
    }
    return 1;
}

static inline float round_query(const float *q, int64_t head, uint32_t *words, int32_t *total)
{
    return round_row(q, head, words, total);
}

/* Columns [0, 16) of PER_WORD keys as 16 words. */
VLT_ALWAYS_INLINE void interleave(const uint32_t *const row[PER_WORD], __m128i word[4])
{
    for (int i = 0; i < 2; i++) {
        const __m128i a = _mm_loadu_si128((const void *)(row[0] + 4 * i));
        const __m128i b = _mm_loadu_si128((const void *)(row[1] + 4 * i));
        word[2 * i] = _mm_unpacklo_epi16(a, b);
        word[2 * i + 1] = _mm_unpackhi_epi16(a, b);
    }
}

VLT_ALWAYS_INLINE void store_probabilities(uint32_t *to, vec v)
{
    _mm256_storeu_si256((void *)to, (__m256i)_mm512_cvtneps_pbh(v));
}

#endif
#endif

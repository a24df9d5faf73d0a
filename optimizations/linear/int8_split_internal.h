/* int8_split_internal.h: many rounded rows times a panel of weights by AVX2, which has no sum of
 * four byte products.
 *
 * Pairs of byte products are added in 16 bits, and one of the two bytes must be unsigned. With x as
 * q + 128 in 1 .. 255 a pair of weights of one sign fits if their sum is at most 128 in magnitude,
 * and one of two signs always does: among weights of 8 bits with a scale a row nearly all pairs do.
 * So the vectors of a panel are sorted on their way into the cache, once for all rows that meet it:
 *
 *     plain     pairs of neighbours fit: three instructions for 32 products
 *     crossed   those do not, inputs 0 with 2 and 1 with 3 do: a fourth, which orders x alike
 *     else      two plain ones whose sum it is, w = a + b with a = w cut to -64 .. 64
 *
 * Of normal weights a sixth is crossed and a hundredth cut. Turning the sign of x for each weight
 * instead, as few rows do, takes four instructions for all, three of them on the same two ports.
 * The sums are exact whatever the weights are; if nothing fits, twice the work is done.
 */
#ifndef VLT_INT8_SPLIT_INTERNAL_H
#define VLT_INT8_SPLIT_INTERNAL_H

#include "optimizations/linear/int8_panel_internal.h"

#if VLT_SIMD == 256 && !defined(__AVXVNNI__)
#define I8_SPLIT

enum { I8_SPLIT_ROWS_MIN = 16 /* fewer do not pay for sorting */ };
enum { I8_VECTOR_BYTES = VEC_LANES * I8_STEP };

/* Vectors of weights, and where in a tile of rows the inputs of each lie. */
struct i8_vectors {
    int8_t *w; /* [..][VEC_LANES][4] */
    uint32_t *from;
    int64_t count;
};

/* Eight outputs of a panel. */
struct i8_split {
    struct i8_vectors plain, crossed; /* room for 2 steps + 1, for steps + 1 */
    vec_int begin;                    /* -128 times the sum of each output's weights */
};

static inline void i8_split_reserve(size_t *bytes, int64_t k)
{
    for (int64_t part = 2; part > 0; part--) {
        vlt_frame_reserve(bytes, (size_t)(part * i8_steps(k) + 1), I8_VECTOR_BYTES);
        vlt_frame_reserve(bytes, (size_t)(part * i8_steps(k) + 1), sizeof(uint32_t));
    }
}

static inline struct i8_split i8_split_take(vlt_frame *frame, int64_t k)
{
    struct i8_split s;
    struct i8_vectors *list[] = {&s.plain, &s.crossed};
    for (int64_t part = 2; part > 0; part--) {
        const size_t count = (size_t)(part * i8_steps(k) + 1);
        list[2 - part]->w = vlt_frame_take(frame, count, I8_VECTOR_BYTES);
        list[2 - part]->from = vlt_frame_take(frame, count, sizeof(uint32_t));
        list[2 - part]->count = 0;
    }
    return s;
}

/* Whether 255 times every pair of one sign stays in 16 bits; more is saturated there. */
VLT_ALWAYS_INLINE bool i8_pairs_fit(__m256i w)
{
    const __m256i most = _mm256_maddubs_epi16(_mm256_set1_epi8(-1), w);
    const __m256i high = _mm256_cmpgt_epi16(most, _mm256_set1_epi16(128 * 255));
    const __m256i low = _mm256_cmpgt_epi16(_mm256_set1_epi16(-128 * 255), most);
    const __m256i bad = _mm256_or_si256(high, low);
    return _mm256_testz_si256(bad, bad);
}

/* Inputs 0 2 1 3 of each four. */
VLT_ALWAYS_INLINE __m256i i8_cross(__m256i v)
{
    const __m128i order = _mm_setr_epi8(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15);
    return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(order));
}

/* Writes behind the last one and keeps it if `keep` says so: no branch to be guessed. */
VLT_ALWAYS_INLINE void i8_offer(struct i8_vectors *list, __m256i w, int64_t step, bool keep)
{
    _mm256_storeu_si256((void *)(list->w + list->count * I8_VECTOR_BYTES), w);
    list->from[list->count] = (uint32_t)(step * I8_TILE * I8_STEP);
    list->count += keep;
}

/* From `steps` vectors at w, I8_STEP_BYTES apart. */
static inline void i8_split_set(struct i8_split *s, const unsigned char *w, int64_t steps)
{
    const __m256i ones = _mm256_set1_epi8(1), words = _mm256_set1_epi16(1);
    const __m256i top = _mm256_set1_epi8(64), bottom = _mm256_set1_epi8(-64);
    __m256i total = _mm256_setzero_si256();
    struct i8_vectors plain = s->plain, crossed = s->crossed;
    plain.count = crossed.count = 0;
    for (int64_t step = 0; step < steps; step++) {
        const unsigned char *at = w + step * I8_STEP_BYTES;
        _mm_prefetch((const void *)((uintptr_t)at + I8_AHEAD), _MM_HINT_T0);
        const __m256i v = i8_load(at), other = i8_cross(v);
        const bool fits = i8_pairs_fit(v), fits_crossed = i8_pairs_fit(other);
        i8_offer(&plain, v, step, fits);
        i8_offer(&crossed, other, step, !fits && fits_crossed);
        if (!fits && !fits_crossed) {
            const __m256i cut = _mm256_max_epi8(_mm256_min_epi8(v, top), bottom);
            i8_offer(&plain, cut, step, true);
            i8_offer(&plain, _mm256_sub_epi8(v, cut), step, true);
        }
        total = _mm256_add_epi32(total, _mm256_madd_epi16(_mm256_maddubs_epi16(ones, v), words));
    }
    s->plain = plain;
    s->crossed = crossed;
    s->begin = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32(total, 7));
}

VLT_ALWAYS_INLINE void i8_split_add(const struct i8_vectors *list, bool crossed, const int8_t *x,
                                    int rows, vec_int sum[])
{
    const __m256i words = _mm256_set1_epi16(1);
    for (int64_t i = 0; i < list->count; i++) {
        const int8_t *at = x + list->from[i];
        const __m256i w = i8_load(list->w + i * I8_VECTOR_BYTES);
        VLT_UNROLL
        for (int r = 0; r < rows; r++) {
            __m256i four = i8_four(at + r * I8_STEP);
            four = crossed ? i8_cross(four) : four;
            __m256i pairs = _mm256_maddubs_epi16(four, w);
            sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(pairs, words));
        }
    }
}

/* sum[rows], a constant, of the tile at x, whose bytes have 128 added. */
VLT_ALWAYS_INLINE void i8_split_multiply(const struct i8_split *s, const int8_t *x, int rows,
                                         vec_int sum[])
{
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        sum[r] = s->begin;
    }
    i8_split_add(&s->plain, false, x, rows, sum);
    i8_split_add(&s->crossed, true, x, rows, sum);
}

#endif
#endif

/* int8_rows_internal.h: rows of f32 rounded to int8 and laid out for tiles, for one vector width;
 * see core/simd.h and linear_int8.h.
 *
 * The layout is what a tile of rows reads at one step of four inputs, side by side:
 *
 *     q[tile][step][row of the tile][4]
 *
 * Inputs are filled up with zeros to a whole step. Tiles have I8_TILE rows, or as many as there are
 * when these are fewer.
 */
#ifndef VLT_INT8_ROWS_INTERNAL_H
#define VLT_INT8_ROWS_INTERNAL_H

#include "optimizations/core/simd.h"

#ifdef VLT_SIMD
#include "optimizations/core/frame.h"
#include "optimizations/linear/linear_int8.h"

#if VLT_SIMD == 512
enum { I8_TILE = 12 };
#elif defined(__AVXVNNI__)
enum { I8_TILE = 6 };
#else
enum { I8_TILE = 12 };
#endif
enum { I8_STEP = 4 }; /* inputs that meet in one int32 */

struct i8_rows {
    int8_t *q;
    float *scale;         /* [rows] */
    int32_t *total;       /* [rows]: sum of a row's q */
    int64_t steps, width; /* of a row; rows of a tile */
    uint32_t flip;        /* of each four bytes; 0x80808080 where they are to have 128 added */
};

VLT_ALWAYS_INLINE int64_t i8_steps(int64_t k)
{
    return (k + I8_STEP - 1) / I8_STEP;
}

static inline int64_t i8_width(int64_t rows)
{
    return rows < I8_TILE ? rows : I8_TILE;
}

static inline size_t i8_rows_bytes(int64_t rows, int64_t k)
{
    int64_t width = i8_width(rows);
    return (size_t)((rows + width - 1) / width * width * i8_steps(k) * I8_STEP);
}

static inline void i8_rows_reserve(size_t *bytes, int64_t rows, int64_t k)
{
    vlt_frame_reserve(bytes, (size_t)rows, sizeof(float));
    vlt_frame_reserve(bytes, (size_t)rows, sizeof(int32_t));
    vlt_frame_reserve(bytes, i8_rows_bytes(rows, k), 1);
}

/* rows: at most what was reserved. */
static inline struct i8_rows i8_rows_take(vlt_frame *frame, int64_t rows, int64_t k)
{
    struct i8_rows r = {.steps = i8_steps(k), .width = i8_width(rows)};
    r.scale = vlt_frame_take(frame, (size_t)rows, sizeof(float));
    r.total = vlt_frame_take(frame, (size_t)rows, sizeof(int32_t));
    r.q = vlt_frame_take(frame, i8_rows_bytes(rows, k), 1);
    return r;
}

/* Where row r begins; its steps are width * I8_STEP bytes apart. */
VLT_ALWAYS_INLINE int8_t *i8_row(const struct i8_rows *rows, int64_t r)
{
    int64_t tile = r / rows->width;
    return rows->q + (tile * rows->width * rows->steps + r % rows->width) * I8_STEP;
}

/* The bits of the largest magnitude of a row; at least 0x7F800000 where one is no number. */
VLT_ALWAYS_INLINE uint32_t i8_largest_bits(const float *x, int64_t k)
{
    const vec_int magnitude = VEC_OP(set1_epi32)(0x7FFFFFFF);
    vec_int top[2] = {VEC_OP(set1_epi32)(0), VEC_OP(set1_epi32)(0)};
    uint32_t lane[VEC_LANES], largest = 0;
    for (int64_t i = 0; i < k; i += 2 * VEC_LANES) {
        for (int j = 0; j < 2; j++) {
            int64_t left = k - i - j * VEC_LANES;
            vec v = left >= VEC_LANES ? vec_load(x + i + j * VEC_LANES)
                                      : vec_load_part(x + i + (left > 0 ? j * VEC_LANES : 0),
                                                      left > 0 ? left : 0);
#if VLT_SIMD == 512
            vec_int bits = _mm512_and_si512(_mm512_castps_si512(v), magnitude);
#else
            vec_int bits = _mm256_and_si256(_mm256_castps_si256(v), magnitude);
#endif
            top[j] = VEC_OP(max_epu32)(top[j], bits);
        }
    }
    top[0] = VEC_OP(max_epu32)(top[0], top[1]);
    memcpy(lane, &top[0], sizeof lane);
    for (int i = 0; i < VEC_LANES; i++) {
        largest = lane[i] > largest ? lane[i] : largest;
    }
    return largest;
}

enum { I8_STEPS = VEC_LANES / I8_STEP /* in a vector of values */, I8_SIDE = 4 /* rows at once */ };

/* VEC_LANES values of |q| <= 127 as bytes, each four flipped. */
VLT_ALWAYS_INLINE __m128i i8_bytes(vec_int q, uint32_t flip)
{
    const __m128i bits = _mm_set1_epi32((int32_t)flip);
#if VLT_SIMD == 512
    return _mm_xor_si128(_mm512_cvtepi32_epi8(q), bits);
#else
    __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    return _mm_xor_si128(_mm_packs_epi16(half, half), bits);
#endif
}

/* Into the steps at `to`, step_bytes apart. */
VLT_ALWAYS_INLINE void i8_store_steps(vec_int q, uint32_t flip, int8_t *to, int64_t step_bytes)
{
    int32_t step[4];
    _mm_storeu_si128((void *)step, i8_bytes(q, flip));
    VLT_UNROLL
    for (int i = 0; i < I8_STEPS; i++) {
        memcpy(to + i * step_bytes, &step[i], I8_STEP);
    }
}

/* The same of I8_SIDE rows that stand side by side, the first `steps` steps: a store for all rows
 * of a step. */
VLT_ALWAYS_INLINE void i8_store_side(const vec_int q[I8_SIDE], uint32_t flip, int8_t *to,
                                     int64_t step_bytes, int64_t steps)
{
    const __m128i a = i8_bytes(q[0], flip), b = i8_bytes(q[1], flip), c = i8_bytes(q[2], flip),
                  d = i8_bytes(q[3], flip);
    const __m128i low[2] = {_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d)},
                  high[2] = {_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d)};
    const __m128i step[4] = {_mm_unpacklo_epi64(low[0], low[1]), _mm_unpackhi_epi64(low[0], low[1]),
                             _mm_unpacklo_epi64(high[0], high[1]),
                             _mm_unpackhi_epi64(high[0], high[1])};
    VLT_UNROLL
    for (int i = 0; i < I8_STEPS; i++) {
        if (i < steps) {
            _mm_storeu_si128((void *)(to + i * step_bytes), step[i]);
        }
    }
}

VLT_ALWAYS_INLINE int32_t i8_sum(vec_int v)
{
    int32_t lane[VEC_LANES], sum = 0;
    memcpy(lane, &v, sizeof lane);
    for (int i = 0; i < VEC_LANES; i++) {
        sum += lane[i];
    }
    return sum;
}

/* The scale of a row and what to multiply it by: 0 where it counts as zeros. */
VLT_ALWAYS_INLINE float i8_scale(const float *x, int64_t k, float *inverse)
{
    uint32_t bits = i8_largest_bits(x, k);
    float largest;
    *inverse = 0;
    if (bits >= 0x7F800000) {
        return VLT_INT8_STRANGE;
    }
    memcpy(&largest, &bits, sizeof largest);
    return vlt_int8_scale(largest, inverse);
}

/* Rounds x[k] times `inverse` into the steps at `to`, flipped; returns the sum as it was. */
VLT_ALWAYS_INLINE int32_t i8_round_scaled(const float *x, int64_t k, float inverse, uint32_t flip,
                                          int8_t *to, int64_t step_bytes)
{
    if (inverse == 0) {
        for (int64_t step = 0; step < i8_steps(k); step++) {
            memcpy(to + step * step_bytes, &flip, I8_STEP);
        }
        return 0;
    }
    vec_int sum = VEC_OP(set1_epi32)(0);
    vec factor = vec_set(inverse);
    int64_t i = 0;
    for (; i + VEC_LANES <= k; i += VEC_LANES) {
        vec_int q = VEC_OP(cvtps_epi32)(vec_mul(vec_load(x + i), factor));
        sum = VEC_OP(add_epi32)(sum, q);
        i8_store_steps(q, flip, to + i / I8_STEP * step_bytes, step_bytes);
    }
    if (i < k) {
        vec_int q = VEC_OP(cvtps_epi32)(vec_mul(vec_load_part(x + i, k - i), factor));
        int8_t last[VEC_LANES];
        sum = VEC_OP(add_epi32)(sum, q);
        i8_store_steps(q, flip, last, I8_STEP);
        for (int64_t j = 0; j < i8_steps(k - i); j++) {
            memcpy(to + (i / I8_STEP + j) * step_bytes, last + j * I8_STEP, I8_STEP);
        }
    }
    return i8_sum(sum);
}

/* Rounds x[k] likewise; returns the scale, *total the sum. */
VLT_ALWAYS_INLINE float i8_round_row(const float *x, int64_t k, uint32_t flip, int8_t *to,
                                     int64_t step_bytes, int32_t *total)
{
    float inverse, scale = i8_scale(x, k, &inverse);
    *total = i8_round_scaled(x, k, inverse, flip, to, step_bytes);
    return scale;
}

/* Row r from x[k]. */
VLT_ALWAYS_INLINE void i8_set_row(const struct i8_rows *rows, int64_t r, const float *x, int64_t k)
{
    rows->scale[r] = i8_round_row(x, k, rows->flip, i8_row(rows, r), rows->width * I8_STEP,
                                  &rows->total[r]);
}

/* I8_SIDE rows, none of which counts as zeros. */
VLT_ALWAYS_INLINE void i8_round_side(const float *x, int64_t stride, int64_t k,
                                     const float inverse[I8_SIDE], uint32_t flip, int8_t *to,
                                     int64_t step_bytes, int32_t total[I8_SIDE])
{
    vec_int sum[I8_SIDE], q[I8_SIDE];
    VLT_UNROLL
    for (int r = 0; r < I8_SIDE; r++) {
        sum[r] = VEC_OP(set1_epi32)(0);
    }
    for (int64_t i = 0; i < k; i += VEC_LANES) {
        const int64_t left = k - i;
        VLT_UNROLL
        for (int r = 0; r < I8_SIDE; r++) {
            const float *at = x + r * stride + i;
            vec v = left >= VEC_LANES ? vec_load(at) : vec_load_part(at, left);
            q[r] = VEC_OP(cvtps_epi32)(vec_mul(v, vec_set(inverse[r])));
            sum[r] = VEC_OP(add_epi32)(sum[r], q[r]);
        }
        i8_store_side(q, flip, to + i / I8_STEP * step_bytes, step_bytes, i8_steps(left));
    }
    for (int r = 0; r < I8_SIDE; r++) {
        total[r] = i8_sum(sum[r]);
    }
}

/* Rows r .. r + count from x[count, k]. */
static inline void i8_set_rows(const struct i8_rows *rows, int64_t r, int64_t count, const float *x,
                               int64_t stride, int64_t k)
{
    const int64_t step_bytes = rows->width * I8_STEP;
    float inverse[I8_SIDE];
    while (count > 0) {
        const int64_t some = count < I8_SIDE ? count : I8_SIDE;
        bool side = some == I8_SIDE && r % rows->width + I8_SIDE <= rows->width;
        for (int64_t i = 0; i < some; i++) {
            rows->scale[r + i] = i8_scale(x + i * stride, k, &inverse[i]);
            side = side && inverse[i] != 0;
        }
        if (side) {
            i8_round_side(x, stride, k, inverse, rows->flip, i8_row(rows, r), step_bytes,
                          rows->total + r);
        }
        for (int64_t i = 0; i < some && !side; i++) {
            rows->total[r + i] = i8_round_scaled(x + i * stride, k, inverse[i], rows->flip,
                                                 i8_row(rows, r + i), step_bytes);
        }
        r += some;
        x += some * stride;
        count -= some;
    }
}

#endif
#endif

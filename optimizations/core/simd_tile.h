/* simd_tile.h: the register tile under linear and attention, for one vector width; see simd.h.
 *
 * A panel is a piece of the right-hand matrix, [depth, VEC_PANEL], in which each row holds the
 * values that VEC_PANEL outputs need at one step of the sum. A tile of VEC_TILE_ROWS rows times a
 * panel stays in registers: 24 sums, two vectors of the panel and one value of the left-hand
 * matrix with AVX-512, 12 + 2 + 1 with AVX2.
 */
#ifndef VLT_CORE_SIMD_TILE_H
#define VLT_CORE_SIMD_TILE_H

#include "optimizations/core/simd.h"

#ifdef VLT_SIMD

enum { VEC_PANEL = 2 * VEC_LANES, VEC_TILE_ROWS = VLT_SIMD == 512 ? 12 : 6 };

/* The same as below for `columns` a multiple of 2 * VEC_LANES of BF16: pairs of elements are moved
 * as one, which halves the shuffles. */
VLT_ALWAYS_INLINE void vec_pack_transposed_pairs(const void *src, int64_t row_bytes, int64_t rows,
                                                 int64_t first, int64_t columns, float *out,
                                                 int64_t out_stride)
{
    const vec_int high = VEC_OP(set1_epi32)((int)0xFFFF0000);
    for (int64_t c = 0; c < columns; c += 2 * VEC_LANES) {
        vec v[VEC_LANES];
        VLT_UNROLL
        for (int r = 0; r < VEC_LANES; r++) {
            const unsigned char *p = (const unsigned char *)src + r * row_bytes + (first + c) * 2;
            v[r] = r >= rows ? vec_zero() : VEC_OP(loadu_ps)((const void *)p);
        }
        vec_transpose(v);
        VLT_UNROLL
        for (int i = 0; i < VEC_LANES; i++) {
#if VLT_SIMD == 512
            __m512i pair = _mm512_castps_si512(v[i]);
            vec even = _mm512_castsi512_ps(_mm512_slli_epi32(pair, 16));
            vec odd = _mm512_castsi512_ps(_mm512_and_si512(pair, high));
#else
            __m256i pair = _mm256_castps_si256(v[i]);
            vec even = _mm256_castsi256_ps(_mm256_slli_epi32(pair, 16));
            vec odd = _mm256_castsi256_ps(_mm256_and_si256(pair, high));
#endif
            vec_store(out + (c + 2 * i) * out_stride, even);
            vec_store(out + (c + 2 * i + 1) * out_stride, odd);
        }
    }
}

/* out[c * out_stride + r] = element first + c of row r, for r < VEC_LANES and c < columns; zero
 * where r >= rows. Row r of src (any address) begins at r * row_bytes. */
VLT_ALWAYS_INLINE void vec_pack_transposed(vlt_dtype dtype, const void *src, int64_t row_bytes,
                                           int64_t rows, int64_t first, int64_t columns, float *out,
                                           int64_t out_stride)
{
    int64_t c = 0;
    if (dtype == VLT_DTYPE_BF16) {
        c = columns / (2 * VEC_LANES) * (2 * VEC_LANES);
        vec_pack_transposed_pairs(src, row_bytes, rows, first, c, out, out_stride);
    }
    for (; c < columns; c += VEC_LANES) {
        vec v[VEC_LANES];
        int64_t n = columns - c < VEC_LANES ? columns - c : VEC_LANES;
        VLT_UNROLL
        for (int r = 0; r < VEC_LANES; r++) {
            const unsigned char *row = (const unsigned char *)src + r * row_bytes;
            v[r] = r >= rows        ? vec_zero()
                   : n == VEC_LANES ? vec_widen(dtype, row, first + c)
                                    : vec_widen_part(dtype, row, first + c, n);
        }
        vec_transpose(v);
        for (int i = 0; i < n; i++) {
            vec_store(out + (c + i) * out_stride, v[i]);
        }
    }
}

/* out[c * rows + r] = x[r * x_stride + c] for the 1 to VEC_TILE_ROWS rows of a tile. */
VLT_ALWAYS_INLINE void vec_arrange_rows(const float *x, int64_t x_stride, int64_t rows,
                                        int64_t columns, float *out)
{
    for (int64_t c = 0; c < columns; c += VEC_LANES) {
        vec v[VEC_LANES];
        int64_t n = columns - c < VEC_LANES ? columns - c : VEC_LANES;
        VLT_UNROLL
        for (int r = 0; r < VEC_LANES; r++) {
            v[r] = r >= VEC_TILE_ROWS || r >= rows ? vec_zero()
                   : n == VEC_LANES                ? vec_load(x + r * x_stride + c)
                                                   : vec_load_part(x + r * x_stride + c, n);
        }
        vec_transpose(v);
        for (int i = 0; i < n; i++) {
            vec_store_part(out + (c + i) * rows, rows, v[i]);
        }
    }
}

/* acc[r][0..1] += sum_i a[r * row_stride + i * stride] * panel[i * panel_stride .. + VEC_PANEL).
 * `rows` is a constant of at most VEC_TILE_ROWS. */
VLT_ALWAYS_INLINE void vec_tile_strided(const float *a, int64_t row_stride, int64_t stride,
                                        const float *panel, int64_t panel_stride, int64_t depth,
                                        int rows, vec acc[][2])
{
    for (int64_t i = 0; i < depth; i++) {
        vec left = vec_load(panel + i * panel_stride);
        vec right = vec_load(panel + i * panel_stride + VEC_LANES);
        VLT_UNROLL
        for (int r = 0; r < rows; r++) {
            vec value = vec_set(a[r * row_stride + i * stride]);
            acc[r][0] = vec_fma(left, value, acc[r][0]);
            acc[r][1] = vec_fma(right, value, acc[r][1]);
        }
    }
}

/* Rows that lie a_stride apart. */
VLT_ALWAYS_INLINE void vec_tile(const float *a, int64_t a_stride, const float *panel,
                                int64_t panel_stride, int64_t depth, int rows, vec acc[][2])
{
    vec_tile_strided(a, a_stride, 1, panel, panel_stride, depth, rows, acc);
}

/* What vec_arrange_rows made. */
VLT_ALWAYS_INLINE void vec_tile_arranged(const float *a, const float *panel, int64_t panel_stride,
                                         int64_t depth, int rows, vec acc[][2])
{
    vec_tile_strided(a, 1, rows, panel, panel_stride, depth, rows, acc);
}

#endif
#endif

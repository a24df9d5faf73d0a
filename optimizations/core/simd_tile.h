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

/* out[c * out_stride + r] = element first + c of row r, for r < VEC_LANES and c < columns; zero
 * where r >= rows. Row r of src (any address) begins at r * row_bytes. */
VLT_ALWAYS_INLINE void vec_pack_transposed(vlt_dtype dtype, const void *src, int64_t row_bytes,
                                           int64_t rows, int64_t first, int64_t columns, float *out,
                                           int64_t out_stride)
{
    for (int64_t c = 0; c < columns; c += VEC_LANES) {
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

/* acc[r][0..1] += sum_i a[r * a_stride + i] * panel[i * panel_stride .. + VEC_PANEL). `rows` is a
 * constant of at most VEC_TILE_ROWS. */
VLT_ALWAYS_INLINE void vec_tile(const float *a, int64_t a_stride, const float *panel,
                                int64_t panel_stride, int64_t depth, int rows, vec acc[][2])
{
    for (int64_t i = 0; i < depth; i++) {
        vec left = vec_load(panel + i * panel_stride);
        vec right = vec_load(panel + i * panel_stride + VEC_LANES);
        VLT_UNROLL
        for (int r = 0; r < rows; r++) {
            vec value = vec_set(a[r * a_stride + i]);
            acc[r][0] = vec_fma(left, value, acc[r][0]);
            acc[r][1] = vec_fma(right, value, acc[r][1]);
        }
    }
}

#endif
#endif

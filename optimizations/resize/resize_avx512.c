/* Bottleneck: what AVX2 leaves: 32 bytes a step vertically, one pixel a step horizontally.
 * Idea: 64 bytes of a row at once, two output pixels side by side in one vector.
 * Loses: where 512-bit work lowers the clock and the image is small; the tuner decides.
 *
 * Pillow's wide weights are split into two signed 16-bit halves as in resize_avx2.c.
 */
#include <immintrin.h>
#include <string.h>

#include "optimizations/resize/resize_internal.h"

enum { TAPS = 4, PIXELS_READ = 6 /* a 16-byte load of 4 pixels needs 6 of them in the row */ };

/* Four 128-bit lanes: taps 0 and 1, taps 2 and 3 of pixel A, then of pixel B. */
static inline __m512i twice(__m128i a, __m128i b)
{
    __m512i both = _mm512_castsi256_si512(_mm256_broadcastsi128_si256(a));
    return _mm512_inserti64x4(both, _mm256_broadcastsi128_si256(b), 1);
}

static inline __m512i spread_mask(void)
{
    return _mm512_broadcast_i64x4(_mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1,
                                                   -1, -1, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11,
                                                   -1, -1, -1, -1, -1));
}

static inline __m512i pair_mask(void)
{
    return _mm512_broadcast_i64x4(_mm256_setr_epi8(0, 1, 4, 5, 0, 1, 4, 5, 0, 1, 4, 5, 0, 1, 4, 5,
                                                   8, 9, 12, 13, 8, 9, 12, 13, 8, 9, 12, 13, 8, 9,
                                                   12, 13));
}

/* Output pixels i and i + 1. */
static inline void two_pixels(const vlt_resize_axis *x, const uint8_t *src, int64_t i, int groups,
                              uint8_t *dst)
{
    const uint8_t *a = src + (int64_t)x->first[i] * 3, *b = src + (int64_t)x->first[i + 1] * 3;
    const int32_t *weight = x->weight + i * x->taps;
    __m512i high = _mm512_setzero_si512(), low = _mm512_setzero_si512();
    for (int g = 0; g < groups; g++) {
        __m512i samples = twice(_mm_loadu_si128((const __m128i *)(a + g * TAPS * 3)),
                                _mm_loadu_si128((const __m128i *)(b + g * TAPS * 3)));
        __m512i w = twice(_mm_loadu_si128((const __m128i *)(weight + g * TAPS)),
                          _mm_loadu_si128((const __m128i *)(weight + x->taps + g * TAPS)));
        samples = _mm512_shuffle_epi8(samples, spread_mask());
        __m512i w_low = _mm512_srai_epi32(_mm512_slli_epi32(w, 16), 16);
        low = _mm512_add_epi32(low,
                               _mm512_madd_epi16(samples, _mm512_shuffle_epi8(w_low, pair_mask())));
        if (x->wide) {
            __m512i w_high = _mm512_srai_epi32(_mm512_sub_epi32(w, w_low), 16);
            high = _mm512_add_epi32(
                high, _mm512_madd_epi16(samples, _mm512_shuffle_epi8(w_high, pair_mask())));
        }
    }
    low = _mm512_add_epi32(low, _mm512_slli_epi32(high, 16));
    low = _mm512_add_epi32(low, _mm512_shuffle_i64x2(low, low, 0xB1)); /* lanes 0+1 and 2+3 */
    low = _mm512_add_epi32(low, _mm512_set1_epi32(1 << (x->precision - 1)));
    low = _mm512_sra_epi32(low, _mm_cvtsi32_si128(x->precision));
    low = _mm512_max_epi32(low, _mm512_setzero_si512());
    __m128i bytes = _mm512_cvtusepi32_epi8(low);
    uint32_t first = (uint32_t)_mm_extract_epi32(bytes, 0);
    uint32_t second = (uint32_t)_mm_extract_epi32(bytes, 2);
    memcpy(dst, &first, 3);
    memcpy(dst + 3, &second, 3);
}

static inline int groups_of(const vlt_resize_axis *x, int64_t i)
{
    return (x->count[i] + TAPS - 1) / TAPS;
}

static inline bool inside(const vlt_resize_axis *x, int64_t i, int groups)
{
    return x->first[i] + (int64_t)(groups - 1) * TAPS + PIXELS_READ <= x->in;
}

static void horizontal(const vlt_resize_axis *x, const uint8_t *src, uint8_t *dst)
{
    int64_t i = 0;
    while (i < x->out) {
        if (i + 1 < x->out) {
            int a = groups_of(x, i), b = groups_of(x, i + 1), groups = a > b ? a : b;
            if (groups * TAPS <= x->taps && inside(x, i, groups) && inside(x, i + 1, groups)) {
                two_pixels(x, src, i, groups, dst + i * 3);
                i += 2;
                continue;
            }
        }
        vlt_resize_pixel(x, src, i, dst + i * 3);
        i++;
    }
}

static inline __m512i pair_weights(int32_t w0, int32_t w1)
{
    return _mm512_set1_epi32((int32_t)((uint32_t)(w0 & 0xFFFF) | (uint32_t)w1 << 16));
}

/* 64 bytes of an output row, of which `mask` are real. */
static inline void bytes64(const vlt_resize_axis *y, const uint8_t *rows, int64_t stride,
                           const int32_t *weight, int count, uint8_t *dst, __mmask64 mask)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i low[4], high[4];
    for (int u = 0; u < 4; u++) {
        low[u] = _mm512_set1_epi32(1 << (y->precision - 1));
        high[u] = zero;
    }
    for (int j = 0; j < count; j += 2) {
        int32_t w0 = weight[j], w1 = j + 1 < count ? weight[j + 1] : 0;
        int32_t l0 = (int16_t)w0, l1 = (int16_t)w1;
        const uint8_t *a = rows + j * stride, *b = j + 1 < count ? a + stride : a;
        __m512i va = _mm512_maskz_loadu_epi8(mask, a), vb = _mm512_maskz_loadu_epi8(mask, b);
        __m512i first = _mm512_unpacklo_epi8(va, vb), second = _mm512_unpackhi_epi8(va, vb);
        __m512i pair[4] = {_mm512_unpacklo_epi8(first, zero), _mm512_unpackhi_epi8(first, zero),
                           _mm512_unpacklo_epi8(second, zero), _mm512_unpackhi_epi8(second, zero)};
        __m512i wl = pair_weights(l0, l1), wh = pair_weights((w0 - l0) >> 16, (w1 - l1) >> 16);
        for (int u = 0; u < 4; u++) {
            low[u] = _mm512_add_epi32(low[u], _mm512_madd_epi16(pair[u], wl));
            if (y->wide) {
                high[u] = _mm512_add_epi32(high[u], _mm512_madd_epi16(pair[u], wh));
            }
        }
    }
    __m128i shift = _mm_cvtsi32_si128(y->precision);
    for (int u = 0; u < 4; u++) {
        low[u] = _mm512_add_epi32(low[u], _mm512_slli_epi32(high[u], 16));
        low[u] = _mm512_sra_epi32(low[u], shift);
    }
    /* the lanes of unpack and pack undo each other */
    __m512i packed = _mm512_packus_epi16(_mm512_packs_epi32(low[0], low[1]),
                                         _mm512_packs_epi32(low[2], low[3]));
    _mm512_mask_storeu_epi8(dst, mask, packed);
}

static void vertical(const vlt_resize_axis *y, int64_t row, const uint8_t *src, int64_t stride,
                     uint8_t *dst, int64_t bytes)
{
    const int32_t *weight = y->weight + row * y->taps;
    const uint8_t *rows = src + y->first[row] * stride;
    int64_t b = 0;
    for (; b + 64 <= bytes; b += 64) {
        bytes64(y, rows + b, stride, weight, y->count[row], dst + b, ~(__mmask64)0);
    }
    if (b < bytes) {
        bytes64(y, rows + b, stride, weight, y->count[row], dst + b,
                ((__mmask64)1 << (bytes - b)) - 1);
    }
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    return vlt_resize_strips_prepare(plan, horizontal, vertical, err);
}

VLT_VARIANT(resize, avx512, .summary = "two pixels and 64 bytes a step, strips over threads",
            .knobs = vlt_resize_strips_knobs, .knob_count = VLT_RESIZE_KNOBS, .prepare = prepare,
            .scratch = vlt_resize_strips_scratch, .run = vlt_resize_strips_run,
            .release = vlt_resize_strips_release);

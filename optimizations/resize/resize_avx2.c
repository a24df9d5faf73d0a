/* Bottleneck: three multiplications and additions a tap, one sample at a time.
 * Idea: pairs of taps as 16-bit products (vpmaddwd), four taps of a pixel at once horizontally and
 * 32 bytes of a row vertically; strips keep the rows between the passes in the cache.
 * Loses: on images of a few pixels, where the tables cost more than the work.
 *
 * Pillow's weights have 22 fractional bits: w = high * 65536 + low with two signed 16-bit halves,
 * and the sum of products is (sum of high << 16) + sum of low, exact in 32 bits like Pillow's own.
 */
#include <immintrin.h>
#include <string.h>

#include "optimizations/resize/resize_internal.h"

enum { TAPS = 4, PIXELS_READ = 6 /* a 16-byte load of 4 pixels needs 6 of them in the row */ };

/* Four weights, as two vectors of 16-bit pairs for vpmaddwd: lane 0 has taps 0 and 1, lane 1 taps 2
 * and 3, each pair four times. */
struct halves {
    __m256i high, low;
};

static struct halves load_weights(const int32_t *weight)
{
    const __m256i pairs = _mm256_setr_epi8(0, 1, 4, 5, 0, 1, 4, 5, 0, 1, 4, 5, 0, 1, 4, 5, 8, 9, 12,
                                           13, 8, 9, 12, 13, 8, 9, 12, 13, 8, 9, 12, 13);
    __m128i w = _mm_loadu_si128((const __m128i *)weight);
    __m128i low = _mm_srai_epi32(_mm_slli_epi32(w, 16), 16);
    __m128i high = _mm_srai_epi32(_mm_sub_epi32(w, low), 16);
    return (struct halves){
        .high = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(high), pairs),
        .low = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(low), pairs),
    };
}

/* One output pixel from `groups` groups of four taps; writes three bytes. */
static inline void pixel(const vlt_resize_axis *x, const uint8_t *src, const int32_t *weight,
                         int groups, uint8_t *dst)
{
    const __m256i spread = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1,
                                            -1, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1,
                                            -1, -1);
    __m256i high = _mm256_setzero_si256(), low = _mm256_setzero_si256();
    for (int g = 0; g < groups; g++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(src + g * TAPS * 3));
        __m256i samples = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), spread);
        struct halves w = load_weights(weight + g * TAPS);
        low = _mm256_add_epi32(low, _mm256_madd_epi16(samples, w.low));
        if (x->wide) {
            high = _mm256_add_epi32(high, _mm256_madd_epi16(samples, w.high));
        }
    }
    low = _mm256_add_epi32(low, _mm256_slli_epi32(high, 16));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
    sum = _mm_add_epi32(sum, _mm_set1_epi32(1 << (x->precision - 1)));
    sum = _mm_sra_epi32(sum, _mm_cvtsi32_si128(x->precision));
    sum = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);
    uint32_t rgb = (uint32_t)_mm_cvtsi128_si32(sum);
    memcpy(dst, &rgb, 3);
}

static void horizontal(const vlt_resize_axis *x, const uint8_t *src, uint8_t *dst)
{
    for (int64_t i = 0; i < x->out; i++) {
        int groups = (x->count[i] + TAPS - 1) / TAPS;
        int64_t reads = x->first[i] + (int64_t)(groups - 1) * TAPS + PIXELS_READ;
        if (reads > x->in) { /* would read behind the row */
            vlt_resize_pixel(x, src, i, dst + i * 3);
        } else {
            pixel(x, src + (int64_t)x->first[i] * 3, x->weight + i * x->taps, groups, dst + i * 3);
        }
    }
}

/* 32 bytes of an output row; `rows` points at the first input row and the first of the bytes. */
static inline void bytes32(const vlt_resize_axis *y, const uint8_t *rows, int64_t stride,
                           const int32_t *weight, int count, uint8_t *dst)
{
    __m256i low[4], high[4];
    for (int u = 0; u < 4; u++) {
        low[u] = _mm256_set1_epi32(1 << (y->precision - 1));
        high[u] = _mm256_setzero_si256();
    }
    for (int j = 0; j < count; j += 2) {
        int32_t w0 = weight[j], w1 = j + 1 < count ? weight[j + 1] : 0;
        const uint8_t *a = rows + j * stride, *b = j + 1 < count ? a + stride : a;
        __m256i va = _mm256_loadu_si256((const __m256i *)a);
        __m256i vb = _mm256_loadu_si256((const __m256i *)b);
        __m256i first = _mm256_unpacklo_epi8(va, vb), second = _mm256_unpackhi_epi8(va, vb);
        __m256i zero = _mm256_setzero_si256();
        __m256i pair[4] = {_mm256_unpacklo_epi8(first, zero), _mm256_unpackhi_epi8(first, zero),
                           _mm256_unpacklo_epi8(second, zero), _mm256_unpackhi_epi8(second, zero)};
        int32_t l0 = (int16_t)w0, l1 = (int16_t)w1;
        __m256i wl = _mm256_set1_epi32((int32_t)((uint32_t)(l0 & 0xFFFF) | (uint32_t)l1 << 16));
        __m256i wh = _mm256_set1_epi32(
            (int32_t)((uint32_t)((w0 - l0) >> 16 & 0xFFFF) | (uint32_t)((w1 - l1) >> 16) << 16));
        for (int u = 0; u < 4; u++) {
            low[u] = _mm256_add_epi32(low[u], _mm256_madd_epi16(pair[u], wl));
            if (y->wide) {
                high[u] = _mm256_add_epi32(high[u], _mm256_madd_epi16(pair[u], wh));
            }
        }
    }
    __m128i shift = _mm_cvtsi32_si128(y->precision);
    for (int u = 0; u < 4; u++) {
        low[u] = _mm256_add_epi32(low[u], _mm256_slli_epi32(high[u], 16));
        low[u] = _mm256_sra_epi32(low[u], shift);
    }
    /* the lanes of unpack and pack undo each other */
    __m256i packed = _mm256_packus_epi16(_mm256_packs_epi32(low[0], low[1]),
                                         _mm256_packs_epi32(low[2], low[3]));
    _mm256_storeu_si256((__m256i *)dst, packed);
}

static void vertical(const vlt_resize_axis *y, int64_t row, const uint8_t *src, int64_t stride,
                     uint8_t *dst, int64_t bytes)
{
    const int32_t *weight = y->weight + row * y->taps;
    const uint8_t *rows = src + y->first[row] * stride;
    int64_t b = 0;
    for (; b + 32 <= bytes; b += 32) {
        bytes32(y, rows + b, stride, weight, y->count[row], dst + b);
    }
    for (; b < bytes; b++) {
        int32_t sum = 1 << (y->precision - 1);
        for (int j = 0; j < y->count[row]; j++) {
            sum += weight[j] * rows[j * stride + b];
        }
        dst[b] = vlt_resize_clamp(sum >> y->precision);
    }
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    return vlt_resize_strips_prepare(plan, horizontal, vertical, err);
}

VLT_VARIANT(resize, avx2, .summary = "16-bit pairs of taps, strips of rows over threads",
            .knobs = vlt_resize_strips_knobs, .knob_count = VLT_RESIZE_KNOBS, .prepare = prepare,
            .scratch = vlt_resize_strips_scratch, .run = vlt_resize_strips_run,
            .release = vlt_resize_strips_release);

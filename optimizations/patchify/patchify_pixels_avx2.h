/* patchify_pixels_avx2.h: 16 interleaved pixels -> 16 bytes of one channel, for files compiled
 * with AVX2 or more. */
#ifndef VLT_PATCHIFY_PIXELS_AVX2_H
#define VLT_PATCHIFY_PIXELS_AVX2_H

#include <immintrin.h>

#include "optimizations/patchify/patchify_internal.h"

/* Byte of channel c in pixel p stands at 3p + c; shuffle k picks what lies in the k-th 16 bytes. */
static inline __m128i vlt_pick_channel(__m128i a, __m128i b, __m128i d, int c)
{
    static const int8_t pick[3][3][16] = {
        {{0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
         {-1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1},
         {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13}},
        {{1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
         {-1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1},
         {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14}},
        {{2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
         {-1, -1, -1, -1, -1, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1},
         {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15}}};
    const __m128i *mask = (const __m128i *)pick[c];
    return _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(a, _mm_loadu_si128(mask)),
                                     _mm_shuffle_epi8(b, _mm_loadu_si128(mask + 1))),
                        _mm_shuffle_epi8(d, _mm_loadu_si128(mask + 2)));
}

/* rgb[48] -> channel[3], 16 bytes each. */
static inline void vlt_split_pixels(const uint8_t *rgb, __m128i *channel)
{
    __m128i a = _mm_loadu_si128((const __m128i *)rgb);
    __m128i b = _mm_loadu_si128((const __m128i *)(rgb + 16));
    __m128i d = _mm_loadu_si128((const __m128i *)(rgb + 32));
    for (int c = 0; c < 3; c++) {
        channel[c] = vlt_pick_channel(a, b, d, c);
    }
}

/* A vlt_patchify_patch: rows of bytes, a fraction of those of f32, so always through the cache. */
static inline void vlt_patch_bytes(const vlt_patchify_state *state, const uint8_t *const *frame,
                                   int frames, int64_t stride, bool stream, void *row)
{
    enum { PIXELS = 16 };
    const int64_t side = state->patch;
    uint8_t *out = row;
    (void)frames, (void)stream;
    for (int64_t y = 0; y < side; y++) {
        for (int64_t x = 0; x < side; x += PIXELS) {
            __m128i channel[3];
            vlt_split_pixels(frame[0] + y * stride + x * 3, channel);
            for (int c = 0; c < 3; c++) {
                _mm_storeu_si128((void *)(out + (c * side + y) * side + x), channel[c]);
            }
        }
    }
}

#endif

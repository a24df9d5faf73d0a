/* Bottleneck: one lookup and one four-byte store a value, and each frame of a still image anew.
 * Idea: 16 pixels at a time as two halves; where the table is a formula (checked for every byte)
 * the values are computed, else gathered, and a still image's values are stored once per frame.
 * Loses: on images of a few patches, where starting the threads costs more than the work.
 */
#include "optimizations/patchify/patchify_internal.h"
#include "optimizations/patchify/patchify_pixels_avx2.h"

enum { LANES = 16, HALF = 8 };

static inline __m256 values(const vlt_patchify_state *state, int c, __m128i bytes)
{
    const vlt_patchify_formula *f = &state->formula;
    __m256i wide = _mm256_cvtepu8_epi32(bytes);
    if (!f->exact) {
        return _mm256_i32gather_ps(state->constants->table[c], wide, sizeof(float));
    }
    __m256 v = _mm256_cvtepi32_ps(wide), inverse = _mm256_set1_ps(f->inverse[c]);
    __m256 u = _mm256_fmadd_ps(v, _mm256_set1_ps(f->high),
                               _mm256_mul_ps(v, _mm256_set1_ps(f->low)));
    u = _mm256_sub_ps(u, _mm256_set1_ps(f->mean[c]));
    __m256 q = _mm256_mul_ps(u, inverse);
    return _mm256_fmadd_ps(_mm256_fnmadd_ps(_mm256_set1_ps(f->std[c]), q, u), inverse, q);
}

static inline void store(bool stream, float *out, __m256 low, __m256 high)
{
    if (stream) {
        _mm256_stream_ps(out, low);
        _mm256_stream_ps(out + HALF, high);
    } else {
        _mm256_storeu_ps(out, low);
        _mm256_storeu_ps(out + HALF, high);
    }
}

static void patch(const vlt_patchify_state *state, const uint8_t *const *frame, int frames,
                  int64_t stride, bool stream, void *row)
{
    float *out = row;
    int64_t side = state->patch, area = side * side, temporal = state->temporal;
    for (int f = 0; f < frames; f++) {
        int64_t last = frames == 1 ? temporal : f + 1;
        for (int64_t y = 0; y < side; y++) {
            for (int64_t x = 0; x < side; x += LANES) {
                __m128i channel[3];
                vlt_split_pixels(frame[f] + y * stride + x * 3, channel);
                for (int c = 0; c < 3; c++) {
                    __m256 low = values(state, c, channel[c]);
                    __m256 high = values(state, c, _mm_srli_si128(channel[c], HALF));
                    for (int64_t t = f; t < last; t++) {
                        store(stream, out + (c * temporal + t) * area + y * side + x, low, high);
                    }
                }
            }
        }
    }
    if (stream) {
        _mm_sfence(); /* streaming stores are not ordered by what hands the chunk back */
    }
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    return vlt_patchify_prepare(plan, patch, vlt_patch_bytes, err);
}

VLT_VARIANT(patchify, avx2, .summary = "16 pixels a step, values computed, over threads",
            .knobs = vlt_patchify_knobs, .knob_count = VLT_PATCHIFY_KNOBS,
            .applicable = vlt_patchify_applicable_16, .prepare = prepare, .run = vlt_patchify_run,
            .release = vlt_patchify_release);

/* Bottleneck: one lookup and one four-byte store a value, and each frame of a still image anew.
 * Idea: 16 pixels at a time; where the table is a formula (checked for every byte) the values are
 * computed, else gathered, and a still image's values are stored once per frame of the patch.
 * Loses: on images of a few patches, where starting the threads costs more than the work.
 */
#include "optimizations/patchify/patchify_internal.h"
#include "optimizations/patchify/patchify_pixels_avx2.h"

enum { LANES = 16 };

/* The formula of a channel, in registers: in memory a store of floats could have changed it. */
typedef struct formula {
    __m512 high, low, mean, std, inverse;
} formula;

static inline formula formula_of(const vlt_patchify_formula *f, int c)
{
    return (formula){_mm512_set1_ps(f->high), _mm512_set1_ps(f->low), _mm512_set1_ps(f->mean[c]),
                     _mm512_set1_ps(f->std[c]), _mm512_set1_ps(f->inverse[c])};
}

static inline __m512 values(const vlt_patchify_state *state, const formula *f, int c, __m128i bytes)
{
    __m512i wide = _mm512_cvtepu8_epi32(bytes);
    if (!f) {
        return _mm512_i32gather_ps(wide, state->constants->table[c], sizeof(float));
    }
    __m512 v = _mm512_cvtepi32_ps(wide);
    __m512 u = _mm512_fmadd_ps(v, f->high, _mm512_mul_ps(v, f->low));
    u = _mm512_sub_ps(u, f->mean);
    __m512 q = _mm512_mul_ps(u, f->inverse);
    return _mm512_fmadd_ps(_mm512_fnmadd_ps(f->std, q, u), f->inverse, q);
}

static inline void store(bool stream, float *out, __m512 value)
{
    if (stream) {
        _mm512_stream_ps(out, value);
    } else {
        _mm512_storeu_ps(out, value);
    }
}

/* 16 bytes of channel c to `to`, in each of `copies` frames; formulas NULL: the table. */
static inline void put(const vlt_patchify_state *state, const formula *formulas, int c,
                       __m128i bytes, int64_t copies, bool stream, float *to)
{
    int64_t area = state->patch * state->patch;
    __m512 value = values(state, formulas ? &formulas[c] : NULL, c, bytes);
    for (int64_t i = 0; i < copies; i++) {
        store(stream, to + i * area, value);
    }
}

/* A frame's pixels into `copies` frames of the patch, from the one at out[] on. */
static inline void fill(const vlt_patchify_state *state, const formula *formulas,
                        const uint8_t *frame, int64_t stride, int64_t copies, bool stream,
                        float *out)
{
    int64_t side = state->patch, plane = state->temporal * side * side;
    for (int64_t y = 0; y < side; y++) {
        for (int64_t x = 0; x < side; x += LANES) {
            __m128i channel[3];
            float *to = out + y * side + x;
            vlt_split_pixels(frame + y * stride + x * 3, channel);
            put(state, formulas, 0, channel[0], copies, stream, to);
            put(state, formulas, 1, channel[1], copies, stream, to + plane);
            put(state, formulas, 2, channel[2], copies, stream, to + 2 * plane);
        }
    }
}

static void patch(const vlt_patchify_state *state, const uint8_t *const *frame, int frames,
                  int64_t stride, bool stream, void *row)
{
    float *out = row;
    const formula formulas[3] = {formula_of(&state->formula, 0), formula_of(&state->formula, 1),
                                 formula_of(&state->formula, 2)};
    int64_t copies = frames == 1 ? state->temporal : 1, area = state->patch * state->patch;
    for (int f = 0; f < frames; f++) {
        if (!state->formula.exact) {
            fill(state, NULL, frame[f], stride, copies, stream, out + f * area);
        } else if (stream) {
            fill(state, formulas, frame[f], stride, copies, true, out + f * area);
        } else {
            fill(state, formulas, frame[f], stride, copies, false, out + f * area);
        }
    }
    if (stream) {
        _mm_sfence(); /* streaming stores are not ordered by what hands the chunk back */
    }
}

/* Where rows go past all caches and 512 bits pass in halves, avx2 is faster (Zen 4: 8 to 15 %). */
static bool stands_back(const vlt_problem *problem, const vlt_caps *caps)
{
    const int64_t *dim = problem->dim;
    const int64_t pixels = dim[VLT_PATCHIFY_DIM_H] * dim[VLT_PATCHIFY_DIM_W];
    const int64_t rows = pixels / (dim[VLT_PATCHIFY_DIM_PATCH] * dim[VLT_PATCHIFY_DIM_PATCH]);
    return caps->avx512_halves && !dim[VLT_PATCHIFY_DIM_BYTES] &&
           (size_t)(rows * vlt_patchify_row_bytes(problem)) > caps->l3_bytes;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    return vlt_patchify_prepare(plan, patch, vlt_patch_bytes, err);
}

VLT_VARIANT(patchify, avx512, .summary = "16 pixels a step, values computed, over threads",
            .knobs = vlt_patchify_knobs, .knob_count = VLT_PATCHIFY_KNOBS,
            .applicable = vlt_patchify_applicable_16, .stands_back = stands_back,
            .prepare = prepare, .run = vlt_patchify_run, .release = vlt_patchify_release);

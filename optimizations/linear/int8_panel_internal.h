/* int8_panel_internal.h: int8 weights as panels and their products with rounded rows, for one
 * instruction set; see int8_rows_internal.h.
 *
 * A panel holds what I8_PANEL outputs need, four inputs a step, as the instruction takes them:
 *
 *     weights[panel][step][output of the panel][4]
 *
 * One packing serves few and many rows, so that there is one copy of the weights. The instructions
 * multiply unsigned bytes by signed ones: a weight is stored with 128 added, and 128 times the sum
 * of a row of x is taken off where its sums begin. AVX2 has no such sum of four: there the weights
 * stay signed, and the sign of x goes over to them, since |x| w <= 127 * 127 twice fits into 16
 * bits; for many rows see int8_split_internal.h.
 */
#ifndef VLT_INT8_PANEL_INTERNAL_H
#define VLT_INT8_PANEL_INTERNAL_H

#include "optimizations/linear/int8_rows_internal.h"

#ifdef VLT_SIMD
#include "optimizations/core/packs.h"

enum { I8_PANEL = 2 * VEC_LANES, I8_STEP_BYTES = I8_PANEL * I8_STEP };
/* Bytes of a panel: 8 % faster than none, from memory and from L2; of many panels fewer of each. */
enum { I8_AHEAD = 1024, I8_AHEAD_OF_MANY = 512, I8_MANY_STREAMS = 8 };

VLT_ALWAYS_INLINE vec_int i8_load(const void *p)
{
#if VLT_SIMD == 512
    return _mm512_loadu_si512(p);
#else
    return _mm256_loadu_si256(p);
#endif
}

VLT_ALWAYS_INLINE vec_int i8_four(const int8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return VEC_OP(set1_epi32)(four);
}

#if VLT_SIMD == 512
#define I8_KIND "int8_panel32/1"
enum { I8_OFFSET = 128 };
VLT_ALWAYS_INLINE vec_int i8_dot(vec_int sum, vec_int w, vec_int x)
{
    VLT_DOT4(sum, w, x);
    return sum;
}
#elif defined(__AVXVNNI__)
#define I8_KIND "int8_panel16/1"
enum { I8_OFFSET = 128 };
VLT_ALWAYS_INLINE vec_int i8_dot(vec_int sum, vec_int w, vec_int x)
{
    VLT_DOT4_VEX(sum, w, x);
    return sum;
}
#else
#define I8_KIND "int8_panel16s/1"
enum { I8_OFFSET = 0 };
VLT_ALWAYS_INLINE vec_int i8_dot(vec_int sum, vec_int w, vec_int x)
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(w, x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#endif

/* A matrix of weights as a pack: scales[panels * I8_PANEL], then the panels. */
struct i8_weights {
    const float *scale;
    const unsigned char *panel;
    int64_t n, k, steps, panels;
};

static inline struct i8_weights i8_weights_of(const vlt_pack *pack, int64_t n, int64_t k)
{
    struct i8_weights w = {.n = n, .k = k, .steps = i8_steps(k)};
    w.panels = (n + I8_PANEL - 1) / I8_PANEL;
    w.scale = vlt_pack_data(pack);
    w.panel = (const unsigned char *)(w.scale + w.panels * I8_PANEL);
    return w;
}

struct i8_fill {
    const vlt_matrix *w;
    float *scale;
    unsigned char *panel;
    float *row;    /* [threads][columns] */
    int8_t *bytes; /* [threads][I8_PANEL][steps][4] */
};

static void i8_fill_panels(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct i8_fill *fill = argument;
    const int64_t k = fill->w->columns, steps = i8_steps(k);
    float *row = fill->row + worker * k;
    int8_t *bytes = fill->bytes + worker * I8_PANEL * steps * I8_STEP;
    for (int64_t p = begin; p < end; p++) {
        unsigned char *to = fill->panel + p * steps * I8_STEP_BYTES;
        int32_t unused;
        for (int64_t j = 0; j < I8_PANEL; j++) {
            int64_t o = p * I8_PANEL + j;
            fill->scale[o] = 0;
            memset(bytes + j * steps * I8_STEP, 0, (size_t)(steps * I8_STEP));
            if (o < fill->w->rows) {
                vlt_matrix_row(fill->w, o, row);
                fill->scale[o] = i8_round_row(row, k, 0, bytes + j * steps * I8_STEP, I8_STEP,
                                              &unused);
            }
        }
        for (int64_t step = 0; step < steps; step++) {
            for (int64_t j = 0; j < I8_PANEL; j++) {
                uint32_t four;
                memcpy(&four, bytes + (j * steps + step) * I8_STEP, sizeof four);
                four ^= I8_OFFSET ? 0x80808080u : 0;
                memcpy(to + step * I8_STEP_BYTES + j * I8_STEP, &four, sizeof four);
            }
        }
    }
}

static vlt_status i8_fill(const vlt_pack_request *request, void *out, vlt_error *err)
{
    const vlt_matrix *w = request->matrix;
    const int64_t threads = vlt_threads_count(request->threads), steps = i8_steps(w->columns);
    const int64_t panels = (w->rows + I8_PANEL - 1) / I8_PANEL;
    struct i8_fill fill = {.w = w, .scale = out};
    void *row = NULL, *bytes = NULL;
    fill.panel = (unsigned char *)(fill.scale + panels * I8_PANEL);
    vlt_status status = vlt_alloc_raw((size_t)(threads * w->columns) * sizeof(float), &row, err);
    if (status == VLT_OK) {
        status = vlt_alloc_raw((size_t)(threads * I8_PANEL * steps * I8_STEP), &bytes, err);
    }
    if (status == VLT_OK) {
        fill.row = row;
        fill.bytes = bytes;
        vlt_threads_for(request->threads, panels, 1, 0, i8_fill_panels, &fill);
    }
    vlt_free(row);
    vlt_free(bytes);
    return status;
}

/* The pack of a matrix, from the context's store. */
static inline vlt_status i8_weights_take(const vlt_context *context, const vlt_matrix *matrix,
                                         const vlt_pack **out, vlt_error *err)
{
    const size_t panels = ((size_t)matrix->rows + I8_PANEL - 1) / I8_PANEL;
    const vlt_pack_request request = {
        .matrix = matrix,
        .kind = I8_KIND,
        .bytes = panels * I8_PANEL * (sizeof(float) + (size_t)i8_steps(matrix->columns) * I8_STEP),
        .lossy = true,
        .threads = context->threads,
        .fill = i8_fill};
    return vlt_packs_take(context->packs, &request, out, err);
}

/* sum[r][p][0..1] = `rows` rows of the tile at x times `panels` panels from w on; both constants.
 * Each panel is a stream of its own. */
VLT_ALWAYS_INLINE void i8_multiply(const struct i8_rows *x, const int8_t *tile,
                                   const int32_t *total, const unsigned char *w, int rows,
                                   int panels, vec_int sum[][2])
{
    const int64_t panel_bytes = x->steps * I8_STEP_BYTES, step_bytes = x->width * I8_STEP;
    const uintptr_t ahead = panels < I8_MANY_STREAMS ? I8_AHEAD : I8_AHEAD_OF_MANY;
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        vec_int begin = VEC_OP(set1_epi32)(-I8_OFFSET * total[r]);
        VLT_UNROLL
        for (int p = 0; p < panels; p++) {
            sum[r * panels + p][0] = sum[r * panels + p][1] = begin;
        }
    }
    for (int64_t step = 0; step < x->steps; step++) {
        VLT_UNROLL
        for (int p = 0; p < panels; p++) {
            const unsigned char *at = w + p * panel_bytes + step * I8_STEP_BYTES;
            _mm_prefetch((const void *)((uintptr_t)at + ahead), _MM_HINT_T0);
            if (I8_STEP_BYTES > 64) {
                _mm_prefetch((const void *)((uintptr_t)at + ahead + 64), _MM_HINT_T0);
            }
            vec_int left = i8_load(at), right = i8_load(at + I8_STEP_BYTES / 2);
            VLT_UNROLL
            for (int r = 0; r < rows; r++) {
                vec_int four = i8_four(tile + step * step_bytes + r * I8_STEP);
                sum[r * panels + p][0] = i8_dot(sum[r * panels + p][0], left, four);
                sum[r * panels + p][1] = i8_dot(sum[r * panels + p][1], right, four);
            }
        }
    }
}

#endif
#endif

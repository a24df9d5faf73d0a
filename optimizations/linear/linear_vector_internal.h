/* linear_vector_internal.h: the exact f32 product for one vector width; see core/simd.h.
 *
 * Two ways, by the plan's number of rows:
 *   few    (m < PANEL_ROWS_MIN) the weights stream once through the registers: four rows of W meet
 *          up to FEW_ROWS rows of x in dot products along k. x is copied once, padded and, for
 *          BF16, with even and odd elements apart, because a register of BF16 pairs becomes its
 *          even elements by one shift and its odd ones by one mask.
 *   many   linear_panel_internal.h: every row of x multiplies whole vectors of outputs,
 *          VEC_TILE_ROWS rows at once.
 *
 * W is never copied as a whole. Sums run along k in an order that depends on k and `block` alone,
 * so 1 and N threads give the same bits. Against the baseline: another order of summation and fused
 * multiply-adds.
 */
#ifndef VLT_LINEAR_VECTOR_INTERNAL_H
#define VLT_LINEAR_VECTOR_INTERNAL_H

#include "optimizations/linear/linear_panel_internal.h"

#ifdef VLT_SIMD

enum {
    PAIR = 2 * VEC_LANES,
    GROUP = 4, /* rows of W in one step of the dot products */
    FEW_ROWS = VLT_SIMD == 512 ? 2 : 1,
    PANEL_ROWS_MIN = 12,
    SERIAL_BELOW = 1 << 19 /* multiply-adds: waking a thread that sleeps costs as much */
};

enum { KNOB_THREADS, KNOB_CHUNK, KNOB_BLOCK, KNOB_ROWS, KNOB_AHEAD };

static const int64_t chunk_values[] = {4, 16, 64}, block_values[] = {128, 256, 512},
                     rows_values[] = {48, 192, 768}, ahead_values[] = {0, 1, 4};

static const vlt_knob vector_knobs[] = {
    VLT_KNOB_THREADS,
    {"chunk", "m < 12: groups of 4 outputs that a thread claims at once", chunk_values, 3, 16,
     NULL},
    {"block", "m >= 12: inputs in a panel of weights", block_values, 3, 256, NULL},
    {"rows", "m >= 12: rows of x that meet a panel before the next one", rows_values, 3, 192, NULL},
    {"ahead", "m < 12: how many groups of 4 outputs ahead weights are prefetched", ahead_values, 3,
     1, NULL},
};

struct vector_job {
    const vlt_plan *plan;
    const vlt_linear_args *args;
    const unsigned char *weight;
    const float *bias;
    float *packed; /* x as [rows, padded], few rows only */
    vlt_dtype dtype;
    int64_t n, k, padded; /* padded: k rounded up to PAIR */
    int64_t row_bytes;    /* of W */
    int64_t ahead_bytes;
};

/* PAIR weights as two vectors; for BF16 the even and the odd ones. */
VLT_ALWAYS_INLINE void widen_pair(vlt_dtype dtype, const unsigned char *p, vec *a, vec *b)
{
    if (dtype == VLT_DTYPE_BF16) {
#if VLT_SIMD == 512
        __m512i bits = _mm512_loadu_si512(p);
        *a = _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
        *b = _mm512_castsi512_ps(_mm512_and_si512(bits, _mm512_set1_epi32((int)0xFFFF0000)));
#else
        __m256i bits = _mm256_loadu_si256((const void *)p);
        *a = _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
        *b = _mm256_castsi256_ps(_mm256_and_si256(bits, _mm256_set1_epi32((int)0xFFFF0000)));
#endif
    } else {
        *a = vec_widen(dtype, p, 0);
        *b = vec_widen(dtype, p, VEC_LANES);
    }
}

/* A row of x as widen_pair orders the weights, zeros behind. */
static void pack_x(vlt_dtype dtype, const float *x, int64_t k, int64_t padded, float *packed)
{
    for (int64_t i = 0; i < padded; i += PAIR) {
        for (int j = 0; j < PAIR; j++) {
            int to = dtype == VLT_DTYPE_BF16 ? j % 2 * VEC_LANES + j / 2 : j;
            packed[i + to] = i + j < k ? x[i + j] : 0;
        }
    }
}

/* One step along k for `rows` rows of x and GROUP rows of W: two sums for each product, so that
 * what a row gives does not depend on how many there are beside it. */
VLT_ALWAYS_INLINE void dot_step(vlt_dtype dtype, const unsigned char *const w[GROUP],
                                const float *x, int64_t x_stride, int rows, vec acc[][GROUP][2])
{
    VLT_UNROLL
    for (int j = 0; j < GROUP; j++) {
        vec a, b;
        widen_pair(dtype, w[j], &a, &b);
        VLT_UNROLL
        for (int r = 0; r < rows; r++) {
            acc[r][j][0] = vec_fma(a, vec_load(x + r * x_stride), acc[r][j][0]);
            acc[r][j][1] = vec_fma(b, vec_load(x + r * x_stride + VEC_LANES), acc[r][j][1]);
        }
    }
}

/* y[rows, GROUP at o], the last group clamped to the n that exist. */
VLT_ALWAYS_INLINE void dot_tile(const struct vector_job *job, vlt_dtype dtype, int64_t o,
                                int64_t r0, int rows)
{
    vec acc[FEW_ROWS][GROUP][2];
    const unsigned char *w[GROUP], *tail[GROUP];
    unsigned char padding[GROUP][PAIR * sizeof(float)];
    const float *x = job->packed + r0 * job->padded;
    int64_t padded = job->padded, full = job->k / PAIR * PAIR;
    size_t element_bytes = dtype == VLT_DTYPE_F32 ? 4 : 2;

    for (int j = 0; j < GROUP; j++) {
        int64_t row = o + j < job->n ? o + j : job->n - 1;
        w[j] = job->weight + row * job->row_bytes;
    }
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        VLT_UNROLL
        for (int j = 0; j < GROUP; j++) {
            acc[r][j][0] = acc[r][j][1] = vec_zero();
        }
    }
    for (int64_t i = 0; i < full; i += PAIR) {
        VLT_UNROLL
        for (int j = 0; j < GROUP; j++) {
            _mm_prefetch((const void *)((uintptr_t)w[j] + (uintptr_t)job->ahead_bytes),
                         _MM_HINT_T0);
        }
        dot_step(dtype, w, x + i, padded, rows, acc);
        VLT_UNROLL
        for (int j = 0; j < GROUP; j++) {
            w[j] += PAIR * element_bytes;
        }
    }
    if (full < job->k) {
        for (int j = 0; j < GROUP; j++) {
            memset(padding[j], 0, sizeof padding[j]);
            memcpy(padding[j], w[j], (size_t)(job->k - full) * element_bytes);
            tail[j] = padding[j];
        }
        dot_step(dtype, tail, x + full, padded, rows, acc);
    }
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        float sum[GROUP], *y = job->args->y + (r0 + r) * job->args->y_stride + o;
        vec total[GROUP];
        VLT_UNROLL
        for (int j = 0; j < GROUP; j++) {
            total[j] = vec_add(acc[r][j][0], acc[r][j][1]);
        }
        _mm_storeu_ps(sum, vec_sum4(total[0], total[1], total[2], total[3]));
        for (int j = 0; j < GROUP && o + j < job->n; j++) {
            float value = job->bias ? sum[j] + job->bias[o + j] : sum[j];
            y[j] = job->args->accumulate ? y[j] + value : value;
        }
    }
}

VLT_ALWAYS_INLINE void dot_groups(const struct vector_job *job, vlt_dtype dtype, int64_t begin,
                                  int64_t end)
{
    for (int64_t group = begin; group < end; group++) {
        int64_t r = 0;
        for (; r + FEW_ROWS <= job->args->rows; r += FEW_ROWS) {
            dot_tile(job, dtype, group * GROUP, r, FEW_ROWS);
        }
        for (; r < job->args->rows; r++) {
            dot_tile(job, dtype, group * GROUP, r, 1);
        }
    }
}

static void dot_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct vector_job *job = argument;
    switch (job->dtype) {
    case VLT_DTYPE_BF16:
        dot_groups(job, VLT_DTYPE_BF16, begin, end);
        break;
    case VLT_DTYPE_F16:
        dot_groups(job, VLT_DTYPE_F16, begin, end);
        break;
    default:
        dot_groups(job, VLT_DTYPE_F32, begin, end);
        break;
    }
}

static int64_t padded_inputs(const vlt_plan *plan)
{
    return (plan->problem.dim[VLT_LINEAR_DIM_K] + PAIR - 1) / PAIR * PAIR;
}

static bool is_few(const vlt_plan *plan)
{
    return plan->problem.dim[VLT_LINEAR_DIM_M] < PANEL_ROWS_MIN;
}

static size_t vector_scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    if (is_few(plan)) {
        vlt_frame_reserve(&bytes,
                          (size_t)(plan->problem.dim[VLT_LINEAR_DIM_M] * padded_inputs(plan)),
                          sizeof(float));
    } else {
        vlt_frame_reserve(&bytes, arranged_count(plan, vlt_plan_knob(plan, KNOB_ROWS)),
                          sizeof(float));
    }
    return bytes;
}

static void run_few(const vlt_plan *plan, vlt_frame frame, struct vector_job *job, int limit)
{
    job->packed = vlt_frame_take(&frame, (size_t)(job->args->rows * job->padded), sizeof(float));
    for (int64_t r = 0; r < job->args->rows; r++) {
        pack_x(job->dtype, job->args->x + r * job->args->x_stride, job->k, job->padded,
               job->packed + r * job->padded);
    }
    job->ahead_bytes = vlt_plan_knob(plan, KNOB_AHEAD) * GROUP * job->row_bytes;
    vlt_threads_for(plan->context->threads, (job->n + GROUP - 1) / GROUP,
                    vlt_plan_knob(plan, KNOB_CHUNK), limit, dot_body, job);
}

static vlt_status vector_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                             vlt_error *err)
{
    (void)err;
    const vlt_linear_args *a = args;
    const vlt_linear_constants *constants = plan->problem.constants;
    const int64_t *dim = plan->problem.dim;
    struct vector_job job = {.plan = plan,
                             .args = a,
                             .weight = constants->weight.data,
                             .bias = constants->bias,
                             .dtype = (vlt_dtype)dim[VLT_LINEAR_DIM_WEIGHTS],
                             .n = dim[VLT_LINEAR_DIM_N],
                             .k = dim[VLT_LINEAR_DIM_K],
                             .padded = padded_inputs(plan),
                             .row_bytes = (int64_t)constants->weight.row_bytes};
    bool small = a->rows * job.n < SERIAL_BELOW / job.k;
    int limit = small ? 1 : (int)vlt_plan_knob(plan, KNOB_THREADS);
    if (is_few(plan)) {
        run_few(plan, frame, &job, limit);
        return VLT_OK;
    }
    struct panel_job panels = {.args = a,
                               .weight = job.weight,
                               .bias = job.bias,
                               .dtype = job.dtype,
                               .n = job.n,
                               .k = job.k,
                               .row_bytes = job.row_bytes,
                               .block = vlt_plan_knob(plan, KNOB_BLOCK)};
    run_panels(plan, frame, &panels, vlt_plan_knob(plan, KNOB_ROWS), limit);
    return VLT_OK;
}

#endif
#endif

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

/* One of the products of a run. */
struct vector_product {
    const unsigned char *weight;
    const float *bias;
    float *y;
    int64_t n, y_stride;
    int64_t row_bytes; /* of W */
    int64_t items;
};

/* Few rows. */
struct vector_job {
    const vlt_linear_args *args;
    struct vector_product product[1 + VLT_LINEAR_OTHERS_MAX];
    float *packed; /* x as [rows, padded] */
    vlt_dtype dtype;
    int64_t k, padded; /* padded: k rounded up to PAIR */
    int64_t chunk;     /* groups of an item */
    int64_t ahead;     /* groups */
    int64_t items;     /* of all products; of the first where two are made for one y */
    bool gated;
    vlt_frames made; /* of the workers: an item before the activation */
};

/* What an item makes of one product: all rows of outputs from .. to. */
struct vector_item {
    const struct vector_job *job;
    const struct vector_product *product;
    int64_t from, to;
    float *y; /* of the first row and output */
    int64_t y_stride;
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
VLT_ALWAYS_INLINE void dot_tile(const struct vector_item *item, vlt_dtype dtype, int64_t o,
                                int64_t r0, int rows)
{
    const struct vector_job *job = item->job;
    const struct vector_product *p = item->product;
    vec acc[FEW_ROWS][GROUP][2];
    const unsigned char *w[GROUP], *tail[GROUP];
    unsigned char padding[GROUP][PAIR * sizeof(float)];
    const float *x = job->packed + r0 * job->padded;
    int64_t padded = job->padded, full = job->k / PAIR * PAIR;
    size_t element_bytes = dtype == VLT_DTYPE_F32 ? 4 : 2;
    const uintptr_t ahead_bytes = (uintptr_t)(job->ahead * GROUP * p->row_bytes);

    for (int j = 0; j < GROUP; j++) {
        int64_t row = o + j < p->n ? o + j : p->n - 1;
        w[j] = p->weight + row * p->row_bytes;
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
            _mm_prefetch((const void *)((uintptr_t)w[j] + ahead_bytes), _MM_HINT_T0);
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
        float sum[GROUP], *y = item->y + (r0 + r) * item->y_stride + (o - item->from);
        vec total[GROUP];
        VLT_UNROLL
        for (int j = 0; j < GROUP; j++) {
            total[j] = vec_add(acc[r][j][0], acc[r][j][1]);
        }
        _mm_storeu_ps(sum, vec_sum4(total[0], total[1], total[2], total[3]));
        for (int j = 0; j < GROUP && o + j < p->n; j++) {
            float value = p->bias ? sum[j] + p->bias[o + j] : sum[j];
            y[j] = job->args->accumulate ? y[j] + value : value;
        }
    }
}

VLT_ALWAYS_INLINE void dot_groups(const struct vector_item *item, vlt_dtype dtype)
{
    const int64_t rows = item->job->args->rows;
    for (int64_t o = item->from; o < item->to; o += GROUP) {
        int64_t r = 0;
        for (; r + FEW_ROWS <= rows; r += FEW_ROWS) {
            dot_tile(item, dtype, o, r, FEW_ROWS);
        }
        for (; r < rows; r++) {
            dot_tile(item, dtype, o, r, 1);
        }
    }
}

static void dot_item(const struct vector_item *item)
{
    switch (item->job->dtype) {
    case VLT_DTYPE_BF16:
        dot_groups(item, VLT_DTYPE_BF16);
        break;
    case VLT_DTYPE_F16:
        dot_groups(item, VLT_DTYPE_F16);
        break;
    default:
        dot_groups(item, VLT_DTYPE_F32);
        break;
    }
}

static struct vector_item vector_item_of(const struct vector_job *job, int64_t i)
{
    const struct vector_product *p = job->product;
    for (; i >= p->items; p++) {
        i -= p->items;
    }
    const int64_t from = i * job->chunk * GROUP;
    return (struct vector_item){.job = job,
                                .product = p,
                                .from = from,
                                .to = vec_smaller(from + job->chunk * GROUP, p->n),
                                .y = p->y + from,
                                .y_stride = p->y_stride};
}

/* The products of an item into the worker's pieces, then y. */
static void dot_activated_item(const struct vector_item *item, vlt_frame frame)
{
    const struct vector_job *job = item->job;
    const int64_t rows = job->args->rows, width = item->to - item->from;
    float *made[2] = {NULL, NULL};
    for (int i = 0; i <= job->gated; i++) {
        struct vector_item part = *item;
        part.product = &job->product[i];
        part.y = made[i] = vlt_frame_take(&frame, (size_t)(rows * width), sizeof(float));
        part.y_stride = width;
        dot_item(&part);
    }
    vlt_linear_activate(job->args, made, rows, width, item->y, item->y_stride);
}

static void dot_body(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct vector_job *job = argument;
    for (int64_t i = begin; i < end; i++) {
        const struct vector_item item = vector_item_of(job, i);
        if (job->args->activation) {
            dot_activated_item(&item, vlt_frames_of(&job->made, worker));
        } else {
            dot_item(&item);
        }
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

/* Bytes of a worker's pieces before the activation. */
static size_t few_made_bytes(const vlt_plan *plan)
{
    const int64_t rows = plan->problem.dim[VLT_LINEAR_DIM_M];
    size_t bytes = 0;
    for (int i = 0; i < 2; i++) {
        vlt_frame_reserve(&bytes, (size_t)(rows * vlt_plan_knob(plan, KNOB_CHUNK) * GROUP),
                          sizeof(float));
    }
    return bytes;
}

static size_t vector_scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    if (is_few(plan)) {
        vlt_frame_reserve(&bytes,
                          (size_t)(plan->problem.dim[VLT_LINEAR_DIM_M] * padded_inputs(plan)),
                          sizeof(float));
        vlt_frames_reserve(&bytes, vlt_threads_count(plan->context->threads), few_made_bytes(plan));
    } else {
        panel_scratch(plan, vlt_plan_knob(plan, KNOB_ROWS), &bytes);
    }
    return bytes;
}

static void set_few_products(struct vector_job *job, const vlt_plan *plan)
{
    const vlt_linear_args *a = job->args;
    for (int i = 0; i <= a->others; i++) {
        const vlt_plan *own = i ? a->other[i - 1].plan : plan;
        const vlt_linear_constants *constants = own->problem.constants;
        const int64_t n = own->problem.dim[VLT_LINEAR_DIM_N];
        struct vector_product *p = &job->product[i];
        *p = (struct vector_product){.weight = constants->weight.data,
                                     .bias = constants->bias,
                                     .y = i ? a->other[i - 1].y : a->y,
                                     .n = n,
                                     .y_stride = i ? a->other[i - 1].y_stride : a->y_stride,
                                     .row_bytes = (int64_t)constants->weight.row_bytes};
        p->items = (n + job->chunk * GROUP - 1) / (job->chunk * GROUP);
        job->items += job->gated && i ? 0 : p->items;
    }
}

static void run_few(const vlt_plan *plan, vlt_frame frame, const vlt_linear_args *a, int limit)
{
    vlt_threads *threads = plan->context->threads;
    struct vector_job job = {.args = a,
                             .dtype = (vlt_dtype)plan->problem.dim[VLT_LINEAR_DIM_WEIGHTS],
                             .k = plan->problem.dim[VLT_LINEAR_DIM_K],
                             .padded = padded_inputs(plan),
                             .chunk = vlt_plan_knob(plan, KNOB_CHUNK),
                             .ahead = vlt_plan_knob(plan, KNOB_AHEAD),
                             .gated = vlt_activation_is_gated(a->activation)};
    set_few_products(&job, plan);
    job.packed = vlt_frame_take(&frame, (size_t)(a->rows * job.padded), sizeof(float));
    job.made = vlt_frames_take(&frame, vlt_threads_count(threads), few_made_bytes(plan));
    for (int64_t r = 0; r < a->rows; r++) {
        pack_x(job.dtype, a->x + r * a->x_stride, job.k, job.padded, job.packed + r * job.padded);
    }
    vlt_threads_for(threads, job.items, 1, limit, dot_body, &job);
}

/* Outputs of all products. */
static int64_t all_outputs(const vlt_plan *plan, const vlt_linear_args *a)
{
    int64_t outputs = plan->problem.dim[VLT_LINEAR_DIM_N];
    for (int i = 0; i < a->others; i++) {
        outputs += a->other[i].plan->problem.dim[VLT_LINEAR_DIM_N];
    }
    return outputs;
}

static vlt_status vector_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                             vlt_error *err)
{
    (void)err;
    const vlt_linear_args *a = args;
    const bool small = a->rows * all_outputs(plan, a) <
                       SERIAL_BELOW / plan->problem.dim[VLT_LINEAR_DIM_K];
    const int limit = small ? 1 : (int)vlt_plan_knob(plan, KNOB_THREADS);
    if (is_few(plan)) {
        run_few(plan, frame, a, limit);
    } else {
        run_panels(plan, frame, a, vlt_plan_knob(plan, KNOB_ROWS), vlt_plan_knob(plan, KNOB_BLOCK),
                   limit);
    }
    return VLT_OK;
}

#endif
#endif

/* Bottleneck: f32 multiply-adds take one product a lane, and half of the bits of x are not needed
 * where rounding to BF16 is permitted.
 * Idea: `vdpbf16ps`, two products a lane; x rounded once, W read as the checkpoint has it, six rows
 * times four outputs in registers, each sum along k in the lanes of one.
 * Loses: accuracy (8 bits of x); to avx512 where the instruction has half the rate of a
 * multiply-add (Sapphire and Emerald Rapids) and there are many rows: there it stands back.
 *
 * Against the baseline: products are exact; a lane takes the odd input of a pair before the even
 * one, lanes are added at the end: the same bits for any number of rows and threads. Numbers below
 * 2^-126 count as 0. An x that rounds to infinity is one.
 */
#include <stdio.h>

#include "optimizations/core/simd.h"
#include "optimizations/linear/linear.h"

enum {
    STEP = 32,              /* inputs in a vector of BF16 */
    TILE = 6,               /* rows of x in registers */
    OUTPUTS = 4,            /* rows of W that meet them */
    GROUP = 16,             /* outputs of an item: their weights stay in L2 while all rows pass */
    ROUND = 8,              /* rows that a thread rounds at a time */
    SERIAL_BELOW = 1 << 20, /* multiply-adds: waking a thread that sleeps costs as much */
};

enum { KNOB_THREADS, KNOB_ROWS };

static const int64_t rows_values[] = {48, 96, 192, 384};

static const vlt_knob knobs[] = {
    VLT_KNOB_THREADS,
    {"rows", "rows of x that meet a group of outputs before the next one", rows_values, 4, 96,
     NULL},
};

struct job {
    const vlt_linear_args *args;
    const unsigned char *weight;
    const float *bias;
    uint16_t *x;          /* [rows][padded] */
    int64_t n, k, padded; /* inputs, up to whole steps */
    int64_t row_bytes;    /* of W */
    int64_t block, groups;
};

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    if (problem->dim[VLT_LINEAR_DIM_WEIGHTS] != VLT_FORMAT_BF16) {
        snprintf(reason, VLT_REASON_BYTES, "the weights are not BF16");
        return false;
    }
    return true;
}

static int64_t padded_inputs(int64_t k)
{
    return (k + STEP - 1) / STEP * STEP;
}

static size_t scratch(const vlt_plan *plan)
{
    const int64_t *dim = plan->problem.dim;
    size_t bytes = 0;
    vlt_frame_reserve(&bytes,
                      (size_t)(dim[VLT_LINEAR_DIM_M] * padded_inputs(dim[VLT_LINEAR_DIM_K])),
                      sizeof(uint16_t));
    return bytes;
}

static void round_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    for (int64_t r = begin; r < end; r++) {
        const float *x = job->args->x + r * job->args->x_stride;
        uint16_t *to = job->x + r * job->padded;
        for (int64_t i = 0; i < job->padded; i += VEC_LANES) {
            int64_t count = job->k - i < 0 ? 0 : vec_smaller(job->k - i, VEC_LANES);
            const __m256i bits = (__m256i)_mm512_cvtneps_pbh(
                vec_load_part(x + (count > 0 ? i : 0), count));
            _mm256_storeu_si256((void *)(to + i), bits);
        }
    }
}

VLT_ALWAYS_INLINE void add_step(const struct job *job, const uint16_t *x, const unsigned char *w,
                                int64_t i, __mmask32 some, int rows, int outputs,
                                vec sum[TILE][OUTPUTS])
{
    __m512i weight[OUTPUTS];
    VLT_UNROLL
    for (int o = 0; o < outputs; o++) {
        weight[o] = _mm512_maskz_loadu_epi16(some, w + o * job->row_bytes + i * 2);
    }
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        const __m512i value = _mm512_loadu_si512(x + r * job->padded + i);
        VLT_UNROLL
        for (int o = 0; o < outputs; o++) {
            sum[r][o] = _mm512_dpbf16_ps(sum[r][o], (__m512bh)value, (__m512bh)weight[o]);
        }
    }
}

/* y[rows, outputs] at row r and output o; both counts are constants, outputs 4 or 1. */
VLT_ALWAYS_INLINE void multiply_tile(const struct job *job, int64_t r, int64_t o, int rows,
                                     int outputs)
{
    const vlt_linear_args *a = job->args;
    const uint16_t *x = job->x + r * job->padded;
    const unsigned char *w = job->weight + o * job->row_bytes;
    vec sum[TILE][OUTPUTS];
    int64_t i = 0;
    VLT_UNROLL
    for (int j = 0; j < rows; j++) {
        VLT_UNROLL
        for (int p = 0; p < OUTPUTS; p++) {
            sum[j][p] = vec_zero();
        }
    }
    for (; i + STEP <= job->k; i += STEP) {
        add_step(job, x, w, i, 0xFFFFFFFFu, rows, outputs, sum);
    }
    if (i < job->k) {
        add_step(job, x, w, i, (__mmask32)((UINT64_C(1) << (job->k - i)) - 1), rows, outputs, sum);
    }
    const __mmask8 kept = (__mmask8)((1u << outputs) - 1);
    VLT_UNROLL
    for (int j = 0; j < rows; j++) {
        float *y = a->y + (r + j) * a->y_stride + o;
        __m128 value = vec_sum4(sum[j][0], sum[j][1], sum[j][2], sum[j][3]);
        value = job->bias ? _mm_add_ps(value, _mm_maskz_loadu_ps(kept, job->bias + o)) : value;
        value = a->accumulate ? _mm_add_ps(_mm_maskz_loadu_ps(kept, y), value) : value;
        _mm_mask_storeu_ps(y, kept, value);
    }
}

#define TILE_CASE(rows)                              \
    case rows:                                       \
        for (; o + OUTPUTS <= end; o += OUTPUTS) {   \
            multiply_tile(job, r, o, rows, OUTPUTS); \
        }                                            \
        for (; o < end; o++) {                       \
            multiply_tile(job, r, o, rows, 1);       \
        }                                            \
        break;

static void multiply_rows(const struct job *job, int64_t r, int64_t rows, int64_t o, int64_t end)
{
    switch (rows) {
        TILE_CASE(1)
        TILE_CASE(2)
        TILE_CASE(3)
        TILE_CASE(4)
        TILE_CASE(5)
    default:
        for (; o + OUTPUTS <= end; o += OUTPUTS) {
            multiply_tile(job, r, o, TILE, OUTPUTS);
        }
        for (; o < end; o++) {
            multiply_tile(job, r, o, TILE, 1);
        }
        break;
    }
}

/* Item i is group i % groups of the rows that start at i / groups * block. */
static void multiply_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    for (int64_t item = begin; item < end; item++) {
        int64_t row = item / job->groups * job->block, o = item % job->groups * GROUP;
        int64_t last_row = vec_smaller(row + job->block, job->args->rows);
        for (; row < last_row; row += TILE) {
            multiply_rows(job, row, vec_smaller(last_row - row, TILE), o,
                          vec_smaller(o + GROUP, job->n));
        }
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_linear_args *a = args;
    const vlt_linear_constants *constants = plan->problem.constants;
    struct job job = {.args = a,
                      .weight = constants->weight.data,
                      .bias = constants->bias,
                      .n = plan->problem.dim[VLT_LINEAR_DIM_N],
                      .k = plan->problem.dim[VLT_LINEAR_DIM_K],
                      .row_bytes = (int64_t)constants->weight.row_bytes,
                      .block = vlt_plan_knob(plan, KNOB_ROWS)};
    job.padded = padded_inputs(job.k);
    job.x = vlt_frame_take(&frame, (size_t)(a->rows * job.padded), sizeof(uint16_t));
    job.groups = (job.n + GROUP - 1) / GROUP;
    bool small = a->rows * job.n < SERIAL_BELOW / job.k;
    int limit = small ? 1 : (int)vlt_plan_knob(plan, KNOB_THREADS);
    vlt_threads_for(plan->context->threads, a->rows, ROUND, limit, round_body, &job);
    vlt_threads_for(plan->context->threads, (a->rows + job.block - 1) / job.block * job.groups, 1,
                    limit, multiply_body, &job);
    return VLT_OK;
}

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    (void)problem;
    cost->compute = VLT_COMPUTE_BF16;
}

VLT_VARIANT(linear, bf16_avx512, .summary = "x rounded to BF16, sums of two products a lane",
            .quality = VLT_QUALITY_BF16, .loss = 0.01, .knobs = knobs,
            .knob_count = sizeof knobs / sizeof *knobs, .cost = cost, .applicable = applicable,
            .stands_back = vlt_slow_bf16_dot, .scratch = scratch, .run = run);

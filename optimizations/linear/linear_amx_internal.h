/* linear_amx_internal.h: products of BF16 numbers in the matrix unit that sums in f32. PARTS says
 * of how many BF16 numbers an f32 of x is made: 3 hold all of it, 1 is its rounding.
 *
 * The unit computes the transpose, so that W stays the row-major operand and only x, the smaller
 * one, is rearranged: C[16 outputs, 16 rows] += W[16 outputs, 32 inputs] x X[16 pairs of inputs,
 * 16 rows, 2]. Blocks of W are copied next to each other per `block` inputs on the stack (rows of
 * W a power of two apart would share cache sets); no second copy of the weights exists.
 *
 * Against the baseline: products are exact, sums are taken per pair of inputs and part, in an order
 * that depends on k and `block` alone (the same bits for any number of threads). Numbers below
 * 2^-126 count as 0; an x of 3.39e38 or more in magnitude gives NaN.
 */
#ifndef VLT_LINEAR_AMX_INTERNAL_H
#define VLT_LINEAR_AMX_INTERNAL_H

#include <stdio.h>

#include "optimizations/core/amx_tiles.h"
#include "optimizations/core/simd.h"
#include "optimizations/linear/linear.h"

#ifndef PARTS /* a macro: an enumerator of that name would not be seen here */
#define PARTS 3
#endif

enum {
    SIDE = VLT_AMX_TILE_ROWS,          /* rows of a tile */
    STEP = VLT_AMX_TILE_ROW_BYTES / 2, /* inputs in a tile row of BF16 */
    TILE = SIDE * STEP,                /* BF16 numbers in a tile: 1 KiB */
    BLOCK_MAX = 1024,                  /* inputs */
    OUTPUTS = 2 * SIDE,                /* of an item */
    ROWS_MIN = 16,                     /* below, most of the unit's columns would be empty */
    SERIAL_BELOW = 1 << 21,            /* multiply-adds: waking a thread costs as much */
};

enum { KNOB_THREADS, KNOB_ROWS, KNOB_BLOCK };

static const int64_t rows_values[] = {64, 128, 256, 512}, block_values[] = {256, 512, 1024};

static const vlt_knob knobs[] = {
    VLT_KNOB_THREADS,
    {"rows", "rows of x that are split at once", rows_values, 4, 256, NULL},
    {"block", "inputs that are split at once", block_values, 3, 512, NULL},
};

/* One block of rows and inputs. */
struct job {
    const vlt_linear_args *args;
    const unsigned char *weight; /* at the block's first input */
    const float *bias;           /* NULL unless this is the first block of inputs */
    uint16_t *split;             /* [row tiles][steps][PARTS][TILE] */
    int64_t n, row_bytes;        /* of W */
    int64_t row, rows;           /* of x */
    int64_t first, depth, steps; /* inputs */
    bool add;
};

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    if (problem->dim[VLT_LINEAR_DIM_WEIGHTS] != VLT_FORMAT_BF16) {
        snprintf(reason, VLT_REASON_BYTES, "the weights are not BF16");
        return false;
    }
    if (problem->dim[VLT_LINEAR_DIM_M] < ROWS_MIN) {
        snprintf(reason, VLT_REASON_BYTES, "m=%lld, at least %d",
                 (long long)problem->dim[VLT_LINEAR_DIM_M], ROWS_MIN);
        return false;
    }
    return true;
}

static int64_t tiles(int64_t count, int64_t side)
{
    return (count + side - 1) / side;
}

/* BF16 numbers of the parts of x in a block of rows and inputs. */
static size_t split_count(const vlt_plan *plan)
{
    int64_t rows = vec_smaller(plan->problem.dim[VLT_LINEAR_DIM_M], vlt_plan_knob(plan, KNOB_ROWS));
    int64_t depth = vec_smaller(plan->problem.dim[VLT_LINEAR_DIM_K],
                                vlt_plan_knob(plan, KNOB_BLOCK));
    return (size_t)(tiles(rows, SIDE) * tiles(depth, STEP) * PARTS * TILE);
}

static size_t scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, split_count(plan), sizeof(uint16_t));
    return bytes;
}

static inline vec widened(__m256i bits)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* STEP numbers of x into three vectors of BF16, whose sum they are: what a rounding to BF16 leaves
 * is exact in f32. */
static inline void split_step(const float *x, int64_t count, vec part[PARTS])
{
    int64_t first = vec_smaller(count, VEC_LANES);
    vec a = vec_load_part(x, first);
    vec b = count > first ? vec_load_part(x + VEC_LANES, count - first) : vec_zero();
    for (int p = 0; p < PARTS; p++) {
        __m512i bits = (__m512i)_mm512_cvtne2ps_pbh(b, a);
        a = vec_sub(a, widened(_mm512_castsi512_si256(bits)));
        b = vec_sub(b, widened(_mm512_extracti64x4_epi64(bits, 1)));
        part[p] = _mm512_castsi512_ps(bits);
    }
}

/* Tiles of SIDE rows of x: tile row p holds inputs 2p and 2p + 1 of every row, so a step is a
 * transposition of 16 x 16 pairs. */
static void split_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    for (int64_t tile = begin; tile < end; tile++) {
        int64_t rows = vec_smaller(job->rows - tile * SIDE, SIDE);
        const float *x = job->args->x + (job->row + tile * SIDE) * job->args->x_stride + job->first;
        for (int64_t step = 0; step < job->steps; step++) {
            uint16_t *to = job->split + (tile * job->steps + step) * PARTS * TILE;
            vec part[PARTS][SIDE];
            for (int r = 0; r < SIDE; r++) {
                vec of_row[PARTS];
                for (int p = 0; p < PARTS; p++) {
                    of_row[p] = vec_zero();
                }
                if (r < rows) {
                    split_step(x + r * job->args->x_stride + step * STEP,
                               vec_smaller(job->depth - step * STEP, STEP), of_row);
                }
                for (int p = 0; p < PARTS; p++) {
                    part[p][r] = of_row[p];
                }
            }
            for (int p = 0; p < PARTS; p++) {
                vec_transpose(part[p]);
                for (int pair = 0; pair < SIDE; pair++) {
                    _mm512_store_ps(to + p * TILE + pair * STEP, part[p][pair]);
                }
            }
        }
    }
}

/* w[steps][OUTPUTS][STEP] = the block of W, zeros where outputs or inputs end. */
static void gather_weights(const struct job *job, int64_t o, uint16_t *w)
{
    for (int64_t r = 0; r < OUTPUTS; r++) {
        const unsigned char *row = job->weight + (o + r) * job->row_bytes;
        for (int64_t step = 0; step < job->steps; step++) {
            int64_t count = o + r < job->n ? vec_smaller(job->depth - step * STEP, STEP) : 0;
            __mmask32 some = (__mmask32)((UINT64_C(1) << count) - 1);
            _mm512_store_si512(w + (step * OUTPUTS + r) * STEP,
                               _mm512_maskz_loadu_epi16(some, row + step * STEP * 2));
        }
    }
}

/* y[rows, 16 outputs at o] from the transposed tile sum[16 outputs][16 rows]. */
static void store_tile(const struct job *job, const float *sum, int64_t row, int64_t o)
{
    int64_t rows = vec_smaller(job->rows - row, SIDE), width = vec_smaller(job->n - o, SIDE);
    vec v[SIDE];
    if (rows <= 0 || width <= 0) {
        return;
    }
    for (int i = 0; i < SIDE; i++) {
        v[i] = vec_load(sum + i * SIDE);
    }
    vec_transpose(v);
    vec bias = job->bias ? vec_load_part(job->bias + o, width) : vec_zero();
    for (int r = 0; r < rows; r++) {
        float *y = job->args->y + (job->row + row + r) * job->args->y_stride + o;
        vec value = job->bias ? vec_add(v[r], bias) : v[r];
        value = job->add ? vec_add(vec_load_part(y, width), value) : value;
        vec_store_part(y, width, value);
    }
}

/* Two tiles of outputs times two tiles of rows: sums stand in tiles 0 to 3. */
static void multiply_tiles(const struct job *job, const uint16_t *w, const uint16_t *left,
                           const uint16_t *right)
{
    enum { ROW_BYTES = STEP * sizeof(uint16_t) };
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t step = 0; step < job->steps; step++) {
        _tile_loadd(4, w + step * OUTPUTS * STEP, ROW_BYTES);
        _tile_loadd(5, w + step * OUTPUTS * STEP + TILE, ROW_BYTES);
        for (int p = 0; p < PARTS; p++) {
            _tile_loadd(6, left + (step * PARTS + p) * TILE, ROW_BYTES);
            _tile_loadd(7, right + (step * PARTS + p) * TILE, ROW_BYTES);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
}

static void multiply_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    VLT_ALIGNED(64) uint16_t w[BLOCK_MAX * OUTPUTS];
    VLT_ALIGNED(64) float sum[4][SIDE * SIDE];
    int64_t row_tiles = tiles(job->rows, SIDE), tile_count = job->steps * PARTS * TILE;
    VLT_AMX_CONFIGURE();
    for (int64_t item = begin; item < end; item++) {
        int64_t o = item * OUTPUTS;
        gather_weights(job, o, w);
        for (int64_t t = 0; t < row_tiles; t += 2) {
            const uint16_t *left = job->split + t * tile_count;
            const uint16_t *right = t + 1 < row_tiles ? left + tile_count : left;
            multiply_tiles(job, w, left, right);
            _tile_stored(0, sum[0], SIDE * sizeof(float));
            _tile_stored(1, sum[1], SIDE * sizeof(float));
            _tile_stored(2, sum[2], SIDE * sizeof(float));
            _tile_stored(3, sum[3], SIDE * sizeof(float));
            VLT_USED(sum);
            store_tile(job, sum[0], t * SIDE, o);
            store_tile(job, sum[1], (t + 1) * SIDE, o);
            store_tile(job, sum[2], t * SIDE, o + SIDE);
            store_tile(job, sum[3], (t + 1) * SIDE, o + SIDE);
        }
    }
    _tile_release();
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_linear_args *a = args;
    const vlt_linear_constants *constants = plan->problem.constants;
    int64_t n = plan->problem.dim[VLT_LINEAR_DIM_N], k = plan->problem.dim[VLT_LINEAR_DIM_K];
    int64_t rows = vlt_plan_knob(plan, KNOB_ROWS), block = vlt_plan_knob(plan, KNOB_BLOCK);
    int limit = a->rows * n < SERIAL_BELOW / k ? 1 : (int)vlt_plan_knob(plan, KNOB_THREADS);
    struct job job = {.args = a,
                      .split = vlt_frame_take(&frame, split_count(plan), sizeof(uint16_t)),
                      .n = n,
                      .row_bytes = (int64_t)constants->weight.row_bytes};
    for (job.row = 0; job.row < a->rows; job.row += rows) {
        job.rows = vec_smaller(a->rows - job.row, rows);
        for (job.first = 0; job.first < k; job.first += block) {
            job.depth = vec_smaller(k - job.first, block);
            job.steps = tiles(job.depth, STEP);
            job.weight = (const unsigned char *)constants->weight.data + job.first * 2;
            job.bias = job.first == 0 ? constants->bias : NULL;
            job.add = job.first > 0 || a->accumulate;
            vlt_threads_for(plan->context->threads, tiles(job.rows, SIDE), 1, limit, split_body,
                            &job);
            vlt_threads_for(plan->context->threads, tiles(n, OUTPUTS), 1, limit, multiply_body,
                            &job);
        }
    }
    return VLT_OK;
}

/* Each f32 product is PARTS products of BF16 numbers. */
static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    (void)problem;
    cost->compute = VLT_COMPUTE_BF16;
    cost->products = PARTS;
}

#define VLT_LINEAR_AMX_VARIANT                                                \
    .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs, .cost = cost, \
    .applicable = applicable, .scratch = scratch, .run = run

#endif

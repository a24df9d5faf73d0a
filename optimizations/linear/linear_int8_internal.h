/* linear_int8_internal.h: the variants of linear with int8 weights and activations in vectors, for
 * one instruction set; see int8_items_internal.h.
 *
 * With few rows an item is a group of panels, each a stream of weights that is read once; with many
 * it is one panel, which stays in the caches while all tiles of a block of rows meet it.
 */
#ifndef VLT_LINEAR_INT8_INTERNAL_H
#define VLT_LINEAR_INT8_INTERNAL_H

#include "optimizations/linear/int8_items_internal.h"
#include "optimizations/linear/int8_split_internal.h"

#ifdef VLT_SIMD

enum { SERIAL_BELOW = 1 << 20 };
#if VLT_SIMD == 512 || defined(__AVXVNNI__)
enum { ROWS_AT_ONCE = I8_TILE, STREAMS = 4, STREAMS_OF_ONE = STREAMS };
#else
/* Of a tile: there are sixteen registers. A lone row waits for memory rather than for registers:
 * with instructions this short eight streams keep more of it under way than four. */
enum { ROWS_AT_ONCE = 4, STREAMS = 4, STREAMS_OF_ONE = I8_MANY_STREAMS };
#endif

static const int64_t rows_values[] = {96, 192, 384, 768};

static const vlt_knob int8_knobs[] = {
    VLT_KNOB_THREADS,
    {"rows", "rows of x that meet a panel before the next one", rows_values, 4, 192, NULL},
};

VLT_ALWAYS_INLINE void multiply_tile(const struct int8_item *item, int64_t r0, int64_t p0, int rows,
                                     int panels)
{
    const struct i8_rows *x = &item->job->x;
    const struct i8_weights *w = &item->product->w;
    vec_int sum[ROWS_AT_ONCE * 2][2];
    i8_multiply(x, i8_row(x, item->row + r0), x->total + item->row + r0,
                w->panel + (item->panel + p0) * w->steps * I8_STEP_BYTES, rows, panels, sum);
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        VLT_UNROLL
        for (int p = 0; p < panels; p++) {
            int64_t o = (p0 + p) * I8_PANEL;
            store_sums(item, sum[r * panels + p][0], r0 + r, o);
            store_sums(item, sum[r * panels + p][1], r0 + r, o + VEC_LANES);
        }
    }
}

/* As many panels at once as leave registers for their sums. */
#define STREAMS_OF(rows)                                       \
    ((rows) == 1                       ? (int)STREAMS_OF_ONE   \
     : ROWS_AT_ONCE / (rows) < STREAMS ? ROWS_AT_ONCE / (rows) \
                                       : (int)STREAMS)

#define TILE_CASE(rows)                                       \
    case rows: {                                              \
        enum { MANY = STREAMS_OF(rows) };                     \
        for (; panel + MANY <= item->panels; panel += MANY) { \
            multiply_tile(item, r0, panel, rows, MANY);       \
        }                                                     \
        for (; panel < item->panels; panel++) {               \
            multiply_tile(item, r0, panel, rows, 1);          \
        }                                                     \
        break;                                                \
    }

static void multiply_panels(const struct int8_item *item, int64_t r0, int64_t rows)
{
    int64_t panel = 0;
    switch (rows) {
        TILE_CASE(1)
        TILE_CASE(2)
        TILE_CASE(3)
#if VLT_SIMD == 512 || defined(__AVXVNNI__)
        TILE_CASE(4)
        TILE_CASE(5)
#endif
#if VLT_SIMD == 512
        TILE_CASE(6)
        TILE_CASE(7)
        TILE_CASE(8)
        TILE_CASE(9)
        TILE_CASE(10)
        TILE_CASE(11)
#endif
    default:
        for (; panel < item->panels; panel++) {
            multiply_tile(item, r0, panel, ROWS_AT_ONCE, 1);
        }
        break;
    }
}

#ifdef I8_SPLIT
VLT_ALWAYS_INLINE void split_rows(const struct int8_item *item, const struct i8_split *split,
                                  int64_t r0, int64_t o, int rows)
{
    vec_int sum[I8_TILE];
    i8_split_multiply(split, i8_row(&item->job->x, item->row + r0), rows, sum);
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        store_sums(item, sum[r], r0 + r, o);
    }
}

static void split_tile(const struct int8_item *item, const struct i8_split *split, int64_t r0,
                       int64_t o, int64_t rows)
{
    for (; rows >= 4 && rows < I8_TILE; rows -= 4, r0 += 4) {
        split_rows(item, split, r0, o, 4);
    }
    switch (rows) {
    case 0:
        break;
    case 1:
        split_rows(item, split, r0, o, 1);
        break;
    case 2:
        split_rows(item, split, r0, o, 2);
        break;
    case 3:
        split_rows(item, split, r0, o, 3);
        break;
    default:
        split_rows(item, split, r0, o, I8_TILE);
    }
}

/* The same as below for many rows and one panel. */
static void split_item(const struct int8_item *item, vlt_frame frame)
{
    struct i8_split split = i8_split_take(&frame, item->job->k);
    const struct i8_weights *w = &item->product->w;
    const unsigned char *panel = w->panel + item->panel * w->steps * I8_STEP_BYTES;
    for (int half = 0; half < 2; half++) {
        i8_split_set(&split, panel + half * VEC_LANES * I8_STEP, w->steps);
        for (int64_t r = 0; r < item->rows; r += I8_TILE) {
            split_tile(item, &split, r, half * VEC_LANES,
                       item->rows - r < I8_TILE ? item->rows - r : I8_TILE);
        }
    }
}
#endif

static void multiply_item(const struct int8_item *item, vlt_frame frame)
{
    (void)frame;
    for (int64_t r = 0; r < item->rows; r += ROWS_AT_ONCE) {
        multiply_panels(item, r, vec_smaller(item->rows - r, ROWS_AT_ONCE));
    }
}

/* Bytes of a worker where panels are split. */
static size_t split_bytes(const vlt_plan *plan)
{
    size_t bytes = 0;
#ifdef I8_SPLIT
    i8_split_reserve(&bytes, plan->problem.dim[VLT_LINEAR_DIM_K]);
#endif
    (void)plan;
    return bytes;
}

static size_t int8_scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    i8_rows_reserve(&bytes, plan->problem.dim[VLT_LINEAR_DIM_M],
                    plan->problem.dim[VLT_LINEAR_DIM_K]);
    int8_frames_reserve(plan, split_bytes(plan), &bytes);
    return bytes;
}

static vlt_status int8_run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_linear_args *a = args;
    const int64_t k = plan->problem.dim[VLT_LINEAR_DIM_K];
    struct int8_job job = {.args = a,
                           .sums = multiply_item,
                           .x = i8_rows_take(&frame, a->rows, k),
                           .k = k,
                           .block = vlt_plan_knob(plan, KNOB_ROWS),
                           .group = a->rows <= ROWS_AT_ONCE / 2 ? STREAMS_OF_ONE : 1};
#ifdef I8_SPLIT
    if (a->rows >= I8_SPLIT_ROWS_MIN) {
        job.sums = split_item;
        job.x.flip = 0x80808080u;
    }
#endif
    int8_run_job(plan, frame, &job, split_bytes(plan), SERIAL_BELOW);
    return VLT_OK;
}

#define VLT_LINEAR_INT8_VARIANT                                                    \
    VLT_LINEAR_INT8_ITEMS,                                                         \
        .knobs = int8_knobs, .knob_count = sizeof int8_knobs / sizeof *int8_knobs, \
        .applicable = vlt_linear_int8_applicable, .scratch = int8_scratch, .run = int8_run

#endif
#endif

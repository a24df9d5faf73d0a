/* linear_int8_internal.h: the variants of linear with int8 weights and activations, for one
 * instruction set; see int8_panel_internal.h.
 *
 * Rows of x are rounded once per run. Then items of panels and rows are shared among the threads:
 * with few rows an item is a group of panels, each a stream of weights that is read once; with many
 * it is one panel, which stays in the caches while all tiles of a block of rows meet it.
 */
#ifndef VLT_LINEAR_INT8_INTERNAL_H
#define VLT_LINEAR_INT8_INTERNAL_H

#include "optimizations/linear/int8_panel_internal.h"
#include "optimizations/linear/int8_split_internal.h"

#ifdef VLT_SIMD

enum { SERIAL_BELOW = 1 << 20 /* multiply-adds: waking a thread that sleeps costs as much */ };
enum { STREAMS = 4, ROUND_CHUNK = 4 };
#if VLT_SIMD == 512 || defined(__AVXVNNI__)
enum { ROWS_AT_ONCE = I8_TILE };
#else
enum { ROWS_AT_ONCE = 4 }; /* of a tile: there are sixteen registers */
#endif
enum { KNOB_THREADS, KNOB_ROWS };

static const int64_t rows_values[] = {96, 192, 384, 768};

static const vlt_knob int8_knobs[] = {
    VLT_KNOB_THREADS,
    {"rows", "rows of x that meet a panel before the next one", rows_values, 4, 192, NULL},
};

struct int8_job {
    const vlt_linear_args *args;
    const float *bias;
    struct i8_weights w;
    struct i8_rows x;
    int64_t block; /* rows */
    int64_t group; /* panels of an item */
    int64_t groups;
    vlt_frames frames; /* of the workers, where panels are split */
};

static vlt_status int8_prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_linear_constants *constants = plan->problem.constants;
    const vlt_pack *pack = NULL;
    vlt_status status = i8_weights_take(plan->context, &constants->weight, &pack, err);
    return status == VLT_OK ? vlt_int8_state_set(plan, pack, err) : status;
}

static void round_rows(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct int8_job *job = argument;
    for (int64_t r = begin; r < end; r++) {
        i8_set_row(&job->x, r, job->args->x + r * job->args->x_stride, job->w.k);
    }
}

VLT_ALWAYS_INLINE void store_sums(const struct int8_job *job, vec_int sum, float x_scale, int64_t r,
                                  int64_t o)
{
    const vlt_linear_args *a = job->args;
    int64_t width = job->w.n - o;
    if (width <= 0) {
        return;
    }
    width = width < VEC_LANES ? width : VEC_LANES;
    float *y = a->y + r * a->y_stride + o;
    vec scale = vec_mul(vec_set(x_scale), vec_load(job->w.scale + o));
    vec value = vec_mul(VEC_OP(cvtepi32_ps)(sum), scale);
    value = job->bias ? vec_add(value, vec_load_part(job->bias + o, width)) : value;
    value = a->accumulate ? vec_add(vec_load_part(y, width), value) : value;
    vec_store_part(y, width, value);
}

VLT_ALWAYS_INLINE void multiply_tile(const struct int8_job *job, int64_t r0, int64_t panel,
                                     int rows, int panels)
{
    vec_int sum[ROWS_AT_ONCE * 2][2];
    i8_multiply(&job->x, i8_row(&job->x, r0), job->x.total + r0,
                job->w.panel + panel * job->w.steps * I8_STEP_BYTES, rows, panels, sum);
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        float scale = job->x.scale[r0 + r];
        VLT_UNROLL
        for (int p = 0; p < panels; p++) {
            int64_t o = (panel + p) * I8_PANEL;
            store_sums(job, sum[r * panels + p][0], scale, r0 + r, o);
            store_sums(job, sum[r * panels + p][1], scale, r0 + r, o + VEC_LANES);
        }
    }
}

/* As many panels at once as leave registers for their sums. */
#define TILE_CASE(rows)                                                                    \
    case rows: {                                                                           \
        enum { MANY = ROWS_AT_ONCE / (rows) < STREAMS ? ROWS_AT_ONCE / (rows) : STREAMS }; \
        for (; panel + MANY <= end; panel += MANY) {                                       \
            multiply_tile(job, r0, panel, rows, MANY);                                     \
        }                                                                                  \
        for (; panel < end; panel++) {                                                     \
            multiply_tile(job, r0, panel, rows, 1);                                        \
        }                                                                                  \
        break;                                                                             \
    }

static void multiply_panels(const struct int8_job *job, int64_t r0, int64_t rows, int64_t panel,
                            int64_t end)
{
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
        for (; panel < end; panel++) {
            multiply_tile(job, r0, panel, ROWS_AT_ONCE, 1);
        }
        break;
    }
}

/* Item i is group i % groups of the rows that start at i / groups * block. */
static void multiply_items(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct int8_job *job = argument;
    for (int64_t item = begin; item < end; item++) {
        int64_t row = item / job->groups * job->block, panel = item % job->groups * job->group;
        int64_t last_row = row + job->block, last = panel + job->group;
        last_row = last_row < job->args->rows ? last_row : job->args->rows;
        last = last < job->w.panels ? last : job->w.panels;
        for (; row < last_row; row += ROWS_AT_ONCE) {
            int64_t rows = last_row - row < ROWS_AT_ONCE ? last_row - row : ROWS_AT_ONCE;
            multiply_panels(job, row, rows, panel, last);
        }
    }
}

#ifdef I8_SPLIT
VLT_ALWAYS_INLINE void split_rows(const struct int8_job *job, const struct i8_split *split,
                                  int64_t r0, int64_t o, int rows)
{
    vec_int sum[I8_TILE];
    i8_split_multiply(split, i8_row(&job->x, r0), rows, sum);
    VLT_UNROLL
    for (int r = 0; r < rows; r++) {
        store_sums(job, sum[r], job->x.scale[r0 + r], r0 + r, o);
    }
}

static void split_tile(const struct int8_job *job, const struct i8_split *split, int64_t r0,
                       int64_t o, int64_t rows)
{
    for (; rows >= 4 && rows < I8_TILE; rows -= 4, r0 += 4) {
        split_rows(job, split, r0, o, 4);
    }
    switch (rows) {
    case 0:
        break;
    case 1:
        split_rows(job, split, r0, o, 1);
        break;
    case 2:
        split_rows(job, split, r0, o, 2);
        break;
    case 3:
        split_rows(job, split, r0, o, 3);
        break;
    default:
        split_rows(job, split, r0, o, I8_TILE);
    }
}

/* Items as those of multiply_items, of one panel each. */
static void split_items(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct int8_job *job = argument;
    vlt_frame frame = vlt_frames_of(&job->frames, worker);
    struct i8_split split = i8_split_take(&frame, job->w.k);
    for (int64_t item = begin; item < end; item++) {
        int64_t row = item / job->groups * job->block, panel = item % job->groups;
        int64_t last = row + job->block < job->args->rows ? row + job->block : job->args->rows;
        const unsigned char *w = job->w.panel + panel * job->w.steps * I8_STEP_BYTES;
        for (int half = 0; half < 2; half++) {
            i8_split_set(&split, w + half * VEC_LANES * I8_STEP, job->w.steps);
            for (int64_t r = row; r < last; r += I8_TILE) {
                split_tile(job, &split, r, panel * I8_PANEL + half * VEC_LANES,
                           last - r < I8_TILE ? last - r : I8_TILE);
            }
        }
    }
}

static void split_scratch(const vlt_plan *plan, size_t *bytes)
{
    size_t each = 0;
    i8_split_reserve(&each, plan->problem.dim[VLT_LINEAR_DIM_K]);
    vlt_frames_reserve(bytes, vlt_threads_count(plan->context->threads), each);
}

/* Takes its piece of the frame where the rows are many. */
static vlt_threads_body *split_begin(struct int8_job *job, const vlt_plan *plan, vlt_frame *frame)
{
    if (job->args->rows < I8_SPLIT_ROWS_MIN) {
        return multiply_items;
    }
    size_t each = 0;
    i8_split_reserve(&each, job->w.k);
    job->frames = vlt_frames_take(frame, vlt_threads_count(plan->context->threads), each);
    job->x.flip = 0x80808080u;
    return split_items;
}
#endif

static size_t int8_scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    i8_rows_reserve(&bytes, plan->problem.dim[VLT_LINEAR_DIM_M],
                    plan->problem.dim[VLT_LINEAR_DIM_K]);
#ifdef I8_SPLIT
    if (plan->problem.dim[VLT_LINEAR_DIM_M] >= I8_SPLIT_ROWS_MIN) {
        split_scratch(plan, &bytes);
    }
#endif
    return bytes;
}

static vlt_status int8_run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_linear_args *a = args;
    const vlt_linear_constants *constants = plan->problem.constants;
    int64_t n = plan->problem.dim[VLT_LINEAR_DIM_N], k = plan->problem.dim[VLT_LINEAR_DIM_K];
    struct int8_job job = {.args = a,
                           .bias = constants->bias,
                           .w = i8_weights_of(vlt_int8_state_of(plan)->pack, n, k),
                           .x = i8_rows_take(&frame, a->rows, k),
                           .block = vlt_plan_knob(plan, KNOB_ROWS)};
    job.group = a->rows <= ROWS_AT_ONCE / 2 ? STREAMS : 1;
    job.groups = (job.w.panels + job.group - 1) / job.group;
    bool small = a->rows * n < SERIAL_BELOW / k;
    int limit = small ? 1 : (int)vlt_plan_knob(plan, KNOB_THREADS);
    vlt_threads_body *body = multiply_items;
#ifdef I8_SPLIT
    body = split_begin(&job, plan, &frame);
#endif
    vlt_threads_for(plan->context->threads, a->rows, ROUND_CHUNK, limit, round_rows, &job);
    vlt_threads_for(plan->context->threads, (a->rows + job.block - 1) / job.block * job.groups, 1,
                    limit, body, &job);
    vlt_linear_int8_add_strange(plan, a, job.x.scale);
    return VLT_OK;
}

#define VLT_LINEAR_INT8_VARIANT                                                                 \
    .knobs = int8_knobs, .knob_count = sizeof int8_knobs / sizeof *int8_knobs,                  \
    .quality = VLT_QUALITY_INT8, .loss = VLT_INT8_LOSS, .cost = vlt_linear_int8_cost,           \
    .applicable = vlt_linear_int8_applicable, .prepare = int8_prepare, .scratch = int8_scratch, \
    .run = int8_run, .release = vlt_int8_state_release

#endif
#endif

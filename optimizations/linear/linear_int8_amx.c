/* Bottleneck: sums of four byte products do 128 multiply-adds a cycle; the matrix unit does 2048.
 * Idea: tiles of 16 rows by 64 inputs meet tiles of 64 inputs by 16 outputs, 32 x 32 sums in four
 * tiles; the weights are the panels of int8_avx512_vnni, so that few rows and many share one copy.
 * Loses: accuracy (8 bits an operand); for few rows, where most of a tile is empty, and where
 * rounding x costs as much as multiplying it.
 *
 * Rows of x lie one behind the other, K = 64 inputs a tile row. The weights have 128 added: 128
 * times the sum of a row of x is taken off at the end. Same bits as the other int8 variants.
 */
#include "optimizations/core/utf8_text.h"
#include "optimizations/linear/int8_panel_internal.h"

enum {
    SIDE = 16,
    TILE_INPUTS = 64,
    BLOCK = 2 * SIDE,       /* rows and outputs of four tiles of sums */
    ROWS_MIN = 16,          /* below, most of a tile would be empty */
    SERIAL_BELOW = 1 << 22, /* multiply-adds: waking a thread costs as much */
    ROUND_CHUNK = 4
};
enum { KNOB_THREADS, KNOB_ROWS };

static const int64_t rows_values[] = {128, 256, 512, 1024};
static const vlt_knob knobs[] = {
    VLT_KNOB_THREADS,
    {"rows", "rows of x that meet a panel before the next one", rows_values, 4, 256, NULL},
};

struct job {
    const vlt_linear_args *args;
    const float *bias;
    struct i8_weights w;
    struct i8_rows x; /* tiles of one row: rows behind each other */
    int64_t block;
};

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    const int64_t *dim = problem->dim;
    if (dim[VLT_LINEAR_DIM_M] < ROWS_MIN || dim[VLT_LINEAR_DIM_K] % TILE_INPUTS) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "m=%lld, at least %d; k=%lld, a multiple of %d",
                        (long long)dim[VLT_LINEAR_DIM_M], ROWS_MIN,
                        (long long)dim[VLT_LINEAR_DIM_K], TILE_INPUTS);
        return false;
    }
    return vlt_linear_int8_applicable(problem, caps, reason);
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_linear_constants *constants = plan->problem.constants;
    const vlt_pack *pack = NULL;
    vlt_status status = i8_weights_take(plan->context, &constants->weight, &pack, err);
    return status == VLT_OK ? vlt_int8_state_set(plan, pack, err) : status;
}

/* Rows up to whole blocks: what is behind the last one is multiplied and dropped. */
static size_t row_count(const vlt_plan *plan)
{
    return ((size_t)plan->problem.dim[VLT_LINEAR_DIM_M] + BLOCK - 1) / BLOCK * BLOCK;
}

static size_t scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, row_count(plan), sizeof(float));
    vlt_frame_reserve(&bytes, row_count(plan), sizeof(int32_t));
    vlt_frame_reserve(&bytes, row_count(plan), (size_t)plan->problem.dim[VLT_LINEAR_DIM_K]);
    return bytes;
}

static void round_rows(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    for (int64_t r = begin; r < end; r++) {
        i8_set_row(&job->x, r, job->args->x + r * job->args->x_stride, job->w.k);
    }
}

/* All eight tiles: 16 rows of 64 bytes; the barrier as in linear_amx_internal.h. */
static void configure_tiles(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = TILE_INPUTS;
        config.rows[i] = SIDE;
    }
    VLT_USED(&config);
    _tile_loadconfig(&config);
}

/* sum[4][SIDE * SIDE]: rows 0 to 15 and 16 to 31 of x, outputs 0 to 15 and 16 to 31 of w. */
static void multiply_block(const struct job *job, const int8_t *x, const unsigned char *w,
                           int32_t sum[4][SIDE * SIDE])
{
    const int64_t k = job->w.k;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t i = 0; i < k; i += TILE_INPUTS) {
        const unsigned char *weights = w + i / I8_STEP * I8_STEP_BYTES;
        _tile_loadd(4, x + i, k);
        _tile_loadd(5, x + SIDE * k + i, k);
        _tile_loadd(6, weights, I8_STEP_BYTES);
        _tile_loadd(7, weights + I8_STEP_BYTES / 2, I8_STEP_BYTES);
        _tile_dpbsud(0, 4, 6);
        _tile_dpbsud(1, 4, 7);
        _tile_dpbsud(2, 5, 6);
        _tile_dpbsud(3, 5, 7);
    }
    _tile_stored(0, sum[0], SIDE * sizeof(int32_t));
    _tile_stored(1, sum[1], SIDE * sizeof(int32_t));
    _tile_stored(2, sum[2], SIDE * sizeof(int32_t));
    _tile_stored(3, sum[3], SIDE * sizeof(int32_t));
    VLT_USED(sum);
}

static void store_tile(const struct job *job, const int32_t *sum, int64_t row, int64_t o)
{
    const vlt_linear_args *a = job->args;
    int64_t width = job->w.n - o < SIDE ? job->w.n - o : SIDE;
    for (int64_t r = row; r < row + SIDE && r < a->rows && width > 0; r++, sum += SIDE) {
        float *y = a->y + r * a->y_stride + o;
        vec_int exact = _mm512_sub_epi32(i8_load(sum),
                                         _mm512_set1_epi32(I8_OFFSET * job->x.total[r]));
        vec scale = vec_mul(vec_set(job->x.scale[r]), vec_load(job->w.scale + o));
        vec value = vec_mul(_mm512_cvtepi32_ps(exact), scale);
        value = job->bias ? vec_add(value, vec_load_part(job->bias + o, width)) : value;
        value = a->accumulate ? vec_add(vec_load_part(y, width), value) : value;
        vec_store_part(y, width, value);
    }
}

/* Item i is panel i % panels of the rows that start at i / panels * block. */
static void multiply_items(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    VLT_ALIGNED(64) int32_t sum[4][SIDE * SIDE];
    configure_tiles();
    for (int64_t item = begin; item < end; item++) {
        int64_t row = item / job->w.panels * job->block, panel = item % job->w.panels;
        int64_t last = row + job->block < job->args->rows ? row + job->block : job->args->rows;
        int64_t o = panel * I8_PANEL;
        for (; row < last; row += BLOCK) {
            multiply_block(job, i8_row(&job->x, row),
                           job->w.panel + panel * job->w.steps * I8_STEP_BYTES, sum);
            store_tile(job, sum[0], row, o);
            store_tile(job, sum[1], row, o + SIDE);
            store_tile(job, sum[2], row + SIDE, o);
            store_tile(job, sum[3], row + SIDE, o + SIDE);
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
    struct job job = {.args = a,
                      .bias = constants->bias,
                      .w = i8_weights_of(vlt_int8_state_of(plan)->pack, n, k),
                      .x = {.steps = k / I8_STEP, .width = 1},
                      .block = vlt_plan_knob(plan, KNOB_ROWS)};
    job.x.scale = vlt_frame_take(&frame, row_count(plan), sizeof(float));
    job.x.total = vlt_frame_take(&frame, row_count(plan), sizeof(int32_t));
    job.x.q = vlt_frame_take(&frame, row_count(plan), (size_t)k);
    int limit = a->rows * n < SERIAL_BELOW / k ? 1 : (int)vlt_plan_knob(plan, KNOB_THREADS);
    vlt_threads_for(plan->context->threads, a->rows, ROUND_CHUNK, limit, round_rows, &job);
    vlt_threads_for(plan->context->threads, (a->rows + job.block - 1) / job.block * job.w.panels, 1,
                    limit, multiply_items, &job);
    vlt_linear_int8_add_strange(plan, a, job.x.scale);
    return VLT_OK;
}

VLT_VARIANT(linear, int8_amx, .summary = "int8 through the matrix unit, 32 x 32 sums at once",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs, .quality = VLT_QUALITY_INT8,
            .loss = VLT_INT8_LOSS, .cost = vlt_linear_int8_cost, .applicable = applicable,
            .prepare = prepare, .scratch = scratch, .run = run, .release = vlt_int8_state_release);

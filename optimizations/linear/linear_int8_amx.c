/* Bottleneck: sums of four byte products do 128 multiply-adds a cycle; the matrix unit does 2048.
 * Idea: tiles of 16 rows by 64 inputs meet tiles of 64 inputs by 16 outputs, 32 x 32 sums in four
 * tiles; the weights are the panels of int8_avx512_vnni, so that few rows and many share one copy.
 * Loses: accuracy (8 bits an operand); for few rows, where most of a tile is empty, and where
 * rounding x costs as much as multiplying it.
 *
 * Rows of x lie one behind the other, K = 64 inputs a tile row. The weights have 128 added: 128
 * times the sum of a row of x is taken off at the end. Same bits as the other int8 variants.
 */
#include "optimizations/core/amx_tiles.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/linear/int8_items_internal.h"

enum {
    SIDE = VLT_AMX_TILE_ROWS,
    TILE_INPUTS = VLT_AMX_TILE_ROW_BYTES,
    BLOCK = 2 * SIDE, /* rows and outputs of four tiles of sums */
    ROWS_MIN = 16,    /* below, most of a tile would be empty */
    SERIAL_BELOW = 1 << 22
};

static const int64_t rows_values[] = {128, 256, 512, 1024};
static const vlt_knob knobs[] = {
    VLT_KNOB_THREADS,
    {"rows", "rows of x that meet a panel before the next one", rows_values, 4, 256, NULL},
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
    int8_frames_reserve(plan, 0, &bytes);
    return bytes;
}

/* sum[4][SIDE * SIDE]: rows 0 to 15 and 16 to 31 of x, outputs 0 to 15 and 16 to 31 of w. */
static void multiply_block(int64_t k, const int8_t *x, const unsigned char *w,
                           int32_t sum[4][SIDE * SIDE])
{
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

/* row and o count from the item's first. */
static void store_tile(const struct int8_item *item, const int32_t *sum, int64_t row, int64_t o)
{
    for (int64_t r = row; r < row + SIDE && r < item->rows; r++, sum += SIDE) {
        const int32_t total = item->job->x.total[item->row + r];
        store_sums(item, _mm512_sub_epi32(i8_load(sum), _mm512_set1_epi32(I8_OFFSET * total)), r,
                   o);
    }
}

static void multiply_item(const struct int8_item *item, vlt_frame frame)
{
    (void)frame;
    const struct i8_weights *w = &item->product->w;
    VLT_ALIGNED(64) int32_t sum[4][SIDE * SIDE];
    VLT_AMX_CONFIGURE();
    for (int64_t row = 0; row < item->rows; row += BLOCK) {
        multiply_block(w->k, i8_row(&item->job->x, item->row + row),
                       w->panel + item->panel * w->steps * I8_STEP_BYTES, sum);
        store_tile(item, sum[0], row, 0);
        store_tile(item, sum[1], row, SIDE);
        store_tile(item, sum[2], row + SIDE, 0);
        store_tile(item, sum[3], row + SIDE, SIDE);
    }
    _tile_release();
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const int64_t k = plan->problem.dim[VLT_LINEAR_DIM_K];
    struct int8_job job = {.args = args,
                           .sums = multiply_item,
                           .x = {.steps = k / I8_STEP, .width = 1},
                           .k = k,
                           .block = vlt_plan_knob(plan, KNOB_ROWS),
                           .group = 1};
    job.x.scale = vlt_frame_take(&frame, row_count(plan), sizeof(float));
    job.x.total = vlt_frame_take(&frame, row_count(plan), sizeof(int32_t));
    job.x.q = vlt_frame_take(&frame, row_count(plan), (size_t)k);
    int8_run_job(plan, frame, &job, 0, SERIAL_BELOW);
    return VLT_OK;
}

VLT_VARIANT(linear, int8_amx, .summary = "int8 through the matrix unit, 32 x 32 sums at once",
            VLT_LINEAR_INT8_ITEMS, .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs,
            .applicable = applicable, .scratch = scratch, .run = run);

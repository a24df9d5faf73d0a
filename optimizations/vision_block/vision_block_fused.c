/* Bottleneck: each step of the baseline writes all rows to memory and starts all threads anew.
 * Idea: a block of rows goes through norm, qkv and rope in one thread while it is in the cache,
 * and, once attention has passed over all rows, through proj, norm, fc1, gelu and fc2; two thread
 * regions take the place of eight, and the inner rows exist for one block per thread only.
 * Loses: with fewer blocks than threads, and where the weights are much larger than the cache,
 * since each block of rows streams them again.
 *
 * Children are chosen as everywhere, for problems of `rows` rows; each thread has its own. Blocks
 * do not depend on the number of threads: the bits do not either.
 */
#include <stdlib.h>

#include "optimizations/activation/activation.h"
#include "optimizations/attention/attention.h"
#include "optimizations/core/blocks.h"
#include "optimizations/linear/linear.h"
#include "optimizations/norm/norm.h"
#include "optimizations/rope/rope.h"
#include "optimizations/vision_block/vision_block.h"

enum { KNOB_ROWS, KNOB_THREADS };

static const int64_t rows_values[] = {32, 64, 128, 256}, thread_values[] = {0, 1, 2, 4, 8, 16};
static const vlt_knob knobs[] = {
    {"rows", "rows of a block", rows_values, 4, 128, NULL},
    {"threads", "threads that work on blocks, 0 for all of the pool", thread_values, 6, 0, NULL},
};

/* What one thread needs for its block. */
struct worker {
    vlt_context context; /* the plan's, without threads and with a scratch of its own */
    vlt_scratch scratch;
    vlt_plan *norm1, *qkv, *rope, *proj, *norm2, *fc1, *gelu, *fc2;
    float *narrow; /* [block, width], in the lease */
    float *wide;   /* [block, inner] */
};

struct state {
    vlt_norm_constants norm1, norm2;
    vlt_linear_constants qkv, proj, fc1, fc2;
    vlt_plan *attention;
    struct worker *worker;      /* [workers] */
    vlt_blocks_worker *outcome; /* [workers] */
    int workers;
    vlt_lease lease;
    int64_t rows, block, width, heads, head, inner;
    /* of one run */
    const vlt_vision_block_args *args;
    float *qkv_rows; /* [rows, 3 width] */
    float *mixed;    /* [rows, width] */
};

static void bind(struct state *s, const vlt_plan *plan)
{
    const vlt_vision_block_constants *c = plan->problem.constants;
    const int64_t *dim = plan->problem.dim;
    int64_t block = vlt_plan_knob(plan, KNOB_ROWS);
    s->norm1 = (vlt_norm_constants){c->norm1_weight, c->norm1_bias, VLT_VISION_BLOCK_EPSILON};
    s->norm2 = (vlt_norm_constants){c->norm2_weight, c->norm2_bias, VLT_VISION_BLOCK_EPSILON};
    s->qkv = (vlt_linear_constants){c->qkv_weight, c->qkv_bias};
    s->proj = (vlt_linear_constants){c->proj_weight, c->proj_bias};
    s->fc1 = (vlt_linear_constants){c->fc1_weight, c->fc1_bias};
    s->fc2 = (vlt_linear_constants){c->fc2_weight, c->fc2_bias};
    s->rows = dim[VLT_VISION_BLOCK_DIM_ROWS];
    s->block = block < s->rows ? block : s->rows;
    s->width = dim[VLT_VISION_BLOCK_DIM_WIDTH];
    s->heads = dim[VLT_VISION_BLOCK_DIM_HEADS];
    s->head = s->width / s->heads;
    s->inner = dim[VLT_VISION_BLOCK_DIM_INNER];
}

static vlt_status create_worker(struct state *s, struct worker *w, vlt_context *context,
                                vlt_dtype dtype, vlt_error *err)
{
    w->context = *context;
    w->context.threads = NULL;
    w->context.scratch = &w->scratch;
    const struct {
        vlt_plan **out;
        vlt_problem problem;
    } children[] = {
        {&w->norm1, vlt_norm_problem(s->block, s->width, VLT_NORM_LAYER, &s->norm1)},
        {&w->qkv, vlt_linear_problem(s->block, 3 * s->width, s->width, dtype, &s->qkv)},
        {&w->rope, vlt_rope_problem(s->block, 2 * s->heads, s->head)},
        {&w->proj, vlt_linear_problem(s->block, s->width, s->width, dtype, &s->proj)},
        {&w->norm2, vlt_norm_problem(s->block, s->width, VLT_NORM_LAYER, &s->norm2)},
        {&w->fc1, vlt_linear_problem(s->block, s->inner, s->width, dtype, &s->fc1)},
        {&w->gelu, vlt_activation_problem(s->block, s->inner, VLT_ACTIVATION_GELU_TANH)},
        {&w->fc2, vlt_linear_problem(s->block, s->width, s->inner, dtype, &s->fc2)},
    };
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof children / sizeof *children && status == VLT_OK; i++) {
        status = vlt_plan_create(&w->context, &children[i].problem, children[i].out, err);
    }
    return status;
}

static void release_worker(struct worker *w)
{
    vlt_plan *const children[] = {w->norm1, w->qkv, w->rope, w->proj,
                                  w->norm2, w->fc1, w->gelu, w->fc2};
    for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
        vlt_plan_destroy(children[i]);
    }
    vlt_scratch_release(&w->scratch);
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    struct state *s = plan->state = calloc(1, sizeof *s);
    vlt_dtype dtype = (vlt_dtype)plan->problem.dim[VLT_VISION_BLOCK_DIM_WEIGHTS];
    int64_t segment = plan->problem.dim[VLT_VISION_BLOCK_DIM_SEGMENT];
    vlt_arena planned = {0};
    if (s) {
        s->workers = vlt_threads_count(plan->context->threads);
        s->worker = calloc((size_t)s->workers, sizeof *s->worker);
        s->outcome = calloc((size_t)s->workers, sizeof *s->outcome);
    }
    if (!s || !s->worker || !s->outcome) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "vision_block: no memory for a plan");
    }
    bind(s, plan);
    vlt_arena_reserve(&planned, (size_t)(s->rows * 3 * s->width), sizeof(float));
    vlt_arena_reserve(&planned, (size_t)(s->rows * s->width), sizeof(float));
    for (int i = 0; i < s->workers; i++) {
        vlt_arena_reserve(&planned, (size_t)(s->block * s->width), sizeof(float));
        vlt_arena_reserve(&planned, (size_t)(s->block * s->inner), sizeof(float));
    }
    vlt_problem attention = vlt_attention_problem(segment, segment, s->heads, s->heads, s->head,
                                                  false);
    vlt_status status = vlt_lease_init(&s->lease, plan->context, &planned, err);
    if (status == VLT_OK) {
        status = vlt_plan_create(plan->context, &attention, &s->attention, err);
    }
    for (int i = 0; i < s->workers && status == VLT_OK; i++) {
        status = create_worker(s, &s->worker[i], plan->context, dtype, err);
    }
    return status;
}

static void take(struct state *s)
{
    vlt_arena arena = vlt_lease_view(&s->lease);
    s->qkv_rows = vlt_arena_take(&arena, (size_t)(s->rows * 3 * s->width), sizeof(float));
    s->mixed = vlt_arena_take(&arena, (size_t)(s->rows * s->width), sizeof(float));
    for (int i = 0; i < s->workers; i++) {
        struct worker *w = &s->worker[i];
        w->narrow = vlt_arena_take(&arena, (size_t)(s->block * s->width), sizeof(float));
        w->wide = vlt_arena_take(&arena, (size_t)(s->block * s->inner), sizeof(float));
    }
}

static vlt_status before_attention(void *state, int worker, int64_t row, int64_t rows,
                                   vlt_error *err)
{
    const struct state *s = state;
    const struct worker *w = &s->worker[worker];
    const float *hidden = s->args->hidden + row * s->width;
    float *qkv = s->qkv_rows + row * 3 * s->width;
    vlt_rope_args rope = {.x = qkv,
                          .cos = s->args->cos + row * (s->head / 2),
                          .sin = s->args->sin + row * (s->head / 2),
                          .rows = rows,
                          .x_row = 3 * s->width,
                          .x_head = s->head};
    vlt_status status;
    if ((status = vlt_norm_rows(w->norm1, hidden, w->narrow, rows, err)) != VLT_OK ||
        (status = vlt_linear_rows(w->qkv, w->narrow, qkv, rows, false, err)) != VLT_OK) {
        return status;
    }
    return vlt_plan_run(w->rope, &rope, err);
}

static vlt_status after_attention(void *state, int worker, int64_t row, int64_t rows,
                                  vlt_error *err)
{
    const struct state *s = state;
    const struct worker *w = &s->worker[worker];
    float *hidden = s->args->hidden + row * s->width;
    const float *mixed = s->mixed + row * s->width;
    vlt_activation_args gelu = {
        .x = w->wide, .out = w->wide, .rows = rows, .x_stride = s->inner, .out_stride = s->inner};
    vlt_status status;
    if ((status = vlt_linear_rows(w->proj, mixed, hidden, rows, true, err)) != VLT_OK ||
        (status = vlt_norm_rows(w->norm2, hidden, w->narrow, rows, err)) != VLT_OK ||
        (status = vlt_linear_rows(w->fc1, w->narrow, w->wide, rows, false, err)) != VLT_OK ||
        (status = vlt_plan_run(w->gelu, &gelu, err)) != VLT_OK) {
        return status;
    }
    return vlt_linear_rows(w->fc2, w->wide, hidden, rows, true, err);
}

static vlt_status run_region(vlt_plan *plan, vlt_blocks_function *function, vlt_error *err)
{
    struct state *s = plan->state;
    return vlt_blocks_run(plan->context->threads, s->args->rows, s->block,
                          (int)vlt_plan_knob(plan, KNOB_THREADS), function, s, s->outcome, err);
}

static vlt_status attend(const struct state *s, vlt_error *err)
{
    vlt_status status = VLT_OK;
    int64_t first = 0;
    for (int i = 0; i < s->args->segments && status == VLT_OK; i++) {
        vlt_attention_args attention = vlt_vision_block_attention(
            s->qkv_rows, s->mixed, first, s->args->segment_rows[i], s->width, s->head);
        status = vlt_plan_run(s->attention, &attention, err);
        first += s->args->segment_rows[i];
    }
    return status;
}

static vlt_status run(vlt_plan *plan, const void *args, vlt_error *err)
{
    struct state *s = plan->state;
    s->args = args;
    take(s);
    vlt_status status;
    if ((status = run_region(plan, before_attention, err)) != VLT_OK ||
        (status = attend(s, err)) != VLT_OK) {
        return status;
    }
    return run_region(plan, after_attention, err);
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        for (int i = 0; s->worker && i < s->workers; i++) {
            release_worker(&s->worker[i]);
        }
        vlt_plan_destroy(s->attention);
        vlt_lease_release(&s->lease);
        free(s->worker);
        free(s->outcome);
        free(s);
    }
}

VLT_VARIANT(vision_block, fused, .summary = "blocks of rows through all steps in one thread",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs,
            .applicable = vlt_vision_block_applicable, .prepare = prepare, .run = run,
            .release = release);

/* Bottleneck: each step of the baseline writes all rows to memory and starts all threads anew.
 * Idea: a block of rows goes through norm, q, k, v, head norms, rope and into the cache in one
 * thread while it is in the caches, and, once attention has passed over all rows, through o, norm,
 * gate, up, silu and down; two thread regions take the place of a dozen, and the inner rows exist
 * for one block per thread only.
 * Loses: with fewer blocks than threads (it is not for decoding), and where the weights are much
 * larger than the cache, since each block of rows streams them again.
 *
 * Children are chosen as everywhere, for problems of `rows` rows; each thread has its own. Blocks
 * do not depend on the number of threads: the bits do not either.
 */
#include <stdio.h>
#include <stdlib.h>

#include "optimizations/activation/activation.h"
#include "optimizations/core/blocks.h"
#include "optimizations/decoder_block/decoder_block.h"
#include "optimizations/linear/linear.h"
#include "optimizations/norm/norm.h"
#include "optimizations/rope/rope.h"

enum { ROWS_MIN = 16 };

enum { KNOB_ROWS, KNOB_THREADS };

static const int64_t rows_values[] = {16, 32, 64, 128}, thread_values[] = {0, 1, 2, 4, 8, 16};
static const vlt_knob knobs[] = {
    {"rows", "rows of a block", rows_values, 4, 64, NULL},
    {"threads", "threads that work on blocks, 0 for all of the pool", thread_values, 6, 0, NULL},
};

/* What one thread needs for its block. q and gate share a piece, so do k and up. */
struct worker {
    vlt_context context; /* the plan's, without threads and with a scratch of its own */
    vlt_scratch scratch;
    vlt_plan *input_norm, *q, *k, *v, *q_norm, *k_norm, *q_rope, *k_rope;
    vlt_plan *o, *post_norm, *gate, *up, *silu, *down;
    float *x;         /* [block, width], in the lease */
    float *k_or_up;   /* [block, the larger of kv width and inner] */
    float *v_or_gate; /* likewise */
};

struct state {
    vlt_norm_constants input_norm, post_norm, q_norm, k_norm;
    vlt_linear_constants q, k, v, o, gate, up, down;
    vlt_plan *attention;
    struct worker *worker;      /* [workers] */
    vlt_blocks_worker *outcome; /* [workers] */
    int workers;
    vlt_lease lease;
    int64_t rows, block, width, heads, kv_heads, head, inner;
    /* of one run */
    const vlt_decoder_block_args *args;
    float *q_rows; /* [rows, heads * head] */
    float *mixed;  /* [rows, heads * head] */
};

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    if (problem->dim[VLT_DECODER_BLOCK_DIM_ROWS] < ROWS_MIN) {
        snprintf(reason, VLT_REASON_BYTES, "rows=%lld, at least %d",
                 (long long)problem->dim[VLT_DECODER_BLOCK_DIM_ROWS], ROWS_MIN);
        return false;
    }
    return vlt_decoder_block_applicable(problem, caps, reason);
}

static void bind(struct state *s, const vlt_plan *plan)
{
    const vlt_decoder_block_constants *c = plan->problem.constants;
    const int64_t *dim = plan->problem.dim;
    int64_t block = vlt_plan_knob(plan, KNOB_ROWS);
    s->input_norm = (vlt_norm_constants){.weight = c->input_norm, .epsilon = c->epsilon};
    s->post_norm = (vlt_norm_constants){.weight = c->post_norm, .epsilon = c->epsilon};
    s->q_norm = (vlt_norm_constants){.weight = c->q_norm, .epsilon = c->epsilon};
    s->k_norm = (vlt_norm_constants){.weight = c->k_norm, .epsilon = c->epsilon};
    s->q.weight = c->q_weight;
    s->k.weight = c->k_weight;
    s->v.weight = c->v_weight;
    s->o.weight = c->o_weight;
    s->gate.weight = c->gate_weight;
    s->up.weight = c->up_weight;
    s->down.weight = c->down_weight;
    s->rows = dim[VLT_DECODER_BLOCK_DIM_ROWS];
    s->block = block < s->rows ? block : s->rows;
    s->width = dim[VLT_DECODER_BLOCK_DIM_WIDTH];
    s->heads = dim[VLT_DECODER_BLOCK_DIM_HEADS];
    s->kv_heads = dim[VLT_DECODER_BLOCK_DIM_KV_HEADS];
    s->head = dim[VLT_DECODER_BLOCK_DIM_HEAD];
    s->inner = dim[VLT_DECODER_BLOCK_DIM_INNER];
}

static vlt_status create_worker(struct state *s, struct worker *w, const vlt_context *context,
                                vlt_dtype dtype, vlt_error *err)
{
    int64_t rows = s->block, width = s->width, inner = s->inner, head = s->head;
    int64_t q_width = s->heads * head, kv_width = s->kv_heads * head;
    w->context = *context;
    w->context.threads = NULL;
    w->context.scratch = &w->scratch;
    const struct {
        vlt_plan **out;
        vlt_problem problem;
    } children[] = {
        {&w->input_norm, vlt_norm_problem(rows, width, VLT_NORM_RMS, &s->input_norm)},
        {&w->q, vlt_linear_problem(rows, q_width, width, dtype, &s->q)},
        {&w->k, vlt_linear_problem(rows, kv_width, width, dtype, &s->k)},
        {&w->v, vlt_linear_problem(rows, kv_width, width, dtype, &s->v)},
        {&w->q_norm, vlt_norm_problem(rows * s->heads, head, VLT_NORM_RMS, &s->q_norm)},
        {&w->k_norm, vlt_norm_problem(rows * s->kv_heads, head, VLT_NORM_RMS, &s->k_norm)},
        {&w->q_rope, vlt_rope_problem(rows, s->heads, head)},
        {&w->k_rope, vlt_rope_problem(rows, s->kv_heads, head)},
        {&w->o, vlt_linear_problem(rows, width, q_width, dtype, &s->o)},
        {&w->post_norm, vlt_norm_problem(rows, width, VLT_NORM_RMS, &s->post_norm)},
        {&w->gate, vlt_linear_problem(rows, inner, width, dtype, &s->gate)},
        {&w->up, vlt_linear_problem(rows, inner, width, dtype, &s->up)},
        {&w->silu, vlt_activation_problem(rows, inner, VLT_ACTIVATION_SILU_MUL)},
        {&w->down, vlt_linear_problem(rows, width, inner, dtype, &s->down)},
    };
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof children / sizeof *children && status == VLT_OK; i++) {
        status = vlt_plan_create(&w->context, &children[i].problem, children[i].out, err);
    }
    return status;
}

static void release_worker(struct worker *w)
{
    vlt_plan *const children[] = {w->input_norm, w->q,      w->k,      w->v,   w->q_norm,
                                  w->k_norm,     w->q_rope, w->k_rope, w->o,   w->post_norm,
                                  w->gate,       w->up,     w->silu,   w->down};
    for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
        vlt_plan_destroy(children[i]);
    }
    vlt_scratch_release(&w->scratch);
}

/* Elements of a row of k_or_up and v_or_gate. */
static int64_t shared_width(const struct state *s)
{
    int64_t kv_width = s->kv_heads * s->head;
    return kv_width > s->inner ? kv_width : s->inner;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    struct state *s = plan->state = calloc(1, sizeof *s);
    vlt_dtype dtype = (vlt_dtype)plan->problem.dim[VLT_DECODER_BLOCK_DIM_WEIGHTS];
    int64_t context = plan->problem.dim[VLT_DECODER_BLOCK_DIM_CONTEXT];
    vlt_arena planned = {0};
    if (s) {
        s->workers = vlt_threads_count(plan->context->threads);
        s->worker = calloc((size_t)s->workers, sizeof *s->worker);
        s->outcome = calloc((size_t)s->workers, sizeof *s->outcome);
    }
    if (!s || !s->worker || !s->outcome) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "decoder_block: no memory for a plan");
    }
    bind(s, plan);
    vlt_arena_reserve(&planned, (size_t)(s->rows * s->heads * s->head), sizeof(float));
    vlt_arena_reserve(&planned, (size_t)(s->rows * s->heads * s->head), sizeof(float));
    for (int i = 0; i < s->workers; i++) {
        vlt_arena_reserve(&planned, (size_t)(s->block * s->width), sizeof(float));
        vlt_arena_reserve(&planned, (size_t)(s->block * shared_width(s)), sizeof(float));
        vlt_arena_reserve(&planned, (size_t)(s->block * shared_width(s)), sizeof(float));
    }
    vlt_problem attention = vlt_attention_problem(s->rows, context, s->heads, s->kv_heads, s->head,
                                                  true);
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
    s->q_rows = vlt_arena_take(&arena, (size_t)(s->rows * s->heads * s->head), sizeof(float));
    s->mixed = vlt_arena_take(&arena, (size_t)(s->rows * s->heads * s->head), sizeof(float));
    for (int i = 0; i < s->workers; i++) {
        struct worker *w = &s->worker[i];
        w->x = vlt_arena_take(&arena, (size_t)(s->block * s->width), sizeof(float));
        w->k_or_up = vlt_arena_take(&arena, (size_t)(s->block * shared_width(s)), sizeof(float));
        w->v_or_gate = vlt_arena_take(&arena, (size_t)(s->block * shared_width(s)), sizeof(float));
    }
}

static vlt_status norm_and_rotate(const struct state *s, vlt_plan *norm, vlt_plan *rope, float *x,
                                  int64_t heads, int64_t row, int64_t rows, vlt_error *err)
{
    vlt_rope_args args = {.x = x,
                          .cos = s->args->cos + row * (s->head / 2),
                          .sin = s->args->sin + row * (s->head / 2),
                          .rows = rows,
                          .x_row = heads * s->head,
                          .x_head = s->head};
    vlt_status status = vlt_norm_rows(norm, x, x, rows * heads, err);
    return status == VLT_OK ? vlt_plan_run(rope, &args, err) : status;
}

static vlt_status before_attention(void *state, int worker, int64_t row, int64_t rows,
                                   vlt_error *err)
{
    const struct state *s = state;
    const struct worker *w = &s->worker[worker];
    const vlt_decoder_block_args *a = s->args;
    float *q = s->q_rows + row * s->heads * s->head, *k = w->k_or_up, *v = w->v_or_gate;
    vlt_status status;
    if ((status = vlt_norm_rows(w->input_norm, a->hidden + row * s->width, w->x, rows, err)) !=
            VLT_OK ||
        (status = vlt_linear_rows(w->q, w->x, q, rows, false, err)) != VLT_OK ||
        (status = vlt_linear_rows(w->k, w->x, k, rows, false, err)) != VLT_OK ||
        (status = vlt_linear_rows(w->v, w->x, v, rows, false, err)) != VLT_OK ||
        (status = norm_and_rotate(s, w->q_norm, w->q_rope, q, s->heads, row, rows, err)) !=
            VLT_OK ||
        (status = norm_and_rotate(s, w->k_norm, w->k_rope, k, s->kv_heads, row, rows, err)) !=
            VLT_OK) {
        return status;
    }
    vlt_decoder_block_append(a, k, row, rows, s->kv_heads, s->head, a->k_cache);
    vlt_decoder_block_append(a, v, row, rows, s->kv_heads, s->head, a->v_cache);
    return VLT_OK;
}

static vlt_status after_attention(void *state, int worker, int64_t row, int64_t rows,
                                  vlt_error *err)
{
    const struct state *s = state;
    const struct worker *w = &s->worker[worker];
    float *hidden = s->args->hidden + row * s->width, *gate = w->v_or_gate;
    const float *mixed = s->mixed + row * s->heads * s->head;
    vlt_activation_args silu = {.x = gate,
                                .up = w->k_or_up,
                                .out = gate,
                                .rows = rows,
                                .x_stride = s->inner,
                                .up_stride = s->inner,
                                .out_stride = s->inner};
    vlt_status status;
    if ((status = vlt_linear_rows(w->o, mixed, hidden, rows, true, err)) != VLT_OK ||
        (status = vlt_norm_rows(w->post_norm, hidden, w->x, rows, err)) != VLT_OK ||
        (status = vlt_linear_rows(w->gate, w->x, gate, rows, false, err)) != VLT_OK ||
        (status = vlt_linear_rows(w->up, w->x, w->k_or_up, rows, false, err)) != VLT_OK ||
        (status = vlt_plan_run(w->silu, &silu, err)) != VLT_OK) {
        return status;
    }
    return vlt_linear_rows(w->down, gate, hidden, rows, true, err);
}

static vlt_status run_region(vlt_plan *plan, vlt_blocks_function *function, vlt_error *err)
{
    struct state *s = plan->state;
    return vlt_blocks_run(plan->context->threads, s->args->rows, s->block,
                          (int)vlt_plan_knob(plan, KNOB_THREADS), function, s, s->outcome, err);
}

static vlt_status run(vlt_plan *plan, const void *args, vlt_error *err)
{
    struct state *s = plan->state;
    s->args = args;
    take(s);
    vlt_attention_args attention = vlt_decoder_block_attention(s->args, s->q_rows, s->mixed,
                                                               s->heads, s->head);
    vlt_status status;
    if ((status = run_region(plan, before_attention, err)) != VLT_OK ||
        (status = vlt_plan_run(s->attention, &attention, err)) != VLT_OK) {
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

VLT_VARIANT(decoder_block, fused, .summary = "blocks of rows through all steps in one thread",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs, .applicable = applicable,
            .prepare = prepare, .run = run, .release = release);

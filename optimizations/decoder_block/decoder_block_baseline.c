/* The layer as its formula reads, one child plan after the other, each over all rows. */
#include <stdlib.h>

#include "optimizations/activation/activation.h"
#include "optimizations/attention/attention.h"
#include "optimizations/core/memory.h"
#include "optimizations/decoder_block/decoder_block.h"
#include "optimizations/linear/linear.h"
#include "optimizations/norm/norm.h"
#include "optimizations/rope/rope.h"

struct state {
    vlt_norm_constants input_norm, post_norm, q_norm, k_norm;
    vlt_linear_constants q, k, v, o, gate, up, down;
    vlt_plan *input_norm_plan, *post_norm_plan, *q_norm_plan, *k_norm_plan;
    vlt_plan *q_plan, *k_plan, *v_plan, *o_plan, *gate_plan, *up_plan, *down_plan;
    vlt_plan *q_rope_plan, *k_rope_plan, *attention_plan, *silu_plan;
    vlt_lease lease;
    int64_t rows, width, heads, kv_heads, head, inner; /* of the problem */
};

/* Pieces of the scratch: the inner rows take the place of what attention needed. */
struct pieces {
    float *x;     /* [rows, width] normalised */
    float *q;     /* [rows, heads * head]; then gate [rows, inner] */
    float *k;     /* [rows, kv_heads * head]; then up [rows, inner] */
    float *v;     /* [rows, kv_heads * head] */
    float *mixed; /* [rows, heads * head] the attention's output */
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void reserve(const struct state *s, vlt_arena *arena)
{
    int64_t q_width = s->heads * s->head, kv_width = s->kv_heads * s->head;
    vlt_arena_reserve(arena, (size_t)(s->rows * s->width), sizeof(float));
    vlt_arena_reserve(arena, (size_t)(s->rows * larger(q_width, s->inner)), sizeof(float));
    vlt_arena_reserve(arena, (size_t)(s->rows * larger(kv_width, s->inner)), sizeof(float));
    vlt_arena_reserve(arena, (size_t)(s->rows * kv_width), sizeof(float));
    vlt_arena_reserve(arena, (size_t)(s->rows * q_width), sizeof(float));
}

static struct pieces take(const struct state *s)
{
    int64_t q_width = s->heads * s->head, kv_width = s->kv_heads * s->head;
    vlt_arena arena = vlt_lease_view(&s->lease);
    struct pieces p;
    p.x = vlt_arena_take(&arena, (size_t)(s->rows * s->width), sizeof(float));
    p.q = vlt_arena_take(&arena, (size_t)(s->rows * larger(q_width, s->inner)), sizeof(float));
    p.k = vlt_arena_take(&arena, (size_t)(s->rows * larger(kv_width, s->inner)), sizeof(float));
    p.v = vlt_arena_take(&arena, (size_t)(s->rows * kv_width), sizeof(float));
    p.mixed = vlt_arena_take(&arena, (size_t)(s->rows * q_width), sizeof(float));
    return p;
}

static void bind(struct state *s, const vlt_problem *problem)
{
    const vlt_decoder_block_constants *c = problem->constants;
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
    s->rows = problem->dim[VLT_DECODER_BLOCK_DIM_ROWS];
    s->width = problem->dim[VLT_DECODER_BLOCK_DIM_WIDTH];
    s->heads = problem->dim[VLT_DECODER_BLOCK_DIM_HEADS];
    s->kv_heads = problem->dim[VLT_DECODER_BLOCK_DIM_KV_HEADS];
    s->head = problem->dim[VLT_DECODER_BLOCK_DIM_HEAD];
    s->inner = problem->dim[VLT_DECODER_BLOCK_DIM_INNER];
}

static vlt_status create_children(vlt_plan *plan, struct state *s, vlt_error *err)
{
    int64_t context = plan->problem.dim[VLT_DECODER_BLOCK_DIM_CONTEXT];
    vlt_dtype dtype = (vlt_dtype)plan->problem.dim[VLT_DECODER_BLOCK_DIM_WEIGHTS];
    int64_t rows = s->rows, width = s->width, inner = s->inner, head = s->head;
    int64_t q_width = s->heads * head, kv_width = s->kv_heads * head;
    const struct {
        vlt_plan **out;
        vlt_problem problem;
    } children[] = {
        {&s->input_norm_plan, vlt_norm_problem(rows, width, VLT_NORM_RMS, &s->input_norm)},
        {&s->post_norm_plan, vlt_norm_problem(rows, width, VLT_NORM_RMS, &s->post_norm)},
        {&s->q_norm_plan, vlt_norm_problem(rows * s->heads, head, VLT_NORM_RMS, &s->q_norm)},
        {&s->k_norm_plan, vlt_norm_problem(rows * s->kv_heads, head, VLT_NORM_RMS, &s->k_norm)},
        {&s->q_plan, vlt_linear_problem(rows, q_width, width, dtype, &s->q)},
        {&s->k_plan, vlt_linear_problem(rows, kv_width, width, dtype, &s->k)},
        {&s->v_plan, vlt_linear_problem(rows, kv_width, width, dtype, &s->v)},
        {&s->o_plan, vlt_linear_problem(rows, width, q_width, dtype, &s->o)},
        {&s->gate_plan, vlt_linear_problem(rows, inner, width, dtype, &s->gate)},
        {&s->up_plan, vlt_linear_problem(rows, inner, width, dtype, &s->up)},
        {&s->down_plan, vlt_linear_problem(rows, width, inner, dtype, &s->down)},
        {&s->q_rope_plan, vlt_rope_problem(rows, s->heads, head)},
        {&s->k_rope_plan, vlt_rope_problem(rows, s->kv_heads, head)},
        {&s->attention_plan,
         vlt_attention_problem(rows, context, s->heads, s->kv_heads, head, true)},
        {&s->silu_plan, vlt_activation_problem(rows, inner, VLT_ACTIVATION_SILU_MUL)},
    };
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof children / sizeof *children && status == VLT_OK; i++) {
        status = vlt_plan_create(plan->context, &children[i].problem, children[i].out, err);
    }
    return status;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    struct state *s = plan->state = calloc(1, sizeof *s);
    vlt_arena planned = {0};
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "decoder_block: no memory for a plan");
    }
    bind(s, &plan->problem);
    reserve(s, &planned);
    vlt_status status = vlt_lease_init(&s->lease, plan->context, &planned, err);
    return status == VLT_OK ? create_children(plan, s, err) : status;
}

static vlt_status rotate(vlt_plan *rope, float *x, const vlt_decoder_block_args *a, vlt_error *err)
{
    int64_t head = rope->problem.dim[VLT_ROPE_DIM_HEAD];
    vlt_rope_args args = {.x = x,
                          .cos = a->cos,
                          .sin = a->sin,
                          .rows = a->rows,
                          .x_row = rope->problem.dim[VLT_ROPE_DIM_HEADS] * head,
                          .x_head = head};
    return vlt_plan_run(rope, &args, err);
}

static vlt_status run_attention(const struct state *s, const vlt_decoder_block_args *a,
                                const struct pieces *p, vlt_error *err)
{
    vlt_status status;
    if ((status = vlt_norm_rows(s->input_norm_plan, a->hidden, p->x, a->rows, err)) != VLT_OK ||
        (status = vlt_linear_rows(s->q_plan, p->x, p->q, a->rows, false, err)) != VLT_OK ||
        (status = vlt_linear_rows(s->k_plan, p->x, p->k, a->rows, false, err)) != VLT_OK ||
        (status = vlt_linear_rows(s->v_plan, p->x, p->v, a->rows, false, err)) != VLT_OK ||
        (status = vlt_norm_rows(s->q_norm_plan, p->q, p->q, a->rows * s->heads, err)) != VLT_OK ||
        (status = vlt_norm_rows(s->k_norm_plan, p->k, p->k, a->rows * s->kv_heads, err)) !=
            VLT_OK ||
        (status = rotate(s->q_rope_plan, p->q, a, err)) != VLT_OK ||
        (status = rotate(s->k_rope_plan, p->k, a, err)) != VLT_OK) {
        return status;
    }
    vlt_decoder_block_append(a, p->k, 0, a->rows, s->kv_heads, s->head, a->k_cache);
    vlt_decoder_block_append(a, p->v, 0, a->rows, s->kv_heads, s->head, a->v_cache);
    vlt_attention_args attention = vlt_decoder_block_attention(a, p->q, p->mixed, s->heads,
                                                               s->head);
    status = vlt_plan_run(s->attention_plan, &attention, err);
    return status == VLT_OK ? vlt_linear_rows(s->o_plan, p->mixed, a->hidden, a->rows, true, err)
                            : status;
}

static vlt_status run_mlp(const struct state *s, const vlt_decoder_block_args *a,
                          const struct pieces *p, vlt_error *err)
{
    float *gate = p->q, *up = p->k;
    vlt_activation_args silu = {.x = gate,
                                .up = up,
                                .out = gate,
                                .rows = a->rows,
                                .x_stride = s->inner,
                                .up_stride = s->inner,
                                .out_stride = s->inner};
    vlt_status status;
    if ((status = vlt_norm_rows(s->post_norm_plan, a->hidden, p->x, a->rows, err)) != VLT_OK ||
        (status = vlt_linear_rows(s->gate_plan, p->x, gate, a->rows, false, err)) != VLT_OK ||
        (status = vlt_linear_rows(s->up_plan, p->x, up, a->rows, false, err)) != VLT_OK ||
        (status = vlt_plan_run(s->silu_plan, &silu, err)) != VLT_OK) {
        return status;
    }
    return vlt_linear_rows(s->down_plan, gate, a->hidden, a->rows, true, err);
}

static vlt_status run(vlt_plan *plan, const void *args, vlt_error *err)
{
    const struct state *s = plan->state;
    struct pieces pieces = take(s);
    vlt_status status = run_attention(s, args, &pieces, err);
    return status == VLT_OK ? run_mlp(s, args, &pieces, err) : status;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (!s) {
        return;
    }
    vlt_plan *const children[] = {
        s->input_norm_plan, s->post_norm_plan, s->q_norm_plan, s->k_norm_plan,    s->q_plan,
        s->k_plan,          s->v_plan,         s->o_plan,      s->gate_plan,      s->up_plan,
        s->down_plan,       s->q_rope_plan,    s->k_rope_plan, s->attention_plan, s->silu_plan};
    for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
        vlt_plan_destroy(children[i]);
    }
    vlt_lease_release(&s->lease);
    free(s);
}

VLT_VARIANT(decoder_block, baseline, .summary = "child plans one after the other",
            .applicable = vlt_decoder_block_applicable, .prepare = prepare, .run = run,
            .release = release);

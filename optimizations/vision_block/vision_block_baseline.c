/* The block as its formula reads, one child plan after the other, each over all rows. */
#include <stdlib.h>

#include "optimizations/activation/activation.h"
#include "optimizations/attention/attention.h"
#include "optimizations/core/memory.h"
#include "optimizations/linear/linear.h"
#include "optimizations/norm/norm.h"
#include "optimizations/rope/rope.h"
#include "optimizations/vision_block/vision_block.h"

struct state {
    vlt_norm_constants norm1, norm2;
    vlt_linear_constants qkv, proj, fc1, fc2;
    vlt_plan *norm1_plan, *norm2_plan, *qkv_plan, *proj_plan, *fc1_plan, *fc2_plan;
    vlt_plan *rope_plan, *attention_plan, *gelu_plan;
    vlt_lease lease;
    int64_t rows, width, heads, head, inner; /* of the problem */
};

static void bind(struct state *s, const vlt_problem *problem)
{
    const vlt_vision_block_constants *c = problem->constants;
    s->norm1 = (vlt_norm_constants){c->norm1_weight, c->norm1_bias, VLT_VISION_BLOCK_EPSILON};
    s->norm2 = (vlt_norm_constants){c->norm2_weight, c->norm2_bias, VLT_VISION_BLOCK_EPSILON};
    s->qkv = (vlt_linear_constants){c->qkv_weight, c->qkv_bias};
    s->proj = (vlt_linear_constants){c->proj_weight, c->proj_bias};
    s->fc1 = (vlt_linear_constants){c->fc1_weight, c->fc1_bias};
    s->fc2 = (vlt_linear_constants){c->fc2_weight, c->fc2_bias};
    s->rows = problem->dim[VLT_VISION_BLOCK_DIM_ROWS];
    s->width = problem->dim[VLT_VISION_BLOCK_DIM_WIDTH];
    s->heads = problem->dim[VLT_VISION_BLOCK_DIM_HEADS];
    s->head = s->width / s->heads;
    s->inner = problem->dim[VLT_VISION_BLOCK_DIM_INNER];
}

static vlt_status create_children(vlt_plan *plan, struct state *s, vlt_error *err)
{
    int64_t segment = plan->problem.dim[VLT_VISION_BLOCK_DIM_SEGMENT];
    vlt_dtype dtype = (vlt_dtype)plan->problem.dim[VLT_VISION_BLOCK_DIM_WEIGHTS];
    const struct {
        vlt_plan **out;
        vlt_problem problem;
    } children[] = {
        {&s->norm1_plan, vlt_norm_problem(s->rows, s->width, VLT_NORM_LAYER, &s->norm1)},
        {&s->norm2_plan, vlt_norm_problem(s->rows, s->width, VLT_NORM_LAYER, &s->norm2)},
        {&s->qkv_plan, vlt_linear_problem(s->rows, 3 * s->width, s->width, dtype, &s->qkv)},
        {&s->proj_plan, vlt_linear_problem(s->rows, s->width, s->width, dtype, &s->proj)},
        {&s->fc1_plan, vlt_linear_problem(s->rows, s->inner, s->width, dtype, &s->fc1)},
        {&s->fc2_plan, vlt_linear_problem(s->rows, s->width, s->inner, dtype, &s->fc2)},
        {&s->rope_plan, vlt_rope_problem(s->rows, 2 * s->heads, s->head)},
        {&s->attention_plan,
         vlt_attention_problem(segment, segment, s->heads, s->heads, s->head, false)},
        {&s->gelu_plan, vlt_activation_problem(s->rows, s->inner, VLT_ACTIVATION_GELU_TANH)},
    };
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof children / sizeof *children && status == VLT_OK; i++) {
        status = vlt_plan_create(plan->context, &children[i].problem, children[i].out, err);
    }
    return status;
}

/* Scratch of a run: `narrow` holds normalised rows, then the attention's output; `wide` holds
 * q | k | v, then the inner rows. */
static int64_t wide_width(const struct state *s)
{
    return s->inner > 3 * s->width ? s->inner : 3 * s->width;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    struct state *s = plan->state = calloc(1, sizeof *s);
    vlt_arena planned = {0};
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "vision_block: no memory for a plan");
    }
    bind(s, &plan->problem);
    vlt_arena_reserve(&planned, (size_t)(s->rows * s->width), sizeof(float));
    vlt_arena_reserve(&planned, (size_t)(s->rows * wide_width(s)), sizeof(float));
    vlt_status status = vlt_lease_init(&s->lease, plan->context, &planned, err);
    return status == VLT_OK ? create_children(plan, s, err) : status;
}

static vlt_status attend(struct state *s, const vlt_vision_block_args *a, float *qkv, float *out,
                         vlt_error *err)
{
    vlt_rope_args rope = {.x = qkv,
                          .cos = a->cos,
                          .sin = a->sin,
                          .rows = a->rows,
                          .x_row = 3 * s->width,
                          .x_head = s->head};
    vlt_status status = vlt_plan_run(s->rope_plan, &rope, err);
    int64_t first = 0;
    for (int i = 0; i < a->segments && status == VLT_OK; i++) {
        vlt_attention_args attention = vlt_vision_block_attention(
            qkv, out, first, a->segment_rows[i], s->width, s->head);
        status = vlt_plan_run(s->attention_plan, &attention, err);
        first += a->segment_rows[i];
    }
    return status;
}

static vlt_status run(vlt_plan *plan, const void *args, vlt_error *err)
{
    struct state *s = plan->state;
    const vlt_vision_block_args *a = args;
    vlt_arena arena = vlt_lease_view(&s->lease);
    float *narrow = vlt_arena_take(&arena, (size_t)(s->rows * s->width), sizeof(float));
    float *wide = vlt_arena_take(&arena, (size_t)(s->rows * wide_width(s)), sizeof(float));
    vlt_activation_args gelu = {
        .x = wide, .out = wide, .rows = a->rows, .x_stride = s->inner, .out_stride = s->inner};
    vlt_status status;

    if ((status = vlt_norm_rows(s->norm1_plan, a->hidden, narrow, a->rows, err)) != VLT_OK ||
        (status = vlt_linear_rows(s->qkv_plan, narrow, wide, a->rows, false, err)) != VLT_OK ||
        (status = attend(s, a, wide, narrow, err)) != VLT_OK ||
        (status = vlt_linear_rows(s->proj_plan, narrow, a->hidden, a->rows, true, err)) != VLT_OK ||
        (status = vlt_norm_rows(s->norm2_plan, a->hidden, narrow, a->rows, err)) != VLT_OK ||
        (status = vlt_linear_rows(s->fc1_plan, narrow, wide, a->rows, false, err)) != VLT_OK ||
        (status = vlt_plan_run(s->gelu_plan, &gelu, err)) != VLT_OK) {
        return status;
    }
    return vlt_linear_rows(s->fc2_plan, wide, a->hidden, a->rows, true, err);
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        vlt_plan_destroy(s->norm1_plan);
        vlt_plan_destroy(s->norm2_plan);
        vlt_plan_destroy(s->qkv_plan);
        vlt_plan_destroy(s->proj_plan);
        vlt_plan_destroy(s->fc1_plan);
        vlt_plan_destroy(s->fc2_plan);
        vlt_plan_destroy(s->rope_plan);
        vlt_plan_destroy(s->attention_plan);
        vlt_plan_destroy(s->gelu_plan);
        vlt_lease_release(&s->lease);
        free(s);
    }
}

VLT_VARIANT(vision_block, baseline, .summary = "child plans one after the other",
            .applicable = vlt_vision_block_applicable, .prepare = prepare, .run = run,
            .release = release);

#include "optimizations/vision_block/vision_block_parts.h"

#include <string.h>

#include "optimizations/activation/activation.h"
#include "optimizations/rope/rope.h"

static void bind(vlt_vision_block_parts *p, const vlt_problem *problem)
{
    const vlt_vision_block_constants *c = problem->constants;
    p->norm1 = (vlt_norm_constants){c->norm1_weight, c->norm1_bias, VLT_VISION_BLOCK_EPSILON};
    p->norm2 = (vlt_norm_constants){c->norm2_weight, c->norm2_bias, VLT_VISION_BLOCK_EPSILON};
    p->qkv = (vlt_linear_constants){c->qkv_weight, c->qkv_bias};
    p->proj = (vlt_linear_constants){c->proj_weight, c->proj_bias};
    p->fc1 = (vlt_linear_constants){c->fc1_weight, c->fc1_bias};
    p->fc2 = (vlt_linear_constants){c->fc2_weight, c->fc2_bias};
    p->rows = problem->dim[VLT_VISION_BLOCK_DIM_ROWS];
    p->width = problem->dim[VLT_VISION_BLOCK_DIM_WIDTH];
    p->heads = problem->dim[VLT_VISION_BLOCK_DIM_HEADS];
    p->head = p->width / p->heads;
    p->inner = problem->dim[VLT_VISION_BLOCK_DIM_INNER];
}

vlt_status vlt_vision_block_parts_init(vlt_vision_block_parts *p, vlt_plan *plan,
                                       vlt_context *context, int64_t rows, vlt_error *err)
{
    int64_t segment = plan->problem.dim[VLT_VISION_BLOCK_DIM_SEGMENT];
    bind(p, &plan->problem);
    const vlt_problem problem[VLT_VISION_CHILDREN] = {
        [VLT_VISION_NORM1] = vlt_norm_problem(rows, p->width, VLT_NORM_LAYER, &p->norm1),
        [VLT_VISION_QKV] = vlt_linear_problem(rows, &p->qkv),
        [VLT_VISION_ROPE] = vlt_rope_problem(rows, 2 * p->heads, p->head),
        [VLT_VISION_PROJ] = vlt_linear_problem(rows, &p->proj),
        [VLT_VISION_NORM2] = vlt_norm_problem(rows, p->width, VLT_NORM_LAYER, &p->norm2),
        [VLT_VISION_FC1] = vlt_linear_problem(rows, &p->fc1),
        [VLT_VISION_GELU] = vlt_activation_problem(rows, p->inner, VLT_ACTIVATION_GELU_TANH),
        [VLT_VISION_FC2] = vlt_linear_problem(rows, &p->fc2),
    };
    const vlt_problem attention = vlt_attention_problem(segment, segment, p->heads, p->heads,
                                                        p->head, false, VLT_FORMAT_F32);
    vlt_status status = vlt_children_create(context, problem, VLT_VISION_CHILDREN, p->child, err);
    if (status == VLT_OK) {
        status = vlt_plan_create(plan->context, &attention, &p->child[VLT_VISION_ATTENTION], err);
    }
    p->qkv_step = (vlt_linear_step){
        .norm = p->child[VLT_VISION_NORM1], .product = {p->child[VLT_VISION_QKV]}, .products = 1};
    p->fc1_step = (vlt_linear_step){.norm = p->child[VLT_VISION_NORM2],
                                    .product = {p->child[VLT_VISION_FC1]},
                                    .products = 1,
                                    .activation = p->child[VLT_VISION_GELU]};
    return status;
}

void vlt_vision_block_parts_join(vlt_vision_block_parts *p)
{
    vlt_linear_step_join(&p->qkv_step);
    vlt_linear_step_join(&p->fc1_step);
}

void vlt_vision_block_parts_adopt(const vlt_vision_block_parts *p, vlt_plan *plan)
{
    vlt_plan_adopt(plan, p->child, VLT_VISION_CHILDREN);
}

void vlt_vision_block_parts_release(vlt_vision_block_parts *p)
{
    vlt_children_destroy(p->child, VLT_VISION_CHILDREN);
}

size_t vlt_vision_block_parts_scratch(const vlt_vision_block_parts *p)
{
    vlt_plan *child[VLT_VISION_CHILDREN];
    memcpy(child, p->child, sizeof child);
    child[VLT_VISION_ATTENTION] = NULL;
    return vlt_children_scratch(child, VLT_VISION_CHILDREN);
}

vlt_status vlt_vision_block_before(const vlt_vision_block_parts *p, vlt_frame frame,
                                   const vlt_vision_block_args *args, int64_t row, int64_t rows,
                                   float *narrow, float *qkv, vlt_error *err)
{
    const vlt_linear_step_args step = {
        .x = args->hidden + row * p->width, .normed = narrow, .y = {qkv}, .rows = rows};
    const vlt_rope_args rope = {.x = qkv,
                                .cos = args->cos + row * (p->head / 2),
                                .sin = args->sin + row * (p->head / 2),
                                .rows = rows,
                                .x_row = 3 * p->width,
                                .x_head = p->head};
    vlt_status status = vlt_linear_step_run(&p->qkv_step, frame, &step, err);
    return status == VLT_OK ? vlt_plan_run(p->child[VLT_VISION_ROPE], frame, &rope, err) : status;
}

vlt_status vlt_vision_block_attend(const vlt_vision_block_parts *p, vlt_frame frame,
                                   const vlt_vision_block_args *args, const float *qkv,
                                   float *mixed, vlt_error *err)
{
    enum { TOGETHER = 32 };
    vlt_attention_args attention[TOGETHER];
    vlt_status status = VLT_OK;
    int64_t first = 0;
    for (int i = 0; i < args->segments && status == VLT_OK; i += TOGETHER) {
        const int count = args->segments - i < TOGETHER ? args->segments - i : TOGETHER;
        for (int k = 0; k < count; k++) {
            attention[k] = vlt_vision_block_attention(qkv, mixed, first, args->segment_rows[i + k],
                                                      p->width, p->head);
            first += args->segment_rows[i + k];
        }
        attention[0].more = count - 1;
        status = vlt_plan_run(p->child[VLT_VISION_ATTENTION], frame, attention, err);
    }
    return status;
}

vlt_status vlt_vision_block_after(const vlt_vision_block_parts *p, vlt_frame frame,
                                  const vlt_vision_block_args *args, int64_t row, int64_t rows,
                                  const float *mixed, float *narrow, float *wide, vlt_error *err)
{
    float *hidden = args->hidden + row * p->width;
    const vlt_linear_step_args step = {.x = hidden, .normed = narrow, .y = {wide}, .rows = rows};
    vlt_status status = vlt_linear_rows(p->child[VLT_VISION_PROJ], frame, mixed, hidden, rows, true,
                                        err);
    if (status == VLT_OK) {
        status = vlt_linear_step_run(&p->fc1_step, frame, &step, err);
    }
    return status == VLT_OK
               ? vlt_linear_rows(p->child[VLT_VISION_FC2], frame, wide, hidden, rows, true, err)
               : status;
}

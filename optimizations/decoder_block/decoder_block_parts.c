#include "optimizations/decoder_block/decoder_block_parts.h"

#include "optimizations/activation/activation.h"
#include "optimizations/rope/rope.h"

static void bind(vlt_decoder_block_parts *p, const vlt_problem *problem)
{
    const vlt_decoder_block_constants *c = problem->constants;
    const int64_t *dim = problem->dim;
    p->input_norm = (vlt_norm_constants){.weight = c->input_norm, .epsilon = c->epsilon};
    p->post_norm = (vlt_norm_constants){.weight = c->post_norm, .epsilon = c->epsilon};
    p->q_norm = (vlt_norm_constants){.weight = c->q_norm, .epsilon = c->epsilon};
    p->k_norm = (vlt_norm_constants){.weight = c->k_norm, .epsilon = c->epsilon};
    p->q.weight = c->q_weight;
    p->k.weight = c->k_weight;
    p->v.weight = c->v_weight;
    p->o.weight = c->o_weight;
    p->gate.weight = c->gate_weight;
    p->up.weight = c->up_weight;
    p->down.weight = c->down_weight;
    p->rows = dim[VLT_DECODER_BLOCK_DIM_ROWS];
    p->width = dim[VLT_DECODER_BLOCK_DIM_WIDTH];
    p->heads = dim[VLT_DECODER_BLOCK_DIM_HEADS];
    p->kv_heads = dim[VLT_DECODER_BLOCK_DIM_KV_HEADS];
    p->head = dim[VLT_DECODER_BLOCK_DIM_HEAD];
    p->inner = dim[VLT_DECODER_BLOCK_DIM_INNER];
    p->q_width = p->heads * p->head;
    p->kv_width = p->kv_heads * p->head;
}

static void set_steps(vlt_decoder_block_parts *p)
{
    vlt_plan *const *child = p->child;
    p->qkv_step = (vlt_linear_step){
        .norm = child[VLT_DECODER_INPUT_NORM],
        .product = {child[VLT_DECODER_Q], child[VLT_DECODER_K], child[VLT_DECODER_V]},
        .products = 3};
    p->inner_step = (vlt_linear_step){.norm = child[VLT_DECODER_POST_NORM],
                                      .product = {child[VLT_DECODER_GATE], child[VLT_DECODER_UP]},
                                      .products = 2,
                                      .activation = child[VLT_DECODER_SILU]};
}

vlt_status vlt_decoder_block_parts_init(vlt_decoder_block_parts *p, vlt_plan *plan,
                                        vlt_context *context, int64_t rows, vlt_error *err)
{
    vlt_format cache = (vlt_format)plan->problem.dim[VLT_DECODER_BLOCK_DIM_CACHE];
    bind(p, &plan->problem);
    const vlt_problem problem[VLT_DECODER_CHILDREN] = {
        [VLT_DECODER_INPUT_NORM] = vlt_norm_problem(rows, p->width, VLT_NORM_RMS, &p->input_norm),
        [VLT_DECODER_Q] = vlt_linear_problem(rows, &p->q),
        [VLT_DECODER_K] = vlt_linear_problem(rows, &p->k),
        [VLT_DECODER_V] = vlt_linear_problem(rows, &p->v),
        [VLT_DECODER_Q_NORM] = vlt_norm_problem(rows * p->heads, p->head, VLT_NORM_RMS, &p->q_norm),
        [VLT_DECODER_K_NORM] = vlt_norm_problem(rows * p->kv_heads, p->head, VLT_NORM_RMS,
                                                &p->k_norm),
        [VLT_DECODER_Q_ROPE] = vlt_rope_problem(rows, p->heads, p->head),
        [VLT_DECODER_K_ROPE] = vlt_rope_problem(rows, p->kv_heads, p->head),
        [VLT_DECODER_O] = vlt_linear_problem(rows, &p->o),
        [VLT_DECODER_POST_NORM] = vlt_norm_problem(rows, p->width, VLT_NORM_RMS, &p->post_norm),
        [VLT_DECODER_GATE] = vlt_linear_problem(rows, &p->gate),
        [VLT_DECODER_UP] = vlt_linear_problem(rows, &p->up),
        [VLT_DECODER_SILU] = vlt_activation_problem(rows, p->inner, VLT_ACTIVATION_SILU_MUL),
        [VLT_DECODER_DOWN] = vlt_linear_problem(rows, &p->down),
    };
    vlt_problem attention = vlt_attention_problem(p->rows,
                                                  plan->problem.dim[VLT_DECODER_BLOCK_DIM_CONTEXT],
                                                  p->heads, p->kv_heads, p->head, true, cache);
    vlt_status status = vlt_children_create(context, problem, VLT_DECODER_CHILDREN, p->child, err);
    if (status == VLT_OK) {
        status = vlt_plan_create(plan->context, &attention, &p->child[VLT_DECODER_ATTENTION], err);
    }
    if (status == VLT_OK && p->rows > 1) {
        attention.dim[VLT_ATTENTION_DIM_Q_ROWS] = 1;
        status = vlt_plan_create(plan->context, &attention, &p->step, err);
    }
    set_steps(p);
    return status;
}

void vlt_decoder_block_parts_join(vlt_decoder_block_parts *p)
{
    vlt_linear_step_join(&p->qkv_step);
    vlt_linear_step_join(&p->inner_step);
}

void vlt_decoder_block_parts_adopt(const vlt_decoder_block_parts *p, vlt_plan *plan)
{
    vlt_format cache = (vlt_format)plan->problem.dim[VLT_DECODER_BLOCK_DIM_CACHE];
    vlt_plan_adopt(plan, p->child, VLT_DECODER_CHILDREN);
    const double loss = p->child[VLT_DECODER_ATTENTION]->loss;
    plan->loss += p->step && p->step->loss > loss ? p->step->loss - loss : 0;
    plan->loss += vlt_kv_format_find(cache)->loss;
    plan->tolerance += vlt_kv_format_find(cache)->loss;
}

void vlt_decoder_block_parts_release(vlt_decoder_block_parts *p)
{
    vlt_children_destroy(p->child, VLT_DECODER_CHILDREN);
    vlt_children_destroy(&p->step, 1);
}

size_t vlt_decoder_block_attention_scratch(const vlt_decoder_block_parts *p)
{
    vlt_plan *const attention[] = {p->child[VLT_DECODER_ATTENTION], p->step};
    return vlt_children_scratch(attention, 2);
}

size_t vlt_decoder_block_parts_scratch(const vlt_decoder_block_parts *p)
{
    vlt_plan *child[VLT_DECODER_CHILDREN];
    memcpy(child, p->child, sizeof child);
    child[VLT_DECODER_ATTENTION] = NULL;
    return vlt_children_scratch(child, VLT_DECODER_CHILDREN);
}

static vlt_status norm_and_rotate(const vlt_decoder_block_parts *p, vlt_frame frame, int norm,
                                  int rope, const vlt_decoder_block_rows *r, float *x,
                                  int64_t heads, vlt_error *err)
{
    const vlt_rope_args args = {.x = x,
                                .cos = r->args->cos + r->row * (p->head / 2),
                                .sin = r->args->sin + r->row * (p->head / 2),
                                .rows = r->rows,
                                .x_row = heads * p->head,
                                .x_head = p->head};
    vlt_status status = vlt_norm_rows(p->child[norm], frame, x, x, r->rows * heads, err);
    return status == VLT_OK ? vlt_plan_run(p->child[rope], frame, &args, err) : status;
}

/* Rows [row, row + rows) of the run into the caches of the slots that they belong to. */
static void append(const vlt_decoder_block_parts *p, const vlt_decoder_block_rows *r,
                   const float *k, const float *v)
{
    const vlt_decoder_block_args *args = r->args;
    int64_t begin = 0; /* of the slot */
    for (int i = 0; i < args->slots; i++) {
        const vlt_kv_slot *slot = &args->slot[i];
        int64_t from = r->row > begin ? r->row : begin, end = begin + slot->rows;
        int64_t to = r->row + r->rows < end ? r->row + r->rows : end;
        if (from < to) {
            vlt_kv_cache_append(slot->cache, args->layer, slot->first + from - begin, to - from,
                                k + (from - r->row) * p->kv_width,
                                v + (from - r->row) * p->kv_width);
        }
        begin = end;
    }
}

vlt_status vlt_decoder_block_before(const vlt_decoder_block_parts *p, vlt_frame frame,
                                    const vlt_decoder_block_rows *r, float *q, vlt_error *err)
{
    const vlt_linear_step_args step = {.x = r->args->hidden + r->row * p->width,
                                       .normed = r->x,
                                       .y = {q, r->k, r->v},
                                       .rows = r->rows};
    vlt_status status;
    if ((status = vlt_linear_step_run(&p->qkv_step, frame, &step, err)) != VLT_OK ||
        (status = norm_and_rotate(p, frame, VLT_DECODER_Q_NORM, VLT_DECODER_Q_ROPE, r, q, p->heads,
                                  err)) != VLT_OK ||
        (status = norm_and_rotate(p, frame, VLT_DECODER_K_NORM, VLT_DECODER_K_ROPE, r, r->k,
                                  p->kv_heads, err)) != VLT_OK) {
        return status;
    }
    append(p, r, r->k, r->v);
    return VLT_OK;
}

static vlt_attention_args attention_of(const vlt_decoder_block_parts *p,
                                       const vlt_decoder_block_args *args, int slot, const float *q,
                                       float *mixed)
{
    const vlt_kv_slot *s = &args->slot[slot];
    return (vlt_attention_args){.q = q,
                                .k = vlt_kv_cache_keys(s->cache, args->layer),
                                .v = vlt_kv_cache_values(s->cache, args->layer),
                                .out = mixed,
                                .q_rows = s->rows,
                                .kv_rows = s->first + s->rows,
                                .q_first = s->first,
                                .q_row = p->q_width,
                                .q_head = p->head,
                                .out_row = p->q_width,
                                .out_head = p->head};
}

/* A step of several sequences, one row each. */
static bool is_step(const vlt_decoder_block_parts *p, const vlt_decoder_block_args *args)
{
    bool single = p->step && args->slots > 1;
    for (int i = 0; i < args->slots && single; i++) {
        single = args->slot[i].rows == 1;
    }
    return single;
}

vlt_status vlt_decoder_block_attend(const vlt_decoder_block_parts *p, vlt_frame frame,
                                    const vlt_decoder_block_args *args, const float *q,
                                    float *mixed, vlt_error *err)
{
    enum { TOGETHER = 32 };
    const vlt_plan *plan = is_step(p, args) ? p->step : p->child[VLT_DECODER_ATTENTION];
    vlt_attention_args attention[TOGETHER];
    vlt_status status = VLT_OK;
    int64_t at = 0; /* of the slot's first row */
    for (int i = 0; i < args->slots && status == VLT_OK; i += TOGETHER) {
        const int count = args->slots - i < TOGETHER ? args->slots - i : TOGETHER;
        for (int k = 0; k < count; k++) {
            attention[k] = attention_of(p, args, i + k, q + at, mixed + at);
            at += args->slot[i + k].rows * p->q_width;
        }
        attention[0].more = count - 1;
        status = vlt_plan_run(plan, frame, attention, err);
    }
    return status;
}

vlt_status vlt_decoder_block_after(const vlt_decoder_block_parts *p, vlt_frame frame,
                                   const vlt_decoder_block_rows *r, const float *mixed,
                                   vlt_error *err)
{
    vlt_plan *const *child = p->child;
    float *hidden = r->args->hidden + r->row * p->width;
    const vlt_linear_step_args step = {
        .x = hidden, .normed = r->x, .y = {r->gate, r->up}, .rows = r->rows};
    vlt_status status = vlt_linear_rows(child[VLT_DECODER_O], frame, mixed, hidden, r->rows, true,
                                        err);
    if (status == VLT_OK) {
        status = vlt_linear_step_run(&p->inner_step, frame, &step, err);
    }
    return status == VLT_OK ? vlt_linear_rows(child[VLT_DECODER_DOWN], frame, r->gate, hidden,
                                              r->rows, true, err)
                            : status;
}

#include "optimizations/linear/linear_step.h"

#include "optimizations/activation/activation.h"
#include "optimizations/norm/norm.h"

/* May one run make both? Knobs such as the depth of a block decide about bits. */
static bool goes_with(const vlt_plan *a, const vlt_plan *b)
{
    bool same = a->variant == b->variant && a->context == b->context &&
                a->problem.dim[VLT_LINEAR_DIM_M] == b->problem.dim[VLT_LINEAR_DIM_M] &&
                a->problem.dim[VLT_LINEAR_DIM_K] == b->problem.dim[VLT_LINEAR_DIM_K] &&
                a->problem.dim[VLT_LINEAR_DIM_WEIGHTS] == b->problem.dim[VLT_LINEAR_DIM_WEIGHTS];
    for (int i = 0; i < a->variant->knob_count && same; i++) {
        same = vlt_plan_knob(a, i) == vlt_plan_knob(b, i);
    }
    return same;
}

/* As many products as the activation has arguments, equally wide. */
static bool suits_activation(const vlt_linear_step *step)
{
    const int64_t width = step->activation->problem.dim[VLT_ACTIVATION_DIM_WIDTH];
    bool suits = step->products == (vlt_activation_is_gated(step->activation) ? 2 : 1);
    for (int i = 0; i < step->products; i++) {
        suits = suits && step->product[i]->problem.dim[VLT_LINEAR_DIM_N] == width;
    }
    return suits;
}

void vlt_linear_step_join(vlt_linear_step *step)
{
    const unsigned takes = step->product[0]->variant->takes;
    bool together = step->products == 1 || (takes & VLT_LINEAR_TAKES_OTHERS);
    for (int i = 1; i < step->products; i++) {
        together = together && goes_with(step->product[0], step->product[i]);
    }
    step->taken = 0;
    if (!together) {
        return;
    }
    step->taken |= step->products > 1 ? VLT_LINEAR_TAKES_OTHERS : 0;
    if (step->norm && vlt_plan_scratch(step->norm) == 0) {
        step->taken |= takes & VLT_LINEAR_TAKES_NORM;
    }
    if (step->activation && vlt_plan_scratch(step->activation) == 0 && suits_activation(step)) {
        step->taken |= takes & VLT_LINEAR_TAKES_ACTIVATION;
    }
}

/* What the first product's run does besides. */
static void count_taken(const vlt_linear_step *step)
{
    for (int i = 1; i < step->products; i++) {
        vlt_plan_count_run(step->product[i]);
    }
    if (step->taken & VLT_LINEAR_TAKES_NORM) {
        vlt_plan_count_run(step->norm);
    }
    if (step->taken & VLT_LINEAR_TAKES_ACTIVATION) {
        vlt_plan_count_run(step->activation);
    }
}

static vlt_status run_together(const vlt_linear_step *step, vlt_frame frame, const float *x,
                               const vlt_linear_step_args *a, vlt_error *err)
{
    vlt_linear_other other[VLT_LINEAR_OTHERS_MAX];
    for (int i = 1; i < step->products; i++) {
        const vlt_plan *plan = step->product[i];
        other[i - 1] = (vlt_linear_other){plan, a->y[i], plan->problem.dim[VLT_LINEAR_DIM_N]};
    }
    const vlt_plan *first = step->product[0];
    const vlt_linear_args args = {
        .x = x,
        .y = a->y[0],
        .rows = a->rows,
        .x_stride = first->problem.dim[VLT_LINEAR_DIM_K],
        .y_stride = first->problem.dim[VLT_LINEAR_DIM_N],
        .norm = step->taken & VLT_LINEAR_TAKES_NORM ? step->norm : NULL,
        .activation = step->taken & VLT_LINEAR_TAKES_ACTIVATION ? step->activation : NULL,
        .other = other,
        .others = step->products - 1};
    count_taken(step);
    return vlt_plan_run(first, frame, &args, err);
}

static vlt_status activate(const vlt_linear_step *step, vlt_frame frame,
                           const vlt_linear_step_args *a, vlt_error *err)
{
    const int64_t width = step->activation->problem.dim[VLT_ACTIVATION_DIM_WIDTH];
    const vlt_activation_args args = {.x = a->y[0],
                                      .up = vlt_activation_is_gated(step->activation) ? a->y[1]
                                                                                      : NULL,
                                      .out = a->y[0],
                                      .rows = a->rows,
                                      .x_stride = width,
                                      .up_stride = width,
                                      .out_stride = width};
    return vlt_plan_run(step->activation, frame, &args, err);
}

vlt_status vlt_linear_step_run(const vlt_linear_step *step, vlt_frame frame,
                               const vlt_linear_step_args *a, vlt_error *err)
{
    const float *x = a->x;
    vlt_status status = VLT_OK;
    if (step->norm && !(step->taken & VLT_LINEAR_TAKES_NORM)) {
        status = vlt_norm_rows(step->norm, frame, x, a->normed, a->rows, err);
        x = a->normed;
    }
    if (status == VLT_OK && (step->products == 1 || step->taken & VLT_LINEAR_TAKES_OTHERS)) {
        status = run_together(step, frame, x, a, err);
    } else {
        for (int i = 0; i < step->products && status == VLT_OK; i++) {
            status = vlt_linear_rows(step->product[i], frame, x, a->y[i], a->rows, false, err);
        }
    }
    if (status == VLT_OK && step->activation && !(step->taken & VLT_LINEAR_TAKES_ACTIVATION)) {
        status = activate(step, frame, a, err);
    }
    return status;
}

/* A variant at small and odd problems of the kind that it will do. */
#include "harness/measure/oracle.h"

#include "optimizations/attention/attention.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/linear/linear.h"

enum { EDGES = 3 };

/* What a baseline run at an edge may take. */
static const double edge_s = 0.1;

/* The first size becomes few rows; widths of leaves shrink where that leaves the kind as it is. */
static void shrink(vlt_problem *problem, int edge)
{
    static const int64_t rows[EDGES] = {1, 7, 37}, outputs[EDGES] = {67, 130, 33},
                         inputs[EDGES] = {129, 64, 200}, keys[EDGES] = {37, 7, 150};
    int64_t *dim = problem->dim;
    if (problem->op == &vlt_op_linear) {
        dim[VLT_LINEAR_DIM_M] = rows[edge];
        if (vlt_format_plain((vlt_format)dim[VLT_LINEAR_DIM_WEIGHTS])) {
            dim[VLT_LINEAR_DIM_N] = outputs[edge];
            dim[VLT_LINEAR_DIM_K] = inputs[edge];
        }
    } else if (problem->op == &vlt_op_attention) {
        int64_t group = dim[VLT_ATTENTION_DIM_HEADS] / dim[VLT_ATTENTION_DIM_KV_HEADS];
        dim[VLT_ATTENTION_DIM_Q_ROWS] = rows[edge];
        dim[VLT_ATTENTION_DIM_KV_ROWS] = keys[edge];
        dim[VLT_ATTENTION_DIM_KV_HEADS] = 1;
        dim[VLT_ATTENTION_DIM_HEADS] = group;
    } else if (problem->op->dims[0].rule == VLT_DIM_POW2 && problem->op->dim_count > 1 &&
               problem->op->dims[1].rule == VLT_DIM_EXACT) {
        dim[0] = rows[edge] < dim[0] ? rows[edge] : dim[0]; /* rows of one width */
    }
}

/* Is the edge one that the variant is meant for, and quick enough? */
static bool worth(vlt_context *context, const vlt_problem *edge, const vlt_variant *variant,
                  const vlt_binding *binding)
{
    return vlt_problem_check(edge, NULL) == VLT_OK && vlt_baseline_guess_s(edge) <= edge_s &&
           vlt_registry_applicable(variant, edge, context->caps, NULL) &&
           (!variant->valid || variant->valid(edge, context->caps, binding));
}

vlt_status vlt_edges_check(vlt_context *context, const vlt_problem *problem,
                           const vlt_variant *variant, const vlt_binding *binding, uint64_t seed,
                           vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int edge = 0; edge < EDGES && status == VLT_OK; edge++) {
        vlt_problem small = *problem;
        small.constants = NULL;
        shrink(&small, edge);
        if (worth(context, &small, variant, binding)) {
            status = vlt_verify(context, &small, variant, binding, seed + (uint64_t)edge, NULL,
                                err);
        }
    }
    return status;
}

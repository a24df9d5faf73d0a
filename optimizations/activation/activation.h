/* activation.h: the nonlinear functions between two linear layers, element by element.
 *
 *   gelu_tanh  out = 0.5 x (1 + tanh(0.7978845608028654 (x + 0.044715 x^3)))     vision blocks
 *   gelu_erf   out = 0.5 x (1 + erf(x / sqrt(2)))                                mergers
 *   silu_mul   out = x / (1 + exp(-x)) * up                                      decoder layers
 * Source: harness/model/README.md#vision-block, #mergers and #decoder-layer. A NaN gives a NaN;
 * +-infinity the limit of the function (gelu of -infinity is NaN as in the formula for tanh and
 * erf, silu of it is NaN).
 *
 * Tolerance: 1e-6 of the largest baseline value (the vector forms use polynomials of their own).
 * Cost: counted as 8 flops an element; bytes: inputs and output once.
 */
#ifndef VLT_ACTIVATION_H
#define VLT_ACTIVATION_H

#include "optimizations/core/plan.h"

enum { VLT_ACTIVATION_GELU_TANH, VLT_ACTIVATION_GELU_ERF, VLT_ACTIVATION_SILU_MUL };

/* Dimensions. rows is the most a run may ask for. */
enum { VLT_ACTIVATION_DIM_ROWS, VLT_ACTIVATION_DIM_WIDTH, VLT_ACTIVATION_DIM_KIND };

/* Strides in elements. out may be x, or up, where the strides are equal. Elements do not depend on
 * each other: pieces of rows give the bits of whole ones. */
typedef struct vlt_activation_args {
    const float *x;  /* [rows, width] */
    const float *up; /* [rows, width]; silu_mul only, else NULL */
    float *out;      /* [rows, width] */
    int64_t rows;    /* <= the problem's rows */
    int64_t x_stride, up_stride, out_stride;
    int64_t width; /* of a piece of the rows, at most the problem's; 0: the problem's */
} vlt_activation_args;

extern const vlt_op vlt_op_activation;

/* Does it have two arguments? The plan may be NULL, which has none. */
static inline bool vlt_activation_is_gated(const vlt_plan *plan)
{
    return plan && plan->problem.dim[VLT_ACTIVATION_DIM_KIND] == VLT_ACTIVATION_SILU_MUL;
}

/* Elements of a row that a run works on. */
static inline int64_t vlt_activation_width(const vlt_plan *plan, const vlt_activation_args *args)
{
    return args->width ? args->width : plan->problem.dim[VLT_ACTIVATION_DIM_WIDTH];
}

static inline vlt_problem vlt_activation_problem(int64_t rows, int64_t width, int kind)
{
    return (vlt_problem){.op = &vlt_op_activation, .dim = {rows, width, kind}};
}

#endif

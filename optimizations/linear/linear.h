/* linear.h: y = x W^T (+ bias), the matrix product under everything.
 *
 *   y[r, o] = sum_i x[r, i] * W[o, i] + bias[o]
 * W is a matrix [out, in] as the checkpoint has it, mapped and immutable, in any format of
 * core/matrix.h; x, y and the sums are f32. Source: harness/model/README.md#tensors.
 *
 * Tolerance: 2e-5 of the largest baseline value (order of summation). A variant that rounds W or x
 * declares its loss.
 * Cost: 2 m n k flops; bytes: W once, x and y once.
 */
#ifndef VLT_LINEAR_H
#define VLT_LINEAR_H

#include "optimizations/core/matrix.h"
#include "optimizations/core/plan.h"

#define VLT_LINEAR_TOLERANCE 2e-5

/* m: rows, at most (1 is decoding); n: outputs; k: inputs; weights: vlt_format of W. */
enum { VLT_LINEAR_DIM_M, VLT_LINEAR_DIM_N, VLT_LINEAR_DIM_K, VLT_LINEAR_DIM_WEIGHTS };

typedef struct vlt_linear_constants {
    vlt_matrix weight; /* [n, k] */
    const float *bias; /* [n] or NULL */
} vlt_linear_constants;

/* What stands around products in a block and may be done with them, while rows and outputs lie in
 * the caches: bits of vlt_variant.takes, for the arguments named here. A variant takes all of them,
 * some or none; who asks looks first (linear_step.h). */
enum {
    VLT_LINEAR_TAKES_NORM = 1,       /* norm */
    VLT_LINEAR_TAKES_OTHERS = 2,     /* other */
    VLT_LINEAR_TAKES_ACTIVATION = 4, /* activation */
    VLT_LINEAR_OTHERS_MAX = 2
};

/* Another product of the same rows. */
typedef struct vlt_linear_other {
    const vlt_plan *plan; /* of the same variant, knobs, context, m, k and format of W */
    float *y;             /* [rows, n of the plan], row stride y_stride elements */
    int64_t y_stride;
} vlt_linear_other;

/* x and y must not overlap. accumulate: y += instead of y = (residual connections); neither with an
 * activation nor with others. The plans of norm and activation need no scratch. */
typedef struct vlt_linear_args {
    const float *x; /* [rows, k], row stride x_stride elements */
    float *y;       /* [rows, n], row stride y_stride elements */
    int64_t rows;   /* 1 .. m */
    int64_t x_stride;
    int64_t y_stride;
    bool accumulate;
    const vlt_plan *norm;       /* of `norm`, k wide: what is multiplied is norm(x); or NULL */
    const vlt_plan *activation; /* of `activation`, n wide: y = activation(y), or where it has two
                                   arguments of y and the other product; or NULL */
    const vlt_linear_other *other; /* [others]; with an activation of two arguments there is one, of
                                      n outputs, and its y is not written */
    int others;                    /* 0 .. VLT_LINEAR_OTHERS_MAX */
} vlt_linear_args;

extern const vlt_op vlt_op_linear;

/* The product for up to m rows; n, k and the format are the matrix's. */
static inline vlt_problem vlt_linear_problem(int64_t m, const vlt_linear_constants *constants)
{
    const vlt_matrix *w = &constants->weight;
    return (vlt_problem){
        .op = &vlt_op_linear, .dim = {m, w->rows, w->columns, w->format}, .constants = constants};
}

/* The `applicable` of variants that widen BF16, F16 or F32 weights as they come. */
bool vlt_linear_plain(const vlt_problem *problem, const vlt_caps *caps, char *reason);

/* y[rows, n] = x[rows, k] W^T + bias, or y += of it, rows without gaps. */
static inline vlt_status vlt_linear_rows(const vlt_plan *plan, vlt_frame frame, const float *x,
                                         float *y, int64_t rows, bool accumulate, vlt_error *err)
{
    const vlt_linear_args args = {.x = x,
                                  .y = y,
                                  .rows = rows,
                                  .x_stride = plan->problem.dim[VLT_LINEAR_DIM_K],
                                  .y_stride = plan->problem.dim[VLT_LINEAR_DIM_N],
                                  .accumulate = accumulate};
    return vlt_plan_run(plan, frame, &args, err);
}

#endif

/* norm.h: RMSNorm and LayerNorm over rows.
 *
 *   rms    y[r,i] = weight[i] * x[r,i] / sqrt(mean_i(x[r,i]^2) + epsilon)
 *   layer  y[r,i] = weight[i] * (x[r,i] - mean) / sqrt(variance + epsilon) + bias[i]
 *
 * with the biased variance, the mean of the squared deviations. All arithmetic in f32.
 * Source: harness/model/README.md#vision-block (layer) and #rmsnorm.
 *
 * Tolerance: 4e-6 of the largest baseline value (the sums are taken in another order).
 * Cost: rms 3, layer 5 flops an element; bytes: x and y once.
 */
#ifndef VLT_NORM_H
#define VLT_NORM_H

#include "optimizations/core/plan.h"

enum { VLT_NORM_RMS, VLT_NORM_LAYER };

/* Dimensions. rows is the most a run may ask for. */
enum { VLT_NORM_DIM_ROWS, VLT_NORM_DIM_WIDTH, VLT_NORM_DIM_KIND };

typedef struct vlt_norm_constants {
    const float *weight; /* [width] */
    const float *bias;   /* [width]; layer only, else NULL */
    float epsilon;
} vlt_norm_constants;

/* Row r of x begins at x + r * x_stride, in elements; out may be x when the strides are equal. */
typedef struct vlt_norm_args {
    const float *x; /* [rows, width] */
    float *out;     /* [rows, width] */
    int64_t rows;   /* <= the problem's rows */
    int64_t x_stride;
    int64_t out_stride;
} vlt_norm_args;

extern const vlt_op vlt_op_norm;

static inline vlt_problem vlt_norm_problem(int64_t rows, int64_t width, int kind,
                                           const vlt_norm_constants *constants)
{
    return (vlt_problem){.op = &vlt_op_norm, .dim = {rows, width, kind}, .constants = constants};
}

/* out[rows, width] = norm(x[rows, width]), rows without gaps; in place where out is x. */
static inline vlt_status vlt_norm_rows(const vlt_plan *plan, vlt_frame frame, const float *x,
                                       float *out, int64_t rows, vlt_error *err)
{
    int64_t width = plan->problem.dim[VLT_NORM_DIM_WIDTH];
    const vlt_norm_args args = {
        .x = x, .out = out, .rows = rows, .x_stride = width, .out_stride = width};
    return vlt_plan_run(plan, frame, &args, err);
}

#endif

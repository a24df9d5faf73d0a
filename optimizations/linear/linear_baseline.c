/* One dot product after the other, in f32. Each row of the weights is widened to f32 once and
 * meets all rows of x. */
#include "optimizations/linear/linear.h"

static float dot(const float *x, const float *weight, int64_t k)
{
    float sum = 0;
    for (int64_t i = 0; i < k; i++) {
        sum += x[i] * weight[i];
    }
    return sum;
}

static size_t scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)plan->problem.dim[VLT_LINEAR_DIM_K], sizeof(float));
    return bytes;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_linear_args *a = args;
    const vlt_linear_constants *constants = plan->problem.constants;
    int64_t n = plan->problem.dim[VLT_LINEAR_DIM_N], k = plan->problem.dim[VLT_LINEAR_DIM_K];
    float *weight = vlt_frame_take(&frame, (size_t)k, sizeof *weight);

    for (int64_t o = 0; o < n; o++) {
        vlt_matrix_row(&constants->weight, o, weight);
        float bias = constants->bias ? constants->bias[o] : 0;
        for (int64_t r = 0; r < a->rows; r++) {
            float *y = a->y + r * a->y_stride + o;
            float value = dot(a->x + r * a->x_stride, weight, k) + bias;
            *y = a->accumulate ? *y + value : value;
        }
    }
    return VLT_OK;
}

VLT_VARIANT(linear, baseline, .summary = "one dot product after the other", .scratch = scratch,
            .run = run);

/* The formulas in f32 with libm's tanhf, erff and expf. */
#include <math.h>

#include "optimizations/activation/activation.h"

static void gelu_tanh_row(const float *x, float *out, int64_t width)
{
    for (int64_t i = 0; i < width; i++) {
        float inner = 0.7978845608028654f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
        out[i] = 0.5f * x[i] * (1.0f + tanhf(inner));
    }
}

static void gelu_erf_row(const float *x, float *out, int64_t width)
{
    for (int64_t i = 0; i < width; i++) {
        out[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.7071067811865476f));
    }
}

static void silu_mul_row(const float *x, const float *up, float *out, int64_t width)
{
    for (int64_t i = 0; i < width; i++) {
        out[i] = x[i] / (1.0f + expf(-x[i])) * up[i];
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_activation_args *a = args;
    int64_t width = vlt_activation_width(plan, a);
    for (int64_t row = 0; row < a->rows; row++) {
        const float *x = a->x + row * a->x_stride;
        float *out = a->out + row * a->out_stride;
        switch (plan->problem.dim[VLT_ACTIVATION_DIM_KIND]) {
        case VLT_ACTIVATION_GELU_TANH:
            gelu_tanh_row(x, out, width);
            break;
        case VLT_ACTIVATION_GELU_ERF:
            gelu_erf_row(x, out, width);
            break;
        default:
            silu_mul_row(x, a->up + row * a->up_stride, out, width);
            break;
        }
    }
    return VLT_OK;
}

VLT_VARIANT(activation, baseline, .summary = "libm's functions, element by element", .run = run);

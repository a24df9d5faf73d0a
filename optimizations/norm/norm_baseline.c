/* The plain loops of the formulas in norm.h, in f32. */
#include <math.h>

#include "optimizations/norm/norm.h"

static void rms_row(const float *x, float *out, int64_t width, const vlt_norm_constants *constants)
{
    float sum = 0;
    for (int64_t i = 0; i < width; i++) {
        sum += x[i] * x[i];
    }
    float scale = 1.0f / sqrtf(sum / (float)width + constants->epsilon);
    for (int64_t i = 0; i < width; i++) {
        out[i] = constants->weight[i] * (x[i] * scale);
    }
}

static void layer_row(const float *x, float *out, int64_t width,
                      const vlt_norm_constants *constants)
{
    float sum = 0, square = 0;
    for (int64_t i = 0; i < width; i++) {
        sum += x[i];
    }
    float mean = sum / (float)width;
    for (int64_t i = 0; i < width; i++) {
        square += (x[i] - mean) * (x[i] - mean);
    }
    float scale = 1.0f / sqrtf(square / (float)width + constants->epsilon);
    for (int64_t i = 0; i < width; i++) {
        out[i] = (x[i] - mean) * scale * constants->weight[i] + constants->bias[i];
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_norm_args *a = args;
    const vlt_norm_constants *constants = plan->problem.constants;
    int64_t width = plan->problem.dim[VLT_NORM_DIM_WIDTH];
    bool layer = plan->problem.dim[VLT_NORM_DIM_KIND] == VLT_NORM_LAYER;
    for (int64_t row = 0; row < a->rows; row++) {
        const float *x = a->x + row * a->x_stride;
        float *out = a->out + row * a->out_stride;
        if (layer) {
            layer_row(x, out, width, constants);
        } else {
            rms_row(x, out, width, constants);
        }
    }
    return VLT_OK;
}

VLT_VARIANT(norm, baseline, .summary = "plain loops", .run = run);

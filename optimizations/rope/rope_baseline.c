/* The formula of rope.h, pair by pair. */
#include "optimizations/rope/rope.h"

static void rotate(float *x, const float *cosines, const float *sines, int64_t half)
{
    for (int64_t i = 0; i < half; i++) {
        float low = x[i], high = x[i + half];
        x[i] = low * cosines[i] - high * sines[i];
        x[i + half] = high * cosines[i] + low * sines[i];
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_rope_args *a = args;
    int64_t half = plan->problem.dim[VLT_ROPE_DIM_HEAD] / 2;
    for (int64_t row = 0; row < a->rows; row++) {
        for (int64_t head = 0; head < plan->problem.dim[VLT_ROPE_DIM_HEADS]; head++) {
            rotate(a->x + row * a->x_row + head * a->x_head, a->cos + row * half,
                   a->sin + row * half, half);
        }
    }
    return VLT_OK;
}

VLT_VARIANT(rope, baseline, .summary = "pair by pair", .run = run);

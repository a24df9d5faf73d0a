/* rope_vector_internal.h: the rotation on vectors; see core/simd.h. Against the baseline: one
 * product of each sum is not rounded (fused multiply-add). */
#ifndef VLT_ROPE_VECTOR_INTERNAL_H
#define VLT_ROPE_VECTOR_INTERNAL_H

#include "optimizations/core/simd.h"

#ifdef VLT_SIMD
#include "optimizations/rope/rope.h"

enum { ROWS_AT_ONCE = 8, SERIAL_ELEMENTS = 1 << 17 };

static const vlt_knob vector_knobs[] = {VLT_KNOB_THREADS};

struct rope_job {
    const vlt_rope_args *args;
    int64_t heads, half;
};

VLT_ALWAYS_INLINE void rotate_head(float *x, const float *cosines, const float *sines, int64_t half)
{
    for (int64_t i = 0; i < half; i += VEC_LANES) {
        int64_t n = half - i < VEC_LANES ? half - i : VEC_LANES;
        vec c = vec_load_part(cosines + i, n), s = vec_load_part(sines + i, n);
        vec low = vec_load_part(x + i, n), high = vec_load_part(x + half + i, n);
        vec_store_part(x + i, n, vec_fnma(high, s, vec_mul(low, c)));
        vec_store_part(x + half + i, n, vec_fma(low, s, vec_mul(high, c)));
    }
}

static void rope_body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct rope_job *job = argument;
    const vlt_rope_args *a = job->args;
    for (int64_t row = begin; row < end; row++) {
        for (int64_t head = 0; head < job->heads; head++) {
            rotate_head(a->x + row * a->x_row + head * a->x_head, a->cos + row * job->half,
                        a->sin + row * job->half, job->half);
        }
    }
}

static vlt_status vector_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                             vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_rope_args *a = args;
    struct rope_job job = {.args = a,
                           .heads = plan->problem.dim[VLT_ROPE_DIM_HEADS],
                           .half = plan->problem.dim[VLT_ROPE_DIM_HEAD] / 2};
    bool small = a->rows * job.heads * job.half < SERIAL_ELEMENTS;
    vlt_threads_for(plan->context->threads, a->rows, ROWS_AT_ONCE,
                    small ? 1 : (int)vlt_plan_knob(plan, 0), rope_body, &job);
    return VLT_OK;
}

#endif
#endif

/* Bottleneck: the scalar sums wait for one addition after the other.
 * Idea: two independent 16-wide accumulators, tails by mask, rows shared among threads.
 * Loses: on a single short row avx2 is as good; rows of a few elements are one masked vector.
 */
#include <math.h>

#include "optimizations/core/simd.h"
#include "optimizations/norm/norm.h"

enum { ROWS_AT_ONCE = 8, SERIAL_ELEMENTS = 1 << 17 };

static const vlt_knob knobs[] = {VLT_KNOB_THREADS};

struct job {
    const vlt_norm_args *args;
    const vlt_norm_constants *constants;
    int64_t width;
    bool layer;
};

/* One vector of x - mean, zeros behind the width. */
static inline vec centred(const float *x, int64_t i, int64_t width, vec mean)
{
    int64_t n = width - i < 0 ? 0 : width - i < VEC_LANES ? width - i : VEC_LANES;
    return _mm512_maskz_sub_ps(vec_first(n), vec_load_part(x + i, n), mean);
}

/* Sum of (x - mean)^2 when `squares`, else of x - mean. */
static float reduce(const float *x, int64_t width, float mean, bool squares)
{
    vec a = vec_zero(), b = vec_zero(), m = vec_set(mean);
    for (int64_t i = 0; i < width; i += 2 * VEC_LANES) {
        vec v = centred(x, i, width, m), w = centred(x, i + VEC_LANES, width, m);
        a = squares ? vec_fma(v, v, a) : vec_add(a, v);
        b = squares ? vec_fma(w, w, b) : vec_add(b, w);
    }
    return vec_sum(vec_add(a, b));
}

static void norm_row(const struct job *job, const float *x, float *out)
{
    const vlt_norm_constants *constants = job->constants;
    int64_t width = job->width;
    float mean = job->layer ? reduce(x, width, 0, false) / (float)width : 0;
    float scale = 1.0f / sqrtf(reduce(x, width, mean, true) / (float)width + constants->epsilon);
    for (int64_t i = 0; i < width; i += VEC_LANES) {
        int64_t n = width - i < VEC_LANES ? width - i : VEC_LANES;
        vec v = vec_mul(vec_sub(vec_load_part(x + i, n), vec_set(mean)), vec_set(scale));
        v = vec_mul(v, vec_load_part(constants->weight + i, n));
        v = job->layer ? vec_add(v, vec_load_part(constants->bias + i, n)) : v;
        vec_store_part(out + i, n, v);
    }
}

static void body(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    for (int64_t row = begin; row < end; row++) {
        norm_row(job, job->args->x + row * job->args->x_stride,
                 job->args->out + row * job->args->out_stride);
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_norm_args *a = args;
    struct job job = {.args = a,
                      .constants = plan->problem.constants,
                      .width = plan->problem.dim[VLT_NORM_DIM_WIDTH],
                      .layer = plan->problem.dim[VLT_NORM_DIM_KIND] == VLT_NORM_LAYER};
    bool small = a->rows * job.width < SERIAL_ELEMENTS;
    vlt_threads_for(plan->context->threads, a->rows, ROWS_AT_ONCE,
                    small ? 1 : (int)vlt_plan_knob(plan, 0), body, &job);
    return VLT_OK;
}

VLT_VARIANT(norm, avx512, .summary = "16 lanes, two accumulators, masked tails", .knobs = knobs,
            .knob_count = sizeof knobs / sizeof *knobs, .run = run);

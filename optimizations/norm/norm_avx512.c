/* Bottleneck: the scalar sums wait for one addition after the other.
 * Idea: four independent 16-wide accumulators, tails by mask, rows shared among threads.
 * Loses: on a single short row avx2 is as good; rows of a few elements are one masked vector.
 */
#include <math.h>

#include "optimizations/core/simd.h"
#include "optimizations/norm/norm.h"

enum { UNROLL = 4, ROWS_AT_ONCE = 8, SERIAL_ELEMENTS = 1 << 17 };

static const vlt_knob knobs[] = {VLT_KNOB_THREADS};

struct job {
    const vlt_norm_args *args;
    const vlt_norm_constants *constants;
    int64_t width;
    bool layer;
};

/* Masks cost even where all lanes count: only the end of a row has one. */
static inline vec centred(const float *x, int64_t n, vec mean)
{
    return n < VEC_LANES ? _mm512_maskz_sub_ps(vec_first(n), vec_load_part(x, n), mean)
                         : vec_sub(vec_load(x), mean);
}

static inline vec add_to(vec sum, vec v, bool squares)
{
    return squares ? vec_fma(v, v, sum) : vec_add(sum, v);
}

/* Sum of (x - mean)^2 when `squares`, else of x - mean. */
static inline float reduce(const float *x, int64_t width, float mean, bool squares)
{
    vec sum[UNROLL] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()}, m = vec_set(mean);
    int64_t i = 0;
    for (; i + UNROLL * VEC_LANES <= width; i += UNROLL * VEC_LANES) {
        for (int u = 0; u < UNROLL; u++) {
            sum[u] = add_to(sum[u], vec_sub(vec_load(x + i + u * VEC_LANES), m), squares);
        }
    }
    for (int u = 0; i < width; i += VEC_LANES, u++) {
        sum[u] = add_to(sum[u], centred(x + i, width - i, m), squares);
    }
    return vec_sum(vec_add(vec_add(sum[0], sum[1]), vec_add(sum[2], sum[3])));
}

static inline vec scaled(const struct job *job, vec v, int64_t i, int64_t n, vec mean, vec scale)
{
    const vlt_norm_constants *constants = job->constants;
    bool whole = n >= VEC_LANES;
    v = vec_mul(vec_sub(v, mean), scale);
    v = vec_mul(v,
                whole ? vec_load(constants->weight + i) : vec_load_part(constants->weight + i, n));
    if (!job->layer) {
        return v;
    }
    return vec_add(v,
                   whole ? vec_load(constants->bias + i) : vec_load_part(constants->bias + i, n));
}

static void norm_row(const struct job *job, const float *x, float *out)
{
    int64_t width = job->width, i = 0;
    float middle = job->layer ? reduce(x, width, 0, false) / (float)width : 0;
    float variance = reduce(x, width, middle, true) / (float)width;
    vec mean = vec_set(middle), scale = vec_set(1.0f / sqrtf(variance + job->constants->epsilon));
    for (; i + VEC_LANES <= width; i += VEC_LANES) {
        vec_store(out + i, scaled(job, vec_load(x + i), i, VEC_LANES, mean, scale));
    }
    if (i < width) {
        vec v = scaled(job, vec_load_part(x + i, width - i), i, width - i, mean, scale);
        vec_store_part(out + i, width - i, v);
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

VLT_VARIANT(norm, avx512, .summary = "16 lanes, four accumulators, masked tails", .knobs = knobs,
            .knob_count = sizeof knobs / sizeof *knobs, .run = run);

/* Bottleneck: the scalar sums wait for one addition after the other.
 * Idea: four independent 8-wide accumulators, then one scaled store per vector.
 * Loses: never by much; on rows of a few elements the tail loop does all the work.
 */
#include <immintrin.h>
#include <math.h>

#include "optimizations/norm/norm.h"

enum { LANES = 8, UNROLL = 4, STEP = LANES * UNROLL };

static float sum_of(__m256 a[UNROLL])
{
    __m256 v = _mm256_add_ps(_mm256_add_ps(a[0], a[1]), _mm256_add_ps(a[2], a[3]));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* sum of (x - mean)^2 when `squares`, else of x */
static float reduce(const float *x, int64_t width, float mean, bool squares)
{
    __m256 a[UNROLL] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                        _mm256_setzero_ps()};
    __m256 m = _mm256_set1_ps(mean);
    float tail = 0;
    int64_t i = 0;
    for (; i + STEP <= width; i += STEP) {
        for (int u = 0; u < UNROLL; u++) {
            __m256 v = _mm256_sub_ps(_mm256_loadu_ps(x + i + u * LANES), m);
            a[u] = squares ? _mm256_fmadd_ps(v, v, a[u]) : _mm256_add_ps(a[u], v);
        }
    }
    for (; i < width; i++) {
        float v = x[i] - mean;
        tail += squares ? v * v : v;
    }
    return sum_of(a) + tail;
}

static void norm_row(const float *x, float *out, int64_t width, bool layer,
                     const vlt_norm_constants *constants)
{
    float mean = layer ? reduce(x, width, 0, false) / (float)width : 0;
    float scale = 1.0f / sqrtf(reduce(x, width, mean, true) / (float)width + constants->epsilon);
    __m256 m = _mm256_set1_ps(mean), s = _mm256_set1_ps(scale);
    int64_t i = 0;
    for (; i + LANES <= width; i += LANES) {
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i), m), s);
        v = _mm256_mul_ps(v, _mm256_loadu_ps(constants->weight + i));
        v = layer ? _mm256_add_ps(v, _mm256_loadu_ps(constants->bias + i)) : v;
        _mm256_storeu_ps(out + i, v);
    }
    for (; i < width; i++) {
        float v = (x[i] - mean) * scale * constants->weight[i];
        out[i] = layer ? v + constants->bias[i] : v;
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    (void)err;
    const vlt_norm_args *a = args;
    for (int64_t row = 0; row < a->rows; row++) {
        norm_row(a->x + row * a->x_stride, a->out + row * a->out_stride,
                 plan->problem.dim[VLT_NORM_DIM_WIDTH],
                 plan->problem.dim[VLT_NORM_DIM_KIND] == VLT_NORM_LAYER, plan->problem.constants);
    }
    return VLT_OK;
}

VLT_VARIANT(norm, avx2, .summary = "8 lanes, four accumulators", .run = run);

/* Bottleneck: an exact product reads two bytes a weight, and memory bounds decoding.
 * Idea: each row of W becomes int8 with one scale when the plan is made, each row of x becomes int8
 * with one scale when it runs; the sums are int32 and exact, two scales bring them back.
 * Loses: accuracy (8 bits an operand); speed against vectors of int8, which it leaves to others:
 * this one is plain C for any CPU.
 */
#include <math.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/packs.h"
#include "optimizations/linear/linear_int8.h"

enum { SERIAL_BELOW = 1 << 19 /* multiply-adds: waking a thread costs as much */ };
enum { KNOB_THREADS };

static const vlt_knob knobs[] = {VLT_KNOB_THREADS};

/* The pack: scales[n], then weights[n, k]. */
static size_t pack_bytes(const vlt_matrix *w)
{
    return (size_t)w->rows * (sizeof(float) + (size_t)w->columns);
}

/* q[count] = round(values / scale), ties to even; returns the scale. */
static float quantise(const float *values, int64_t count, int8_t *q)
{
    float largest = 0, sum = 0, inverse;
    for (int64_t i = 0; i < count; i++) {
        float magnitude = fabsf(values[i]);
        largest = magnitude > largest ? magnitude : largest;
        sum += values[i] * 0; /* NaN where a value is NaN or infinite */
    }
    float step = vlt_int8_scale(isnan(sum) ? 0 : largest, &inverse);
    for (int64_t i = 0; i < count; i++) {
        q[i] = inverse > 0 ? (int8_t)lrintf(values[i] * inverse) : 0;
    }
    return isnan(sum) ? VLT_INT8_STRANGE : step;
}

struct fill_job {
    const vlt_matrix *w;
    float *scale;
    int8_t *weights;
    float *row; /* [threads, columns] */
};

static void fill_rows(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct fill_job *job = argument;
    float *row = job->row + worker * job->w->columns;
    for (int64_t o = begin; o < end; o++) {
        vlt_matrix_row(job->w, o, row);
        job->scale[o] = quantise(row, job->w->columns, job->weights + o * job->w->columns);
    }
}

static vlt_status fill(const vlt_pack_request *request, void *out, vlt_error *err)
{
    const vlt_matrix *w = request->matrix;
    size_t rows = (size_t)vlt_threads_count(request->threads);
    void *row;
    vlt_status status = vlt_alloc_raw(rows * (size_t)w->columns * sizeof(float), &row, err);
    if (status == VLT_OK) {
        float *scale = out;
        struct fill_job job = {w, scale, (int8_t *)(scale + w->rows), row};
        vlt_threads_for(request->threads, w->rows, 16, 0, fill_rows, &job);
        vlt_free(row);
    }
    return status;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_linear_constants *constants = plan->problem.constants;
    const vlt_pack_request request = {.matrix = &constants->weight,
                                      .kind = "int8_rows/2",
                                      .bytes = pack_bytes(&constants->weight),
                                      .lossy = true,
                                      .threads = plan->context->threads,
                                      .fill = fill};
    const vlt_pack *pack = NULL;
    vlt_status status = vlt_packs_take(plan->context->packs, &request, &pack, err);
    return status == VLT_OK ? vlt_int8_state_set(plan, pack, err) : status;
}

static size_t scratch(const vlt_plan *plan)
{
    const int64_t *dim = plan->problem.dim;
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, (size_t)dim[VLT_LINEAR_DIM_M], sizeof(float));
    vlt_frame_reserve(&bytes, (size_t)(dim[VLT_LINEAR_DIM_M] * dim[VLT_LINEAR_DIM_K]), 1);
    return bytes;
}

struct job {
    const vlt_linear_args *args;
    const float *bias, *w_scale;
    const int8_t *w;
    float *x_scale; /* [rows] */
    int8_t *x;      /* [rows, k] */
    int64_t k;
};

static void quantise_rows(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    for (int64_t r = begin; r < end; r++) {
        job->x_scale[r] = quantise(job->args->x + r * job->args->x_stride, job->k,
                                   job->x + r * job->k);
    }
}

static int32_t dot(const int8_t *a, const int8_t *b, int64_t count)
{
    int32_t sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (int32_t)((int16_t)a[i] * (int16_t)b[i]);
    }
    return sum;
}

static void outputs(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const struct job *job = argument;
    const vlt_linear_args *a = job->args;
    for (int64_t o = begin; o < end; o++) {
        float bias = job->bias ? job->bias[o] : 0;
        for (int64_t r = 0; r < a->rows; r++) {
            float *y = a->y + r * a->y_stride + o;
            float sum = (float)dot(job->x + r * job->k, job->w + o * job->k, job->k);
            float value = sum * (job->x_scale[r] * job->w_scale[o]) + bias;
            *y = a->accumulate ? *y + value : value;
        }
    }
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_linear_args *a = args;
    const vlt_linear_constants *constants = plan->problem.constants;
    int64_t n = plan->problem.dim[VLT_LINEAR_DIM_N], k = plan->problem.dim[VLT_LINEAR_DIM_K];
    const float *scale = vlt_pack_data(vlt_int8_state_of(plan)->pack);
    struct job job = {.args = a,
                      .bias = constants->bias,
                      .w_scale = scale,
                      .w = (const int8_t *)(scale + n),
                      .k = k};
    job.x_scale = vlt_frame_take(&frame, (size_t)a->rows, sizeof(float));
    job.x = vlt_frame_take(&frame, (size_t)(a->rows * k), 1);
    int limit = a->rows * n < SERIAL_BELOW / k ? 1 : (int)vlt_plan_knob(plan, KNOB_THREADS);
    vlt_threads_for(plan->context->threads, a->rows, 4, limit, quantise_rows, &job);
    vlt_threads_for(plan->context->threads, n, 16, limit, outputs, &job);
    vlt_linear_int8_add_all_strange(plan, a, job.x_scale);
    return VLT_OK;
}

VLT_VARIANT(linear, int8_rows, .summary = "int8 weights and activations, a scale a row, plain C",
            .knobs = knobs, .knob_count = 1, .quality = VLT_QUALITY_INT8, .loss = VLT_INT8_LOSS,
            .cost = vlt_linear_int8_cost, .applicable = vlt_linear_int8_applicable,
            .prepare = prepare, .scratch = scratch, .run = run, .release = vlt_int8_state_release);

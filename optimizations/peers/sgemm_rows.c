#include "optimizations/peers/sgemm_rows.h"

#include <stdatomic.h>
#include <stdio.h>

#include "optimizations/core/packs.h"

enum { OUTPUTS = 256, ROWS = 1 << 16, SERIAL_BELOW = 1 << 16 };

struct state {
    vlt_sgemm *sgemm;
    const char *library;
    const vlt_pack *pack; /* NULL: the weights are F32 */
    const float *weight;
    int64_t stride;
};

struct fill {
    const vlt_matrix *matrix;
    float *out;
};

static void widen(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct fill *fill = argument;
    (void)worker;
    for (int64_t row = begin; row < end; row++) {
        vlt_matrix_row(fill->matrix, row, fill->out + row * fill->matrix->columns);
    }
}

static vlt_status fill_pack(const vlt_pack_request *request, void *out, vlt_error *err)
{
    struct fill fill = {request->matrix, out};
    (void)err;
    vlt_threads_for(request->threads, request->matrix->rows, 16, 0, widen, &fill);
    return VLT_OK;
}

static vlt_status take_weights(struct state *state, const vlt_plan *plan, vlt_error *err)
{
    const vlt_matrix *w = &((const vlt_linear_constants *)plan->problem.constants)->weight;
    bool aligned = (uintptr_t)w->data % sizeof(float) == 0 && w->row_bytes % sizeof(float) == 0;
    if (w->format == VLT_FORMAT_F32 && aligned) {
        state->weight = w->data;
        state->stride = (int64_t)(w->row_bytes / sizeof(float));
        return VLT_OK;
    }
    vlt_pack_request request = {
        .matrix = w, .kind = "f32/1", .threads = plan->context->threads, .fill = fill_pack};
    vlt_status status = vlt_dims_bytes((int64_t[]){w->rows, w->columns}, 2, sizeof(float),
                                       &request.bytes, err);
    if (status == VLT_OK) {
        status = vlt_packs_take(plan->context->packs, &request, &state->pack, err);
    }
    if (status == VLT_OK) {
        state->weight = vlt_pack_data(state->pack);
        state->stride = w->columns;
    }
    return status;
}

vlt_status vlt_sgemm_prepare(vlt_plan *plan, vlt_sgemm *sgemm, const char *library, vlt_error *err)
{
    vlt_status status = vlt_alloc(sizeof(struct state), &plan->state, err);
    if (status != VLT_OK) {
        return status;
    }
    struct state *state = plan->state;
    state->sgemm = sgemm;
    state->library = library;
    return take_weights(state, plan, err);
}

struct job {
    const struct state *state;
    const vlt_linear_args *args;
    const float *bias;
    int64_t n, k;
    _Atomic int failure; /* the library's code */
};

/* beta is 0 or 1: the bias goes in first. */
static float begin_rows(const struct job *job, int64_t row, int64_t rows, int64_t first,
                        int64_t outputs)
{
    const vlt_linear_args *a = job->args;
    if (!job->bias) {
        return a->accumulate ? 1 : 0;
    }
    for (int64_t r = row; r < row + rows; r++) {
        float *y = a->y + r * a->y_stride + first;
        for (int64_t o = 0; o < outputs; o++) {
            y[o] = a->accumulate ? y[o] + job->bias[first + o] : job->bias[first + o];
        }
    }
    return 1;
}

static void pieces(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    const struct state *state = job->state;
    const vlt_linear_args *a = job->args;
    (void)worker;
    for (int64_t piece = begin; piece < end; piece++) {
        int64_t first = piece * OUTPUTS;
        int64_t outputs = job->n - first < OUTPUTS ? job->n - first : OUTPUTS;
        for (int64_t row = 0; row < a->rows; row += ROWS) {
            int64_t rows = a->rows - row < ROWS ? a->rows - row : ROWS;
            float beta = begin_rows(job, row, rows, first, outputs);
            int failure = state->sgemm(rows, outputs, job->k, a->x + row * a->x_stride, a->x_stride,
                                       state->weight + first * state->stride, state->stride, beta,
                                       a->y + row * a->y_stride + first, a->y_stride);
            if (failure) {
                atomic_store(&job->failure, failure);
            }
        }
    }
}

vlt_status vlt_sgemm_run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    const struct state *state = plan->state;
    const vlt_linear_args *a = args;
    const vlt_linear_constants *constants = plan->problem.constants;
    struct job job = {.state = state,
                      .args = a,
                      .bias = constants->bias,
                      .n = plan->problem.dim[VLT_LINEAR_DIM_N],
                      .k = plan->problem.dim[VLT_LINEAR_DIM_K]};
    (void)frame;
    if (a->x_stride > INT32_MAX || a->y_stride > INT32_MAX || state->stride > INT32_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT,
                        "linear/%s: rows %lld, %lld and %lld apart, at most %d", state->library,
                        (long long)a->x_stride, (long long)a->y_stride, (long long)state->stride,
                        INT32_MAX);
    }
    int limit = a->rows * job.n < SERIAL_BELOW / job.k ? 1 : 0;
    vlt_threads_for(plan->context->threads, (job.n + OUTPUTS - 1) / OUTPUTS, 1, limit, pieces,
                    &job);
    int failure = atomic_load(&job.failure);
    return failure ? vlt_fail(err, VLT_STATUS_INTERNAL, "linear/%s: the library gave code %d",
                              state->library, failure)
                   : VLT_OK;
}

void vlt_sgemm_release(vlt_plan *plan)
{
    struct state *state = plan->state;
    if (state) {
        vlt_packs_drop(state->pack);
        vlt_free(state);
    }
}

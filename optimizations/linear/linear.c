#include "optimizations/linear/linear.h"

#include <stdio.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/core/utf8_text.h"

static const vlt_dim dims[] = {
    {"m", VLT_DIM_POW2, 1, INT64_C(1) << 31, "rows, at most"},
    {"n", VLT_DIM_EXACT, 1, 1 << 24, "outputs"},
    {"k", VLT_DIM_EXACT, 1, 1 << 24, "inputs"},
    {"weights", VLT_DIM_EXACT, VLT_FORMAT_BF16, VLT_FORMAT_END - 1, VLT_FORMAT_HELP},
};

/* The demo model, then the 2B model: one token, a block of the prompt, a picture of 512 x 512. */
static const vlt_shape shapes[] = {
    {"demo_prompt", {256, 512, 192, VLT_FORMAT_BF16}},
    {"demo_decode", {1, 512, 192, VLT_FORMAT_BF16}},
    {"demo_vision", {1024, 384, 128, VLT_FORMAT_BF16}},
    {"2b_decode", {1, 6144, 2048, VLT_FORMAT_BF16}},
    {"2b_prompt", {128, 6144, 2048, VLT_FORMAT_BF16}},
    {"2b_vision", {1024, 1024, 1024, VLT_FORMAT_BF16}},
};

bool vlt_linear_plain(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    vlt_format format = (vlt_format)problem->dim[VLT_LINEAR_DIM_WEIGHTS];
    if (!vlt_format_plain(format)) {
        vlt_utf8_format(reason, VLT_REASON_BYTES, "weights in %s, expected BF16, F16 or F32",
                        vlt_format_name(format));
        return false;
    }
    return true;
}

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double m = (double)problem->dim[VLT_LINEAR_DIM_M], n = (double)problem->dim[VLT_LINEAR_DIM_N],
           k = (double)problem->dim[VLT_LINEAR_DIM_K];
    vlt_format format = (vlt_format)problem->dim[VLT_LINEAR_DIM_WEIGHTS];
    double row_bytes = (double)vlt_format_row_bytes(format, problem->dim[VLT_LINEAR_DIM_K]);
    *cost = (vlt_cost){.compute = VLT_COMPUTE_F32,
                       .flops = 2 * m * n * k,
                       .bytes = n * row_bytes + (m * k + m * n) * sizeof(float),
                       .work = m,
                       .unit = "row"};
}

struct state {
    vlt_linear_constants constants;
    vlt_linear_args args;
};

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t m = dim[VLT_LINEAR_DIM_M], n = dim[VLT_LINEAR_DIM_N], k = dim[VLT_LINEAR_DIM_K];
    vlt_random random = {seed};
    size_t x_count, y_count;
    void *state, *x, *bias, *y;
    vlt_matrix weight;
    vlt_status status;

    if ((status = vlt_dims_bytes((int64_t[]){m, k}, 2, 1, &x_count, err)) != VLT_OK ||
        (status = vlt_dims_bytes((int64_t[]){m, n}, 2, 1, &y_count, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK ||
        (status = vlt_workload_random(workload, x_count, VLT_DTYPE_F32, 1, &random, &x, err)) !=
            VLT_OK ||
        (status = vlt_workload_matrix(workload, (vlt_format)dim[VLT_LINEAR_DIM_WEIGHTS], n, k, 1,
                                      &random, &weight, err)) != VLT_OK ||
        (status = vlt_workload_random(workload, (size_t)n, VLT_DTYPE_F32, 1, &random, &bias,
                                      err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "y", y_count, VLT_DTYPE_F32, VLT_LINEAR_TOLERANCE,
                                      &y, err)) != VLT_OK) {
        return status;
    }
    struct state *s = state;
    s->constants = (vlt_linear_constants){.weight = weight, .bias = bias};
    s->args = (vlt_linear_args){.x = x, .y = y, .rows = m, .x_stride = k, .y_stride = n};
    workload->problem.constants = &s->constants;
    workload->args = &s->args;
    return VLT_OK;
}

VLT_OP(linear, .label = "{m} x {n} x {k}", .tolerance = VLT_LINEAR_TOLERANCE,
       .summary = "y = x W^T + bias", .dims = dims, .dim_count = sizeof dims / sizeof *dims,
       .shapes = shapes, .shape_count = sizeof shapes / sizeof *shapes, .cost = cost,
       .workload_init = workload_init);

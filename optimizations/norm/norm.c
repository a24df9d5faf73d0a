#include "optimizations/norm/norm.h"

#include "optimizations/core/random.h"

static const vlt_dim dims[] = {
    {"rows", VLT_DIM_POW2, 1, INT64_C(1) << 31, "rows, at most"},
    {"width", VLT_DIM_EXACT, 1, 1 << 24, "elements of a row"},
    {"kind", VLT_DIM_EXACT, VLT_NORM_RMS, VLT_NORM_LAYER, "0 rms, 1 layer"},
};

static const vlt_shape shapes[] = {
    {"prompt", {256, 2048, VLT_NORM_RMS}},
    {"decode", {1, 2048, VLT_NORM_RMS}},
    {"head", {4096, 128, VLT_NORM_RMS}},
    {"vision", {1024, 1024, VLT_NORM_LAYER}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double elements = (double)problem->dim[VLT_NORM_DIM_ROWS] *
                      (double)problem->dim[VLT_NORM_DIM_WIDTH];
    bool layer = problem->dim[VLT_NORM_DIM_KIND] == VLT_NORM_LAYER;
    *cost = (vlt_cost){.compute = VLT_COMPUTE_F32,
                       .flops = elements * (layer ? 5 : 3),
                       .bytes = elements * 8,
                       .work = (double)problem->dim[VLT_NORM_DIM_ROWS],
                       .unit = "row"};
}

struct state {
    vlt_norm_constants constants;
    vlt_norm_args args;
};

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    int64_t rows = workload->problem.dim[VLT_NORM_DIM_ROWS];
    int64_t width = workload->problem.dim[VLT_NORM_DIM_WIDTH];
    size_t count = (size_t)(rows * width);
    vlt_random random = {seed};
    void *state, *x, *weight, *bias, *out;
    vlt_status status;

    if ((status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, count, sizeof(float), &x, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, (size_t)width, sizeof(float), &weight, err)) !=
            VLT_OK ||
        (status = vlt_workload_buffer(workload, (size_t)width, sizeof(float), &bias, err)) !=
            VLT_OK ||
        (status = vlt_workload_output(workload, "out", count, VLT_DTYPE_F32, 4e-6, &out, err)) !=
            VLT_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        ((float *)x)[i] = vlt_random_signed(&random) * 3 + 0.5f;
    }
    for (int64_t i = 0; i < width; i++) {
        ((float *)weight)[i] = vlt_random_signed(&random);
        ((float *)bias)[i] = vlt_random_signed(&random);
    }
    struct state *s = state;
    s->constants = (vlt_norm_constants){.weight = weight, .bias = bias, .epsilon = 1e-6f};
    s->args = (vlt_norm_args){
        .x = x, .out = out, .rows = rows, .x_stride = width, .out_stride = width};
    workload->problem.constants = &s->constants;
    workload->args = &s->args;
    return VLT_OK;
}

VLT_OP(norm, .label = "{rows} x {width}", .tolerance = 4e-6,
       .summary = "RMSNorm or LayerNorm over rows", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

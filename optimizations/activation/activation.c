#include "optimizations/activation/activation.h"

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

static const vlt_dim dims[] = {
    {"rows", VLT_DIM_POW2, 1, INT64_C(1) << 31, "rows, at most"},
    {"width", VLT_DIM_EXACT, 1, 1 << 24, "elements of a row"},
    {"kind", VLT_DIM_EXACT, VLT_ACTIVATION_GELU_TANH, VLT_ACTIVATION_SILU_MUL,
     "0 gelu_tanh, 1 gelu_erf, 2 silu_mul"},
};

static const vlt_shape shapes[] = {
    {"demo_vision", {1024, 384, VLT_ACTIVATION_GELU_TANH}},
    {"demo_merger", {256, 512, VLT_ACTIVATION_GELU_ERF}},
    {"demo_prompt", {256, 512, VLT_ACTIVATION_SILU_MUL}},
    {"2b_decode", {1, 6144, VLT_ACTIVATION_SILU_MUL}},
    {"2b_vision", {1024, 4096, VLT_ACTIVATION_GELU_TANH}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double rows = (double)problem->dim[VLT_ACTIVATION_DIM_ROWS];
    double elements = rows * (double)problem->dim[VLT_ACTIVATION_DIM_WIDTH];
    int arrays = problem->dim[VLT_ACTIVATION_DIM_KIND] == VLT_ACTIVATION_SILU_MUL ? 3 : 2;
    *cost = (vlt_cost){.compute = VLT_COMPUTE_F32,
                       .flops = elements * 8,
                       .bytes = elements * arrays * (double)sizeof(float),
                       .work = rows,
                       .unit = "row"};
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t width = dim[VLT_ACTIVATION_DIM_WIDTH];
    vlt_random random = {seed};
    size_t count;
    void *args, *x, *up, *out;
    vlt_status status;

    if ((status = vlt_dims_bytes(dim, 2, 1, &count, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, 1, sizeof(vlt_activation_args), &args, err)) !=
            VLT_OK ||
        (status = vlt_workload_random(workload, count, VLT_DTYPE_F32, 8, &random, &x, err)) !=
            VLT_OK ||
        (status = vlt_workload_random(workload, count, VLT_DTYPE_F32, 1, &random, &up, err)) !=
            VLT_OK ||
        (status = vlt_workload_output(workload, "out", count, VLT_DTYPE_F32, 1e-6, &out, err)) !=
            VLT_OK) {
        return status;
    }
    bool silu = dim[VLT_ACTIVATION_DIM_KIND] == VLT_ACTIVATION_SILU_MUL;
    *(vlt_activation_args *)args = (vlt_activation_args){.x = x,
                                                         .up = silu ? up : NULL,
                                                         .out = out,
                                                         .rows = dim[VLT_ACTIVATION_DIM_ROWS],
                                                         .x_stride = width,
                                                         .up_stride = width,
                                                         .out_stride = width};
    workload->args = args;
    return VLT_OK;
}

VLT_OP(activation, .label = "{rows} x {width}", .tolerance = 1e-6,
       .summary = "GELU (tanh, erf) or SiLU times a second array", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

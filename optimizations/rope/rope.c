#include "optimizations/rope/rope.h"

#include <math.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

static const vlt_dim dims[] = {
    {"rows", VLT_DIM_POW2, 1, INT64_C(1) << 31, "rows, at most"},
    {"heads", VLT_DIM_EXACT, 1, 1 << 14, "heads of a row"},
    {"head", VLT_DIM_EXACT, 2, 4096, "elements of a head; an odd last one is left alone"},
};

static const vlt_shape shapes[] = {
    {"demo_prompt", {256, 4, 64}}, {"demo_decode", {1, 4, 64}},   {"demo_vision", {1024, 4, 64}},
    {"2b_decode", {1, 16, 128}},   {"2b_vision", {1024, 32, 64}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double rows = (double)problem->dim[VLT_ROPE_DIM_ROWS];
    double head = (double)problem->dim[VLT_ROPE_DIM_HEAD];
    double elements = rows * (double)problem->dim[VLT_ROPE_DIM_HEADS] * head;
    *cost = (vlt_cost){.compute = VLT_COMPUTE_F32,
                       .flops = elements * 3,
                       .bytes = (elements * 2 + rows * head) * sizeof(float),
                       .work = rows,
                       .unit = "row"};
}

vlt_status vlt_rope_random_angles(vlt_workload *workload, size_t count, vlt_random *random,
                                  const float **cosines, const float **sines, vlt_error *err)
{
    void *c, *s;
    vlt_status status;
    if ((status = vlt_workload_buffer(workload, count, sizeof(float), &c, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, count, sizeof(float), &s, err)) != VLT_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        double angle = vlt_random_unit(random) * 6.283185307179586;
        ((float *)c)[i] = (float)cos(angle);
        ((float *)s)[i] = (float)sin(angle);
    }
    *cosines = c;
    *sines = s;
    return VLT_OK;
}

struct state {
    vlt_rope_args args;
    const float *original;
    size_t count;
};

static void reset(vlt_workload *workload)
{
    const struct state *state = workload->state;
    memcpy(state->args.x, state->original, state->count * sizeof(float));
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t rows = dim[VLT_ROPE_DIM_ROWS], heads = dim[VLT_ROPE_DIM_HEADS],
            head = dim[VLT_ROPE_DIM_HEAD];
    size_t angles = (size_t)(rows * (head / 2)), count;
    vlt_random random = {seed};
    const float *cosines, *sines;
    void *state, *original, *x;
    vlt_status status;

    if ((status = vlt_dims_bytes(dim, 3, 1, &count, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK ||
        (status = vlt_workload_random(workload, count, VLT_DTYPE_F32, 2, &random, &original,
                                      err)) != VLT_OK ||
        (status = vlt_rope_random_angles(workload, angles, &random, &cosines, &sines, err)) !=
            VLT_OK ||
        (status = vlt_workload_output(workload, "x", count, VLT_DTYPE_F32, 1e-6, &x, err)) !=
            VLT_OK) {
        return status;
    }
    struct state *s = state;
    *s = (struct state){.original = original, .count = count};
    s->args = (vlt_rope_args){
        .x = x, .cos = cosines, .sin = sines, .rows = rows, .x_row = heads * head, .x_head = head};
    workload->args = &s->args;
    workload->state = s;
    workload->reset = reset;
    return VLT_OK;
}

VLT_OP(rope, .label = "{rows} x {heads} of {head}", .tolerance = 1e-6,
       .summary = "rotary position embedding, in place", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

#include "optimizations/vision_block/vision_block.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/rope/rope.h"

static const vlt_dim dims[] = {
    {"rows", VLT_DIM_POW2, 1, 1 << 24, "patches of all segments, at most"},
    {"segment", VLT_DIM_POW2, 1, 1 << 24, "patches of the largest segment, at most"},
    {"width", VLT_DIM_EXACT, 1, 1 << 20, "elements of a row"},
    {"heads", VLT_DIM_EXACT, 1, 4096, "heads; width is a multiple"},
    {"inner", VLT_DIM_EXACT, 1, 1 << 20, "elements between fc1 and fc2"},
    {"weights", VLT_DIM_EXACT, VLT_FORMAT_BF16, VLT_FORMAT_END - 1, VLT_FORMAT_HELP},
};

static const vlt_shape shapes[] = {
    {"demo_scene", {64, 64, 128, 2, 384, VLT_FORMAT_BF16}},
    {"demo_640x480", {1200, 1200, 128, 2, 384, VLT_FORMAT_BF16}},
    {"2b_256", {256, 256, 1024, 16, 4096, VLT_FORMAT_BF16}},
};

bool vlt_vision_block_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    int64_t width = problem->dim[VLT_VISION_BLOCK_DIM_WIDTH];
    int64_t heads = problem->dim[VLT_VISION_BLOCK_DIM_HEADS];
    if (width % heads || width / heads < 2 || width / heads > 4096) {
        snprintf(reason, VLT_REASON_BYTES,
                 "width=%lld over heads=%lld gives no head of 2 to 4096 elements", (long long)width,
                 (long long)heads);
        return false;
    }
    return true;
}

/* As the workload cuts the rows: full segments, then the rest. */
static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    const int64_t *dim = problem->dim;
    double rows = (double)dim[VLT_VISION_BLOCK_DIM_ROWS];
    double width = (double)dim[VLT_VISION_BLOCK_DIM_WIDTH];
    double inner = (double)dim[VLT_VISION_BLOCK_DIM_INNER];
    double segment = fmin(rows, (double)dim[VLT_VISION_BLOCK_DIM_SEGMENT]);
    double count = floor(rows / segment), rest = rows - count * segment;
    double weights = 4 * width * width + 2 * width * inner;
    double pairs = count * segment * segment + rest * rest;
    enum { MANY = 1 << 10 }; /* values: blocks of a format divide them */
    vlt_format format = (vlt_format)dim[VLT_VISION_BLOCK_DIM_WEIGHTS];
    double weight_bytes = (double)vlt_format_row_bytes(format, MANY) / MANY;
    *cost = (vlt_cost){.compute = VLT_COMPUTE_F32,
                       .flops = 2 * rows * weights + 4 * pairs * width,
                       .bytes = weights * weight_bytes + 2 * rows * width * sizeof(float),
                       .work = rows,
                       .unit = "patch"};
}

enum { SEGMENTS_MAX = 64 };

struct state {
    vlt_vision_block_constants constants;
    vlt_vision_block_args args;
    int64_t segment_rows[SEGMENTS_MAX];
    const float *original;
};

static void reset(vlt_workload *workload)
{
    const struct state *state = workload->state;
    size_t count = (size_t)(state->args.rows * workload->problem.dim[VLT_VISION_BLOCK_DIM_WIDTH]);
    memcpy(state->args.hidden, state->original, count * sizeof(float));
}

vlt_status vlt_vision_block_random(vlt_workload *workload, int64_t width, int64_t inner,
                                   vlt_format format, vlt_random *random,
                                   vlt_vision_block_constants *c, vlt_error *err)
{
    float wide = 1.7f / sqrtf((float)width), deep = 1.7f / sqrtf((float)inner);
    const struct {
        const float **out;
        int64_t count;
        float scale;
    } vectors[] = {
        {&c->norm1_weight, width, 1},    {&c->norm1_bias, width, 0.5f},
        {&c->norm2_weight, width, 1},    {&c->norm2_bias, width, 0.5f},
        {&c->qkv_bias, 3 * width, 0.5f}, {&c->proj_bias, width, 0.5f},
        {&c->fc1_bias, inner, 0.5f},     {&c->fc2_bias, width, 0.5f},
    };
    const struct {
        vlt_matrix *out;
        int64_t rows, columns;
        float scale;
    } matrices[] = {
        {&c->qkv_weight, 3 * width, width, wide},
        {&c->proj_weight, width, width, wide},
        {&c->fc1_weight, inner, width, wide},
        {&c->fc2_weight, width, inner, deep},
    };
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors && status == VLT_OK; i++) {
        void *data = NULL;
        status = vlt_workload_random(workload, (size_t)vectors[i].count, VLT_DTYPE_F32,
                                     vectors[i].scale, random, &data, err);
        *vectors[i].out = data;
    }
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices && status == VLT_OK; i++) {
        status = vlt_workload_matrix(workload, format, matrices[i].rows, matrices[i].columns,
                                     matrices[i].scale, random, matrices[i].out, err);
    }
    return status;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t rows = dim[VLT_VISION_BLOCK_DIM_ROWS], segment = dim[VLT_VISION_BLOCK_DIM_SEGMENT];
    int64_t head = dim[VLT_VISION_BLOCK_DIM_WIDTH] / dim[VLT_VISION_BLOCK_DIM_HEADS], left = rows;
    vlt_random random = {seed};
    size_t count;
    void *state, *original, *hidden;
    char reason[VLT_REASON_BYTES];
    vlt_status status;

    if (!vlt_vision_block_applicable(&workload->problem, NULL, reason)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "vision_block: %s", reason);
    }
    if ((rows + segment - 1) / segment > SEGMENTS_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT,
                        "vision_block: rows=%lld in segments of %lld, at most %d segments",
                        (long long)rows, (long long)segment, SEGMENTS_MAX);
    }
    if ((status = vlt_dims_bytes((int64_t[]){rows, dim[VLT_VISION_BLOCK_DIM_WIDTH]}, 2, 1, &count,
                                 err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK ||
        (status = vlt_workload_random(workload, count, VLT_DTYPE_F32, 1, &random, &original,
                                      err)) != VLT_OK ||
        (status = vlt_workload_output(workload, "hidden", count, VLT_DTYPE_F32,
                                      VLT_VISION_BLOCK_TOLERANCE, &hidden, err)) != VLT_OK) {
        return status;
    }
    struct state *s = state;
    s->original = original;
    s->args = (vlt_vision_block_args){
        .hidden = hidden, .segment_rows = s->segment_rows, .rows = rows};
    for (; left > 0; left -= segment) {
        s->segment_rows[s->args.segments++] = left < segment ? left : segment;
    }
    if ((status = vlt_vision_block_random(workload, dim[VLT_VISION_BLOCK_DIM_WIDTH],
                                          dim[VLT_VISION_BLOCK_DIM_INNER],
                                          (vlt_format)dim[VLT_VISION_BLOCK_DIM_WEIGHTS], &random,
                                          &s->constants, err)) != VLT_OK ||
        (status = vlt_rope_random_angles(workload, (size_t)(rows * (head / 2)), &random,
                                         &s->args.cos, &s->args.sin, err)) != VLT_OK) {
        return status;
    }
    workload->problem.constants = &s->constants;
    workload->args = &s->args;
    workload->state = s;
    workload->reset = reset;
    return VLT_OK;
}

VLT_OP(vision_block, .label = "{rows} rows x {width}", .tolerance = VLT_VISION_BLOCK_TOLERANCE,
       .summary = "one block of the vision tower", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

#include "optimizations/vision_tower/vision_tower.h"

#include <math.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

enum { SEGMENT_MAX = 1 << 24, SIDE = 8 /* of the workload's learned grid */ };

static const vlt_dim dims[] = {
    {"patches", VLT_DIM_POW2, 1, SEGMENT_MAX, "patches of all images, at most"},
    {"segment", VLT_DIM_POW2, 1, SEGMENT_MAX, "patches of the largest image or frame, at most"},
    {"width", VLT_DIM_EXACT, 1, 1 << 20, "elements of a patch inside"},
    {"heads", VLT_DIM_EXACT, 1, 4096, "heads; width is a multiple"},
    {"inner", VLT_DIM_EXACT, 1, 1 << 20, "elements between fc1 and fc2"},
    {"blocks", VLT_DIM_EXACT, 1, 1024, "blocks"},
    {"out", VLT_DIM_EXACT, 1, 1 << 20, "elements of a token"},
    {"merge", VLT_DIM_EXACT, 1, 16, "patches a side that become one token"},
    {"values", VLT_DIM_EXACT, 1, 1 << 20, "values of a patch"},
    {"taps", VLT_DIM_EXACT, 0, VLT_VISION_TAPS_MAX, "DeepStack mergers"},
    {"weights", VLT_DIM_EXACT, VLT_FORMAT_BF16, VLT_FORMAT_END - 1, VLT_FORMAT_HELP},
};

static const vlt_shape shapes[] = {
    {"demo_scene", {64, 64, 128, 2, 384, 4, 192, 2, 1536, 2, VLT_FORMAT_BF16}},
    {"demo_640x480", {1200, 1200, 128, 2, 384, 4, 192, 2, 1536, 2, VLT_FORMAT_BF16}},
    {"2b_two_blocks", {256, 256, 1024, 16, 4096, 2, 2048, 2, 1536, 1, VLT_FORMAT_BF16}},
};

vlt_problem vlt_vision_tower_problem(int64_t patches, int64_t segment, int64_t heads,
                                     int64_t blocks, int64_t merge, int64_t taps,
                                     const vlt_vision_tower_constants *constants)
{
    return (vlt_problem){
        .op = &vlt_op_vision_tower,
        .dim = {[VLT_VISION_TOWER_DIM_PATCHES] = patches,
                [VLT_VISION_TOWER_DIM_SEGMENT] = segment,
                [VLT_VISION_TOWER_DIM_WIDTH] = constants->patch.weight.rows,
                [VLT_VISION_TOWER_DIM_HEADS] = heads,
                [VLT_VISION_TOWER_DIM_INNER] = constants->block[0].fc1_weight.rows,
                [VLT_VISION_TOWER_DIM_BLOCKS] = blocks,
                [VLT_VISION_TOWER_DIM_OUT] = constants->merger.fc2.weight.rows,
                [VLT_VISION_TOWER_DIM_MERGE] = merge,
                [VLT_VISION_TOWER_DIM_VALUES] = constants->patch.weight.columns,
                [VLT_VISION_TOWER_DIM_TAPS] = taps,
                [VLT_VISION_TOWER_DIM_WEIGHTS] = constants->block[0].fc1_weight.format},
        .constants = constants};
}

/* The blocks' own cost, patch embedding and mergers. */
static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    const int64_t *dim = problem->dim;
    const vlt_problem block = {
        .op = &vlt_op_vision_block,
        .dim = {dim[VLT_VISION_TOWER_DIM_PATCHES], dim[VLT_VISION_TOWER_DIM_SEGMENT],
                dim[VLT_VISION_TOWER_DIM_WIDTH], dim[VLT_VISION_TOWER_DIM_HEADS],
                dim[VLT_VISION_TOWER_DIM_INNER], dim[VLT_VISION_TOWER_DIM_WEIGHTS]}};
    double patches = (double)dim[VLT_VISION_TOWER_DIM_PATCHES];
    double width = (double)dim[VLT_VISION_TOWER_DIM_WIDTH];
    double cell = (double)(dim[VLT_VISION_TOWER_DIM_MERGE] * dim[VLT_VISION_TOWER_DIM_MERGE]);
    double merged = width * cell, tokens = patches / cell;
    double merger = merged * (merged + (double)dim[VLT_VISION_TOWER_DIM_OUT]);
    double mergers = merger * (double)(1 + dim[VLT_VISION_TOWER_DIM_TAPS]);
    double embedding = width * (double)dim[VLT_VISION_TOWER_DIM_VALUES];
    double weight_bytes = (double)vlt_format_row_bytes(
                              (vlt_format)dim[VLT_VISION_TOWER_DIM_WEIGHTS], 1 << 10) /
                          (1 << 10);
    double blocks = (double)dim[VLT_VISION_TOWER_DIM_BLOCKS];
    vlt_op_vision_block.cost(&block, cost);
    cost->flops = blocks * cost->flops + 2 * patches * embedding + 2 * tokens * mergers;
    cost->bytes = blocks * cost->bytes + (embedding + mergers) * weight_bytes +
                  patches * (double)dim[VLT_VISION_TOWER_DIM_VALUES] * sizeof(float);
}

struct state {
    vlt_vision_tower_constants constants;
    vlt_patchify_constants pixels;
    vlt_vision_tower_args args;
    vlt_vision_image image;
    float *deepstack[VLT_VISION_TAPS_MAX];
    int deepstack_block[VLT_VISION_TAPS_MAX];
};

static vlt_status make_linear(vlt_workload *workload, int64_t n, int64_t k, vlt_random *random,
                              vlt_linear_constants *out, vlt_error *err)
{
    vlt_format format = (vlt_format)workload->problem.dim[VLT_VISION_TOWER_DIM_WEIGHTS];
    void *bias = NULL;
    vlt_status status = vlt_workload_matrix(workload, format, n, k, 1.7f / sqrtf((float)k), random,
                                            &out->weight, err);
    if (status == VLT_OK) {
        status = vlt_workload_random(workload, (size_t)n, VLT_DTYPE_F32, 0.5f, random, &bias, err);
    }
    out->bias = bias;
    return status;
}

static vlt_status make_merger(vlt_workload *workload, int64_t norm_width, vlt_random *random,
                              vlt_merger_constants *out, vlt_error *err)
{
    const int64_t *dim = workload->problem.dim;
    int64_t merged = dim[VLT_VISION_TOWER_DIM_WIDTH] * dim[VLT_VISION_TOWER_DIM_MERGE] *
                     dim[VLT_VISION_TOWER_DIM_MERGE];
    void *weight = NULL, *bias = NULL;
    vlt_status status = vlt_workload_random(workload, (size_t)norm_width, VLT_DTYPE_F32, 1, random,
                                            &weight, err);
    if (status == VLT_OK) {
        status = vlt_workload_random(workload, (size_t)norm_width, VLT_DTYPE_F32, 0.5f, random,
                                     &bias, err);
    }
    out->norm = (vlt_norm_constants){weight, bias, VLT_VISION_BLOCK_EPSILON};
    out->norm_width = norm_width;
    if (status == VLT_OK) {
        status = make_linear(workload, merged, merged, random, &out->fc1, err);
    }
    return status == VLT_OK ? make_linear(workload, dim[VLT_VISION_TOWER_DIM_OUT], merged, random,
                                          &out->fc2, err)
                            : status;
}

static vlt_status make_constants(vlt_workload *workload, vlt_random *random, struct state *s,
                                 vlt_error *err)
{
    const int64_t *dim = workload->problem.dim;
    int64_t width = dim[VLT_VISION_TOWER_DIM_WIDTH], blocks = dim[VLT_VISION_TOWER_DIM_BLOCKS];
    int64_t merge = dim[VLT_VISION_TOWER_DIM_MERGE], taps = dim[VLT_VISION_TOWER_DIM_TAPS];
    vlt_vision_tower_constants *c = &s->constants;
    void *block, *deepstack;
    vlt_status status;
    if ((status = vlt_workload_buffer(workload, (size_t)blocks, sizeof *c->block, &block, err)) !=
            VLT_OK ||
        (status = vlt_workload_buffer(workload, (size_t)taps, sizeof *c->deepstack, &deepstack,
                                      err)) != VLT_OK ||
        (status = make_linear(workload, width, dim[VLT_VISION_TOWER_DIM_VALUES], random, &c->patch,
                              err)) != VLT_OK ||
        (status = vlt_workload_matrix(workload, (vlt_format)dim[VLT_VISION_TOWER_DIM_WEIGHTS],
                                      SIDE * SIDE, width, 0.5f, random, &c->position, err)) !=
            VLT_OK ||
        (status = make_merger(workload, width, random, &c->merger, err)) != VLT_OK) {
        return status;
    }
    for (int64_t i = 0; i < blocks && status == VLT_OK; i++) {
        status = vlt_vision_block_random(workload, width, dim[VLT_VISION_TOWER_DIM_INNER],
                                         (vlt_format)dim[VLT_VISION_TOWER_DIM_WEIGHTS], random,
                                         (vlt_vision_block_constants *)block + i, err);
    }
    for (int64_t k = 0; k < taps && status == VLT_OK; k++) {
        s->deepstack_block[k] = (int)(k < blocks ? k : blocks - 1);
        status = make_merger(workload, width * merge * merge, random,
                             (vlt_merger_constants *)deepstack + k, err);
    }
    if (dim[VLT_VISION_TOWER_DIM_VALUES] % 3 == 0) {
        static const float middle[3] = {127.5f, 127.5f, 127.5f};
        vlt_patchify_constants_init(&s->pixels, 1, middle, middle);
        c->pixels = &s->pixels;
    }
    c->temporal = dim[VLT_VISION_TOWER_DIM_VALUES] % 2 ? 1 : 2;
    c->position_side = SIDE;
    c->rope_theta = 10000;
    c->block = block;
    c->deepstack = deepstack;
    c->deepstack_block = s->deepstack_block;
    return status;
}

/* One image whose sides are as equal as its patches allow. */
static vlt_grid grid_of(int64_t patches, int64_t merge)
{
    int64_t cells = patches / (merge * merge), rows = (int64_t)sqrt((double)cells);
    while (cells % rows) {
        rows--;
    }
    return (vlt_grid){.t = 1, .h = rows * merge, .w = cells / rows * merge};
}

static vlt_status make_outputs(vlt_workload *workload, struct state *s, int64_t tokens,
                               vlt_error *err)
{
    static const char *const names[] = {"deepstack.0", "deepstack.1", "deepstack.2", "deepstack.3"};
    size_t count = (size_t)(tokens * workload->problem.dim[VLT_VISION_TOWER_DIM_OUT]);
    void *out = NULL;
    vlt_status status = vlt_workload_output(workload, "embedding", count, VLT_DTYPE_F32,
                                            VLT_VISION_TOWER_TOLERANCE, &out, err);
    s->args.embedding = out;
    for (int64_t k = 0; k < workload->problem.dim[VLT_VISION_TOWER_DIM_TAPS] && status == VLT_OK;
         k++) {
        status = k < 4 ? vlt_workload_output(workload, names[k], count, VLT_DTYPE_F32,
                                             VLT_VISION_TOWER_TOLERANCE, &out, err)
                       : vlt_workload_buffer(workload, count, sizeof(float), &out, err);
        s->deepstack[k] = out;
    }
    s->args.deepstack = s->deepstack;
    return status;
}

/* By seed: patches as f32, or, where three colours divide them, as bytes. */
static vlt_status make_image(vlt_workload *workload, uint64_t seed, int64_t patches,
                             vlt_random *random, struct state *s, vlt_error *err)
{
    const int64_t *dim = workload->problem.dim;
    const size_t values = (size_t)(patches * dim[VLT_VISION_TOWER_DIM_VALUES]);
    void *rows;
    s->image.grid = grid_of(patches, dim[VLT_VISION_TOWER_DIM_MERGE]);
    if (seed % 2 == 0 || !s->constants.pixels) {
        vlt_status status = vlt_workload_random(workload, values, VLT_DTYPE_F32, 1, random, &rows,
                                                err);
        s->image.patches = rows;
        return status;
    }
    const size_t bytes = values / (size_t)s->constants.temporal;
    vlt_status status = vlt_workload_buffer(workload, bytes, 1, &rows, err);
    for (size_t i = 0; i < bytes && status == VLT_OK; i++) {
        ((uint8_t *)rows)[i] = (uint8_t)(vlt_random_next(random) >> 32);
    }
    s->image.pixels = rows;
    return status;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t merge = dim[VLT_VISION_TOWER_DIM_MERGE], patches = dim[VLT_VISION_TOWER_DIM_PATCHES];
    vlt_random random = {seed};
    void *state;
    vlt_status status;
    patches -= patches % (merge * merge);
    if (patches < 1 || patches > dim[VLT_VISION_TOWER_DIM_SEGMENT] ||
        dim[VLT_VISION_TOWER_DIM_WIDTH] % (4 * dim[VLT_VISION_TOWER_DIM_HEADS])) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "vision_tower: patches=%lld in one segment of %lld, cells of %lld, "
                        "width=%lld over heads=%lld: expected one image and heads of a multiple of "
                        "4 elements",
                        (long long)dim[VLT_VISION_TOWER_DIM_PATCHES],
                        (long long)dim[VLT_VISION_TOWER_DIM_SEGMENT], (long long)(merge * merge),
                        (long long)dim[VLT_VISION_TOWER_DIM_WIDTH],
                        (long long)dim[VLT_VISION_TOWER_DIM_HEADS]);
    }
    if ((status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK ||
        (status = make_constants(workload, &random, state, err)) != VLT_OK ||
        (status = make_image(workload, seed, patches, &random, state, err)) != VLT_OK ||
        (status = make_outputs(workload, state, patches / (merge * merge), err)) != VLT_OK) {
        return status;
    }
    struct state *s = state;
    s->args.image = &s->image;
    s->args.images = 1;
    workload->problem.constants = &s->constants;
    workload->args = &s->args;
    return VLT_OK;
}

VLT_OP(vision_tower, .tolerance = VLT_VISION_TOWER_TOLERANCE,
       .summary = "patches to visual embeddings: the whole tower", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

#include "optimizations/patchify/patchify.h"

#include "optimizations/core/random.h"

enum { SIDE_MAX = 1 << 20, PATCH_MAX = 256, MERGE_MAX = 16 };

static const vlt_dim dims[] = {
    {"h", VLT_DIM_POW2, 1, SIDE_MAX, "rows, a multiple of patch * merge"},
    {"w", VLT_DIM_POW2, 1, SIDE_MAX, "columns, a multiple of patch * merge"},
    {"patch", VLT_DIM_EXACT, 1, PATCH_MAX, "side of a patch in pixels"},
    {"temporal", VLT_DIM_EXACT, 1, VLT_PATCHIFY_TEMPORAL_MAX, "frames of a patch"},
    {"merge", VLT_DIM_EXACT, 1, MERGE_MAX, "patches a side that become one token"},
    {"bytes", VLT_DIM_ANY, 0, 1, "1: the pixels of one frame as they are; 0: normalised f32"},
};

static const vlt_shape shapes[] = {
    {"rocket", {416, 640, 16, 2, 2}},
    {"photo", {1088, 1920, 16, 2, 2}},
    {"scene", {128, 128, 16, 2, 2}},
    {"photo_bytes", {1088, 1920, 16, 2, 2, 1}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double pixels = (double)problem->dim[VLT_PATCHIFY_DIM_H] *
                    (double)problem->dim[VLT_PATCHIFY_DIM_W];
    double temporal = (double)problem->dim[VLT_PATCHIFY_DIM_TEMPORAL];
    double written = problem->dim[VLT_PATCHIFY_DIM_BYTES] ? 1 : temporal * sizeof(float);
    /* a still image is read once */
    *cost = (vlt_cost){
        .flops = 0, .bytes = pixels * 3 * (1 + written), .work = pixels, .unit = "px"};
}

void vlt_patchify_constants_init(vlt_patchify_constants *constants, double factor,
                                 const float *mean, const float *std)
{
    constants->factor = factor;
    for (int c = 0; c < 3; c++) {
        constants->mean[c] = mean[c];
        constants->std[c] = std[c];
        for (int v = 0; v < 256; v++) {
            constants->table[c][v] = ((float)((double)v * factor) - mean[c]) / std[c];
        }
    }
}

void vlt_patchify_widen(const vlt_patchify_constants *constants, int64_t temporal, int64_t values,
                        const uint8_t *bytes, int64_t rows, float *out)
{
    const int64_t area = values / (3 * temporal);
    for (int64_t row = 0; row < rows; row++) {
        for (int c = 0; c < 3; c++, bytes += area) {
            for (int64_t t = 0; t < temporal; t++) {
                for (int64_t i = 0; i < area; i++) {
                    *out++ = constants->table[c][bytes[i]];
                }
            }
        }
    }
}

struct state {
    vlt_patchify_constants constants;
    vlt_patchify_args args;
};

/* By seed: the published values in either arithmetic, values per channel, a table of no formula;
 * one frame for all, or distinct ones. */
static void make_constants(uint64_t seed, vlt_random *random, vlt_patchify_constants *constants)
{
    static const float half[3] = {0.5f, 0.5f, 0.5f}, middle[3] = {127.5f, 127.5f, 127.5f};
    static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
    static const float std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
    switch (seed % 4) {
    case 0:
        vlt_patchify_constants_init(constants, 1.0 / 255, half, half);
        break;
    case 1:
        vlt_patchify_constants_init(constants, 1, middle, middle);
        break;
    case 2:
        vlt_patchify_constants_init(constants, 1.0 / 255, mean, std);
        break;
    default:
        vlt_patchify_constants_init(constants, 1, middle, middle);
        for (int v = 0; v < 256; v++) {
            constants->table[1][v] = vlt_random_signed(random);
        }
    }
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t w = dim[VLT_PATCHIFY_DIM_W], temporal = dim[VLT_PATCHIFY_DIM_TEMPORAL];
    size_t pixels = (size_t)(dim[VLT_PATCHIFY_DIM_H] * w);
    vlt_random random = {seed};
    void *state, *frame, *out;
    vlt_status status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err);
    if (status == VLT_OK) {
        const bool bytes = dim[VLT_PATCHIFY_DIM_BYTES];
        status = vlt_workload_output(workload, "out", pixels * 3 * (bytes ? 1 : (size_t)temporal),
                                     bytes ? VLT_DTYPE_U8 : VLT_DTYPE_F32, 0, &out, err);
    }
    for (int64_t t = 0; t < temporal && status == VLT_OK; t++) {
        struct state *s = state;
        if (t && seed % 3) {
            s->args.frame[t] = s->args.frame[0];
            continue;
        }
        status = vlt_workload_buffer(workload, pixels, 3, &frame, err);
        for (size_t i = 0; i < pixels * 3 && status == VLT_OK; i++) {
            ((uint8_t *)frame)[i] = (uint8_t)(vlt_random_next(&random) >> 32);
        }
        s->args.frame[t] = frame;
    }
    if (status == VLT_OK) {
        struct state *s = state;
        make_constants(seed, &random, &s->constants);
        s->args.stride = w * 3;
        s->args.out = out;
        workload->problem.constants = &s->constants;
        workload->args = &s->args;
    }
    return status;
}

VLT_OP(patchify, .label = "{w}x{h}", .summary = "RGB frames to patch rows in the model's order",
       .dims = dims, .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

#include "optimizations/patch_embed/patch_embed.h"

#include <math.h>

#include "optimizations/core/random.h"

static const vlt_dim dims[] = {
    {"rows", VLT_DIM_POW2, 1, 1 << 24, "patches, at most"},
    {"width", VLT_DIM_EXACT, 1, 1 << 20, "elements of a patch inside"},
    {"values", VLT_DIM_EXACT, 3, 1 << 20, "values of a patch, a multiple of 3 * temporal"},
    {"temporal", VLT_DIM_EXACT, 1, VLT_PATCHIFY_TEMPORAL_MAX, "frames of a patch"},
    {"weights", VLT_DIM_EXACT, VLT_FORMAT_BF16, VLT_FORMAT_END - 1, VLT_FORMAT_HELP},
};

/* The demo model, then the 2B model's pictures of 512 x 512 and 1024 x 1024. */
static const vlt_shape shapes[] = {
    {"demo_scene", {64, 128, 1536, 2, VLT_FORMAT_BF16}},
    {"demo_640x480", {1200, 128, 1536, 2, VLT_FORMAT_BF16}},
    {"2b_512", {1024, 1024, 1536, 2, VLT_FORMAT_BF16}},
    {"2b_1024", {4096, 1024, 1536, 2, VLT_FORMAT_BF16}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    const int64_t *dim = problem->dim;
    double rows = (double)dim[VLT_PATCH_EMBED_DIM_ROWS];
    double width = (double)dim[VLT_PATCH_EMBED_DIM_WIDTH];
    double values = (double)dim[VLT_PATCH_EMBED_DIM_VALUES];
    double row_bytes = (double)vlt_format_row_bytes((vlt_format)dim[VLT_PATCH_EMBED_DIM_WEIGHTS],
                                                    dim[VLT_PATCH_EMBED_DIM_VALUES]);
    *cost = (vlt_cost){
        .compute = VLT_COMPUTE_F32,
        .flops = 2 * rows * width * values,
        .bytes = width * row_bytes +
                 rows * ((double)vlt_patch_embed_pixels(problem) + width * sizeof(float)),
        .work = rows,
        .unit = "patch"};
}

struct state {
    vlt_linear_constants linear;
    vlt_patchify_constants pixels;
    vlt_patch_embed_constants constants;
    vlt_patch_embed_args args;
};

/* By seed: the published normalisation in either arithmetic, or one that differs by channel. */
static void make_table(uint64_t seed, vlt_patchify_constants *out)
{
    static const float half[3] = {0.5f, 0.5f, 0.5f}, middle[3] = {127.5f, 127.5f, 127.5f};
    static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
    static const float std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
    if (seed % 3 == 0) {
        vlt_patchify_constants_init(out, 1, middle, middle);
    } else {
        vlt_patchify_constants_init(out, 1.0 / 255, seed % 3 == 1 ? half : mean,
                                    seed % 3 == 1 ? half : std);
    }
}

static vlt_status make_linear(vlt_workload *workload, vlt_random *random, vlt_linear_constants *out,
                              vlt_error *err)
{
    const int64_t *dim = workload->problem.dim;
    int64_t width = dim[VLT_PATCH_EMBED_DIM_WIDTH], values = dim[VLT_PATCH_EMBED_DIM_VALUES];
    void *bias = NULL;
    vlt_status status = vlt_workload_matrix(workload, (vlt_format)dim[VLT_PATCH_EMBED_DIM_WEIGHTS],
                                            width, values, 1.7f / sqrtf((float)values), random,
                                            &out->weight, err);
    if (status == VLT_OK) {
        status = vlt_workload_random(workload, (size_t)width, VLT_DTYPE_F32, 0.5f, random, &bias,
                                     err);
    }
    out->bias = bias;
    return status;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t rows = dim[VLT_PATCH_EMBED_DIM_ROWS],
            pixels = vlt_patch_embed_pixels(&workload->problem);
    vlt_random random = {seed};
    void *state, *bytes, *out;
    vlt_status status;
    if (dim[VLT_PATCH_EMBED_DIM_VALUES] % (3 * dim[VLT_PATCH_EMBED_DIM_TEMPORAL])) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "patch_embed: values=%lld, expected a multiple of 3 colours of %lld frames",
                        (long long)dim[VLT_PATCH_EMBED_DIM_VALUES],
                        (long long)dim[VLT_PATCH_EMBED_DIM_TEMPORAL]);
    }
    if ((status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err)) != VLT_OK ||
        (status = vlt_workload_buffer(workload, (size_t)(rows * pixels), 1, &bytes, err)) !=
            VLT_OK ||
        (status = make_linear(workload, &random, &((struct state *)state)->linear, err)) !=
            VLT_OK ||
        (status = vlt_workload_output(
             workload, "out", (size_t)(rows * dim[VLT_PATCH_EMBED_DIM_WIDTH]), VLT_DTYPE_F32,
             VLT_PATCH_EMBED_TOLERANCE, &out, err)) != VLT_OK) {
        return status;
    }
    for (int64_t i = 0; i < rows * pixels; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)(vlt_random_next(&random) >> 32);
    }
    struct state *s = state;
    make_table(seed, &s->pixels);
    s->constants = (vlt_patch_embed_constants){&s->linear, &s->pixels};
    s->args = (vlt_patch_embed_args){.pixels = bytes, .out = out, .rows = rows};
    workload->problem.constants = &s->constants;
    workload->args = &s->args;
    return VLT_OK;
}

VLT_OP(patch_embed, .label = "{rows} patches to {width}", .tolerance = VLT_PATCH_EMBED_TOLERANCE,
       .summary = "patches of bytes through the vision tower's first layer", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

#include "optimizations/preprocess/preprocess.h"

#include "optimizations/core/random.h"

enum { SIDE_MAX = 1 << 20, IMAGES_MAX = 1 << 16, PATCH_MAX = 256, MERGE_MAX = 16 };

static const vlt_dim dims[] = {
    {"images", VLT_DIM_POW2, 1, IMAGES_MAX, "groups of frames, at most"},
    {"frames", VLT_DIM_EXACT, 1, VLT_PATCHIFY_TEMPORAL_MAX, "distinct frames of a group"},
    {"src_h", VLT_DIM_POW2, 1, SIDE_MAX, "rows of the source"},
    {"src_w", VLT_DIM_POW2, 1, SIDE_MAX, "columns of the source"},
    {"dst_h", VLT_DIM_POW2, 1, SIDE_MAX, "rows after resizing"},
    {"dst_w", VLT_DIM_POW2, 1, SIDE_MAX, "columns after resizing"},
    {"arithmetic", VLT_DIM_EXACT, VLT_ARITHMETIC_TORCH, VLT_ARITHMETIC_PILLOW12,
     "0 torch, 1 pillow, 2 pillow12"},
    {"patch", VLT_DIM_EXACT, 1, PATCH_MAX, "side of a patch in pixels"},
    {"temporal", VLT_DIM_EXACT, 1, VLT_PATCHIFY_TEMPORAL_MAX, "frames of a patch"},
    {"merge", VLT_DIM_EXACT, 1, MERGE_MAX, "patches a side that become one token"},
    {"bytes", VLT_DIM_ANY, 0, 1, "1: rows of bytes, of still images alone; 0: normalised f32"},
};

static const vlt_shape shapes[] = {
    {"picture", {1, 1, 480, 640, 480, 640, VLT_ARITHMETIC_TORCH, 16, 2, 2}},
    {"rocket", {1, 1, 427, 640, 416, 640, VLT_ARITHMETIC_TORCH, 16, 2, 2}},
    {"photo", {1, 1, 1080, 1920, 1088, 1920, VLT_ARITHMETIC_TORCH, 16, 2, 2}},
    {"video", {4, 2, 360, 640, 352, 640, VLT_ARITHMETIC_TORCH, 16, 2, 2}},
    {"photo_bytes", {1, 1, 1080, 1920, 1088, 1920, VLT_ARITHMETIC_TORCH, 16, 2, 2, 1}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    const int64_t *dim = problem->dim;
    vlt_cost resize, patchify;
    double groups = (double)dim[VLT_PREPROCESS_DIM_IMAGES];
    double frames = groups * (double)dim[VLT_PREPROCESS_DIM_FRAMES];
    vlt_problem inner = vlt_resize_problem(
        dim[VLT_PREPROCESS_DIM_SRC_H], dim[VLT_PREPROCESS_DIM_SRC_W], dim[VLT_PREPROCESS_DIM_DST_H],
        dim[VLT_PREPROCESS_DIM_DST_W], (vlt_arithmetic)dim[VLT_PREPROCESS_DIM_ARITHMETIC]);
    vlt_op_resize.cost(&inner, &resize);
    inner = vlt_patchify_problem(dim[VLT_PREPROCESS_DIM_DST_H], dim[VLT_PREPROCESS_DIM_DST_W],
                                 dim[VLT_PREPROCESS_DIM_PATCH], dim[VLT_PREPROCESS_DIM_TEMPORAL],
                                 dim[VLT_PREPROCESS_DIM_MERGE], NULL);
    inner.dim[VLT_PATCHIFY_DIM_BYTES] = dim[VLT_PREPROCESS_DIM_BYTES];
    vlt_op_patchify.cost(&inner, &patchify);
    *cost = (vlt_cost){.flops = frames * resize.flops,
                       .bytes = frames * resize.bytes + groups * patchify.bytes,
                       .work = frames * resize.work,
                       .unit = "px"};
}

struct state {
    vlt_patchify_constants constants;
    vlt_preprocess_args args;
};

static vlt_status make_frames(vlt_workload *workload, uint64_t seed, const uint8_t **src,
                              size_t count, size_t bytes, vlt_error *err)
{
    vlt_random random = {seed};
    void *pixels;
    vlt_status status = vlt_workload_buffer(workload, count, bytes, &pixels, err);
    for (size_t i = 0; i < count && status == VLT_OK; i++) {
        uint8_t *frame = (uint8_t *)pixels + i * bytes;
        for (size_t b = 0; b < bytes; b++) {
            frame[b] = (uint8_t)(vlt_random_next(&random) >> 32);
        }
        src[i] = frame;
    }
    return status;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    static const float middle[3] = {127.5f, 127.5f, 127.5f};
    const int64_t *dim = workload->problem.dim;
    int64_t images = dim[VLT_PREPROCESS_DIM_IMAGES], stride = dim[VLT_PREPROCESS_DIM_SRC_W] * 3;
    size_t count = (size_t)(images * dim[VLT_PREPROCESS_DIM_FRAMES]);
    const bool bytes = dim[VLT_PREPROCESS_DIM_BYTES];
    size_t outputs = (size_t)(images * dim[VLT_PREPROCESS_DIM_DST_H] *
                              dim[VLT_PREPROCESS_DIM_DST_W] * 3 *
                              (bytes ? 1 : dim[VLT_PREPROCESS_DIM_TEMPORAL]));
    void *state, *src, *out;
    vlt_status status = vlt_workload_buffer(workload, 1, sizeof(struct state), &state, err);
    if (status == VLT_OK) {
        status = vlt_workload_buffer(workload, count, sizeof(uint8_t *), &src, err);
    }
    if (status == VLT_OK) {
        status = vlt_workload_output(workload, "out", outputs, bytes ? VLT_DTYPE_U8 : VLT_DTYPE_F32,
                                     0, &out, err);
    }
    if (status == VLT_OK) {
        status = make_frames(workload, seed, src, count,
                             (size_t)(dim[VLT_PREPROCESS_DIM_SRC_H] * stride), err);
    }
    if (status == VLT_OK) {
        struct state *s = state;
        vlt_patchify_constants_init(&s->constants, 1, middle, middle);
        s->args = (vlt_preprocess_args){
            .src = src, .src_stride = stride, .images = images, .out = out};
        workload->problem.constants = &s->constants;
        workload->args = &s->args;
    }
    return status;
}

VLT_OP(preprocess, .label = "{src_w}x{src_h} -> {dst_w}x{dst_h}",
       .summary = "images to patch rows: resize, then patchify", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

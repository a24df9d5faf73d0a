#include "optimizations/resize/resize.h"

#include "optimizations/core/random.h"

enum { SIDE_MAX = 1 << 20 };

static const vlt_dim dims[] = {
    {"src_h", VLT_DIM_POW2, 1, SIDE_MAX, "rows of the source"},
    {"src_w", VLT_DIM_POW2, 1, SIDE_MAX, "columns of the source"},
    {"dst_h", VLT_DIM_POW2, 1, SIDE_MAX, "rows of the result"},
    {"dst_w", VLT_DIM_POW2, 1, SIDE_MAX, "columns of the result"},
    {"arithmetic", VLT_DIM_EXACT, VLT_ARITHMETIC_TORCH, VLT_ARITHMETIC_PILLOW12,
     "0 torch, 1 pillow, 2 pillow12"},
};

static const vlt_shape shapes[] = {
    {"rocket", {427, 640, 416, 640, VLT_ARITHMETIC_TORCH}},
    {"photo", {1080, 1920, 1088, 1920, VLT_ARITHMETIC_TORCH}},
    {"shrink", {1536, 2048, 864, 1152, VLT_ARITHMETIC_TORCH}},
    {"grow", {149, 227, 224, 320, VLT_ARITHMETIC_TORCH}},
    {"pillow", {1080, 1920, 1088, 1900, VLT_ARITHMETIC_PILLOW}},
};

static double taps_of(double in, double out)
{
    return 4 * (in > out ? in / out : 1);
}

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double src_h = (double)problem->dim[VLT_RESIZE_DIM_SRC_H];
    double src_w = (double)problem->dim[VLT_RESIZE_DIM_SRC_W];
    double dst_h = (double)problem->dim[VLT_RESIZE_DIM_DST_H];
    double dst_w = (double)problem->dim[VLT_RESIZE_DIM_DST_W];
    double flops = (src_w == dst_w ? 0 : src_h * dst_w * taps_of(src_w, dst_w)) +
                   (src_h == dst_h ? 0 : dst_h * dst_w * taps_of(src_h, dst_h));
    *cost = (vlt_cost){.flops = 6 * flops,
                       .bytes = 3 * (src_h * src_w + dst_h * dst_w),
                       .work = dst_h * dst_w,
                       .unit = "px"};
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t src_stride = dim[VLT_RESIZE_DIM_SRC_W] * 3, dst_stride = dim[VLT_RESIZE_DIM_DST_W] * 3;
    size_t src_bytes = (size_t)(dim[VLT_RESIZE_DIM_SRC_H] * src_stride);
    size_t dst_bytes = (size_t)(dim[VLT_RESIZE_DIM_DST_H] * dst_stride);
    vlt_random random = {seed};
    void *src, *dst, *args;
    vlt_status status = vlt_workload_buffer(workload, src_bytes, 1, &src, err);
    if (status == VLT_OK) {
        status = vlt_workload_buffer(workload, 1, sizeof(vlt_resize_args), &args, err);
    }
    if (status == VLT_OK) {
        status = vlt_workload_output(workload, "dst", dst_bytes, VLT_DTYPE_U8, 0, &dst, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    /* noise with saturated stretches, so that both clamps are reached */
    for (size_t i = 0; i < src_bytes; i++) {
        uint64_t bits = vlt_random_next(&random);
        ((uint8_t *)src)[i] = (bits >> 8) % 3 ? (uint8_t)bits : (bits & 1 ? 255 : 0);
    }
    *(vlt_resize_args *)args = (vlt_resize_args){
        .src = src, .dst = dst, .src_stride = src_stride, .dst_stride = dst_stride};
    workload->args = args;
    return VLT_OK;
}

VLT_OP(resize, .label = "{src_w}x{src_h} -> {dst_w}x{dst_h}",
       .summary = "bicubic resize of RGB bytes with antialias, bit-exact", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

#include "optimizations/jpeg_decode/jpeg_decode.h"

#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/jpeg_decode/jpeg_encode.h"

enum { SIDE_MAX = 65500 };

static const vlt_dim dims[] = {
    {"h", VLT_DIM_POW2, 1, SIDE_MAX, "rows"},
    {"w", VLT_DIM_POW2, 1, SIDE_MAX, "columns"},
    {"restarts", VLT_DIM_POW2, 0, SIDE_MAX, "rows of MCUs between restart markers, 0: none"},
};

static const vlt_shape shapes[] = {
    {"small", {480, 640, 0}},
    {"photo", {1080, 1920, 0}},
    {"restarts", {1080, 1920, 1}},
};

static void cost(const vlt_problem *problem, vlt_cost *cost)
{
    double pixels = (double)problem->dim[VLT_JPEG_DECODE_DIM_H] *
                    (double)problem->dim[VLT_JPEG_DECODE_DIM_W];
    /* about a bit of input for every pixel, as phones write it */
    *cost = (vlt_cost){.flops = 0, .bytes = pixels * 3.125, .work = pixels, .unit = "px"};
}

/* Gradients, a few hundred filled boxes and a little noise: about as busy as a photo. */
static void draw(uint8_t *rgb, int64_t h, int64_t w, vlt_random *random)
{
    for (int64_t y = 0; y < h; y++) {
        for (int64_t x = 0; x < w; x++) {
            uint8_t *pixel = rgb + (y * w + x) * 3;
            uint64_t noise = vlt_random_next(random);
            for (int c = 0; c < 3; c++) {
                pixel[c] = (uint8_t)(40 + (x * (c + 2) / 8 + y / (c + 2)) % 160 +
                                     (int64_t)(noise >> (8 * c) & 7));
            }
        }
    }
    for (int box = 0; box < 200; box++) {
        int64_t top = vlt_random_range(random, 0, h - 1), left = vlt_random_range(random, 0, w - 1);
        int64_t bottom = vlt_random_range(random, top, top + h / 8);
        int64_t right = vlt_random_range(random, left, left + w / 8);
        uint64_t colour = vlt_random_next(random);
        for (int64_t y = top; y < h && y <= bottom; y++) {
            for (int64_t x = left; x < w && x <= right; x++) {
                memcpy(rgb + (y * w + x) * 3, &colour, 3);
            }
        }
    }
}

/* Half of the workloads have 4:2:0 chroma, which makes decoding reach across rows of MCUs. */
static vlt_status encode(vlt_workload *workload, uint64_t seed, vlt_jpeg_decode_args *args,
                         vlt_error *err)
{
    const int64_t *dim = workload->problem.dim;
    int64_t h = dim[VLT_JPEG_DECODE_DIM_H], w = dim[VLT_JPEG_DECODE_DIM_W];
    static const vlt_jpeg_subsampling subsamplings[] = {VLT_JPEG_444, VLT_JPEG_420, VLT_JPEG_422,
                                                        VLT_JPEG_420};
    vlt_jpeg_encode_options options = {.quality = 85,
                                       .subsampling = subsamplings[seed % 4],
                                       .restart_rows = (int)dim[VLT_JPEG_DECODE_DIM_RESTARTS]};
    vlt_random random = {seed};
    void *rgb = NULL, *copy;
    uint8_t *jpeg = NULL;
    size_t bytes = 0;
    vlt_status status = vlt_alloc((size_t)h * (size_t)w * 3, &rgb, err);
    if (status == VLT_OK) {
        draw(rgb, h, w, &random);
        status = vlt_jpeg_encode(rgb, w, h, &options, &jpeg, &bytes, err);
    }
    if (status == VLT_OK) {
        status = vlt_workload_buffer(workload, bytes, 1, &copy, err);
    }
    if (status == VLT_OK) {
        memcpy(copy, jpeg, bytes);
        args->data = copy;
        args->data_bytes = bytes;
    }
    vlt_free(jpeg);
    vlt_free(rgb);
    return status;
}

static vlt_status workload_init(vlt_context *context, uint64_t seed, vlt_workload *workload,
                                vlt_error *err)
{
    (void)context;
    const int64_t *dim = workload->problem.dim;
    int64_t h = dim[VLT_JPEG_DECODE_DIM_H], w = dim[VLT_JPEG_DECODE_DIM_W];
    void *args, *rgb, *reached;
    if (h > (INT64_C(1) << 28) / w) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "jpeg_decode: %lldx%lld pixels, expected at most %d",
                        (long long)w, (long long)h, 1 << 28);
    }
    vlt_status status = vlt_workload_buffer(workload, 1, sizeof(vlt_jpeg_decode_args), &args, err);
    if (status == VLT_OK) {
        status = vlt_workload_output(workload, "rgb", (size_t)(h * w * 3), VLT_DTYPE_U8, 0, &rgb,
                                     err);
    }
    if (status == VLT_OK) {
        status = vlt_workload_output(workload, "rows_reached", 1, VLT_DTYPE_I64, 0, &reached, err);
    }
    if (status == VLT_OK) {
        status = encode(workload, seed, args, err);
    }
    if (status == VLT_OK) {
        vlt_jpeg_decode_args *a = args;
        a->rgb = rgb;
        a->stride = w * 3;
        a->strict = true;
        a->rows_reached = reached;
        workload->args = a;
    }
    return status;
}

VLT_OP(jpeg_decode, .label = "{w}x{h}",
       .summary = "JPEG bytes to RGB, byte-identical to libjpeg-turbo", .dims = dims,
       .dim_count = sizeof dims / sizeof *dims, .shapes = shapes,
       .shape_count = sizeof shapes / sizeof *shapes, .cost = cost, .workload_init = workload_init);

/* Two plain passes over the whole image, one sample after the other. */
#include <string.h>

#include "optimizations/resize/resize_internal.h"

static void horizontal(const vlt_resize_axis *x, const uint8_t *src, int64_t src_stride,
                       uint8_t *dst, int64_t dst_stride, int64_t rows)
{
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < x->out; i++) {
            const int32_t *weight = x->weight + i * x->taps;
            const uint8_t *in = src + row * src_stride + (int64_t)x->first[i] * 3;
            for (int c = 0; c < 3; c++) {
                int32_t sum = 1 << (x->precision - 1);
                for (int j = 0; j < x->count[i]; j++) {
                    sum += weight[j] * in[j * 3 + c];
                }
                dst[row * dst_stride + i * 3 + c] = vlt_resize_clamp(sum >> x->precision);
            }
        }
    }
}

static void vertical(const vlt_resize_axis *y, const uint8_t *src, int64_t src_stride, uint8_t *dst,
                     int64_t dst_stride, int64_t row_bytes)
{
    for (int64_t i = 0; i < y->out; i++) {
        const int32_t *weight = y->weight + i * y->taps;
        const uint8_t *in = src + y->first[i] * src_stride;
        for (int64_t b = 0; b < row_bytes; b++) {
            int32_t sum = 1 << (y->precision - 1);
            for (int j = 0; j < y->count[i]; j++) {
                sum += weight[j] * in[j * src_stride + b];
            }
            dst[i * dst_stride + b] = vlt_resize_clamp(sum >> y->precision);
        }
    }
}

static void copy(const vlt_resize_args *args, int64_t rows, int64_t row_bytes)
{
    for (int64_t row = 0; row < rows; row++) {
        memcpy(args->dst + row * args->dst_stride, args->src + row * args->src_stride,
               (size_t)row_bytes);
    }
}

/* The image between the passes. */
static size_t middle_bytes(const vlt_resize_tables *tables)
{
    const vlt_resize_axis *x = &tables->x, *y = &tables->y;
    if (tables->skip_x || tables->skip_y) {
        return 0;
    }
    return (size_t)(tables->vertical_first ? x->in * y->out * 3 : x->out * y->in * 3);
}

static size_t scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, middle_bytes(plan->state), 1);
    return bytes;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_resize_args *a = args;
    const vlt_resize_tables *tables = plan->state;
    const vlt_resize_axis *x = &tables->x, *y = &tables->y;
    uint8_t *middle = vlt_frame_take(&frame, middle_bytes(tables), 1);
    if (tables->skip_x && tables->skip_y) {
        copy(a, y->out, x->out * 3);
    } else if (tables->skip_x) {
        vertical(y, a->src, a->src_stride, a->dst, a->dst_stride, x->out * 3);
    } else if (tables->skip_y) {
        horizontal(x, a->src, a->src_stride, a->dst, a->dst_stride, y->out);
    } else if (tables->vertical_first) {
        vertical(y, a->src, a->src_stride, middle, x->in * 3, x->in * 3);
        horizontal(x, middle, x->in * 3, a->dst, a->dst_stride, y->out);
    } else {
        horizontal(x, a->src, a->src_stride, middle, x->out * 3, y->in);
        vertical(y, middle, x->out * 3, a->dst, a->dst_stride, x->out * 3);
    }
    return VLT_OK;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    vlt_status status = vlt_alloc(sizeof(vlt_resize_tables), &plan->state, err);
    return status == VLT_OK ? vlt_resize_tables_init(plan->state, &plan->problem, err) : status;
}

static void release(vlt_plan *plan)
{
    if (plan->state) {
        vlt_resize_tables_release(plan->state);
        vlt_free(plan->state);
    }
}

VLT_VARIANT(resize, baseline, .summary = "two plain passes over the whole image",
            .prepare = prepare, .scratch = scratch, .run = run, .release = release);

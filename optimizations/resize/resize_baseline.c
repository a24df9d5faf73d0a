/* Two plain passes over the whole image, one sample after the other. */
#include <stdlib.h>
#include <string.h>

#include "optimizations/resize/resize_internal.h"

struct state {
    vlt_resize_tables tables;
    uint8_t *middle; /* the image between the passes */
};

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

static vlt_status run(vlt_plan *plan, const void *args, vlt_error *err)
{
    (void)err;
    const vlt_resize_args *a = args;
    struct state *state = plan->state;
    const vlt_resize_axis *x = &state->tables.x, *y = &state->tables.y;
    if (state->tables.skip_x && state->tables.skip_y) {
        copy(a, y->out, x->out * 3);
    } else if (state->tables.skip_x) {
        vertical(y, a->src, a->src_stride, a->dst, a->dst_stride, x->out * 3);
    } else if (state->tables.skip_y) {
        horizontal(x, a->src, a->src_stride, a->dst, a->dst_stride, y->out);
    } else if (state->tables.vertical_first) {
        vertical(y, a->src, a->src_stride, state->middle, x->in * 3, x->in * 3);
        horizontal(x, state->middle, x->in * 3, a->dst, a->dst_stride, y->out);
    } else {
        horizontal(x, a->src, a->src_stride, state->middle, x->out * 3, y->in);
        vertical(y, state->middle, x->out * 3, a->dst, a->dst_stride, x->out * 3);
    }
    return VLT_OK;
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    void *block;
    vlt_status status = vlt_alloc(sizeof(struct state), &plan->state, err);
    struct state *state = plan->state;
    if (status == VLT_OK) {
        status = vlt_resize_tables_init(&state->tables, &plan->problem, err);
    }
    if (status == VLT_OK) {
        const vlt_resize_axis *x = &state->tables.x, *y = &state->tables.y;
        size_t vertical_first = (size_t)(x->in * y->out * 3);
        size_t horizontal_first = (size_t)(x->out * y->in * 3);
        status = vlt_alloc(state->tables.vertical_first ? vertical_first : horizontal_first, &block,
                           err);
        state->middle = block;
    }
    return status;
}

static void release(vlt_plan *plan)
{
    struct state *state = plan->state;
    if (state) {
        vlt_free(state->middle);
        vlt_resize_tables_release(&state->tables);
        vlt_free(state);
    }
}

VLT_VARIANT(resize, baseline, .summary = "two plain passes over the whole image",
            .prepare = prepare, .run = run, .release = release);

#include <string.h>

#include "optimizations/resize/resize_internal.h"

static const int64_t strip_values[] = {8, 16, 32, 64, 128};
static const int64_t share_values[] = {1, 2, 4};
static const int64_t tile_values[] = {0, 256, 1024, 4096};

const vlt_knob vlt_resize_strips_knobs[] = {
    VLT_KNOB_THREADS,
    {"strip", "output rows whose input rows are kept in the cache", strip_values, 5, 32, NULL},
    {"share", "strips that a thread takes at once", share_values, 3, 1, NULL},
    {"tile", "bytes of a row in one vertical pass; 0: all of it", tile_values, 4, 0, NULL},
};

void vlt_resize_pixel(const vlt_resize_axis *x, const uint8_t *src, int64_t i, uint8_t *dst)
{
    const int32_t *weight = x->weight + i * x->taps;
    for (int c = 0; c < 3; c++) {
        int32_t sum = 1 << (x->precision - 1);
        for (int j = 0; j < x->count[i]; j++) {
            sum += weight[j] * src[((int64_t)x->first[i] + j) * 3 + c];
        }
        dst[c] = vlt_resize_clamp(sum >> x->precision);
    }
}

/* Input rows that the output rows [begin, end) need. */
static void needed_rows(const vlt_resize_axis *y, int64_t begin, int64_t end, int64_t *first,
                        int64_t *last)
{
    *first = y->first[begin];
    *last = y->first[end - 1] + y->count[end - 1];
}

struct job {
    const vlt_resize_strips *strips;
    const vlt_resize_args *args;
    vlt_frames frames; /* of the workers */
};

/* Horizontal into the worker's buffer, then vertical from it. */
static void horizontal_first(const struct job *job, int64_t begin, int64_t end, uint8_t *buffer)
{
    const vlt_resize_strips *strips = job->strips;
    const vlt_resize_axis *x = &strips->tables.x, *y = &strips->tables.y;
    int64_t first, last, row_bytes = x->out * 3;
    needed_rows(y, begin, end, &first, &last);
    for (int64_t row = first; row < last; row++) {
        strips->horizontal(x, job->args->src + row * job->args->src_stride,
                           buffer + (row - first) * row_bytes);
    }
    int64_t tile = strips->tile ? strips->tile : row_bytes;
    for (int64_t from = 0; from < row_bytes; from += tile) {
        int64_t bytes = row_bytes - from < tile ? row_bytes - from : tile;
        for (int64_t row = begin; row < end; row++) {
            strips->vertical(y, row, buffer - first * row_bytes + from, row_bytes,
                             job->args->dst + row * job->args->dst_stride + from, bytes);
        }
    }
}

static void one_row(const struct job *job, int64_t row, uint8_t *buffer)
{
    const vlt_resize_strips *strips = job->strips;
    const vlt_resize_tables *tables = &strips->tables;
    uint8_t *dst = job->args->dst + row * job->args->dst_stride;
    const uint8_t *src = job->args->src + row * job->args->src_stride;
    if (tables->skip_x && tables->skip_y) {
        memcpy(dst, src, (size_t)(tables->x.out * 3));
    } else if (tables->skip_y) {
        strips->horizontal(&tables->x, src, dst);
    } else if (tables->skip_x) {
        strips->vertical(&tables->y, row, job->args->src, job->args->src_stride, dst,
                         tables->x.out * 3);
    } else {
        strips->vertical(&tables->y, row, job->args->src, job->args->src_stride, buffer,
                         tables->x.in * 3);
        strips->horizontal(&tables->x, buffer, dst);
    }
}

static void output_rows(const struct job *job, int64_t begin, int64_t end, vlt_frame frame)
{
    const vlt_resize_tables *tables = &job->strips->tables;
    uint8_t *buffer = vlt_frame_take(&frame, job->strips->buffer_bytes, 1);
    if (tables->skip_x || tables->skip_y || tables->vertical_first) {
        for (int64_t row = begin; row < end; row++) {
            one_row(job, row, buffer);
        }
        return;
    }
    for (int64_t row = begin; row < end; row += job->strips->strip) { /* a chunk may be larger */
        int64_t stop = end - row < job->strips->strip ? end : row + job->strips->strip;
        horizontal_first(job, row, stop, buffer);
    }
}

static void chunk(void *argument, int64_t begin, int64_t end, int worker)
{
    const struct job *job = argument;
    output_rows(job, begin, end, vlt_frames_of(&job->frames, worker));
}

size_t vlt_resize_rows_scratch(const vlt_plan *plan)
{
    const vlt_resize_strips *strips = plan->state;
    size_t bytes = 0;
    vlt_frame_reserve(&bytes, strips->buffer_bytes, 1);
    return bytes;
}

size_t vlt_resize_strips_scratch(const vlt_plan *plan)
{
    size_t bytes = 0;
    vlt_frames_reserve(&bytes, vlt_threads_count(plan->context->threads),
                       vlt_resize_rows_scratch(plan));
    return bytes;
}

vlt_status vlt_resize_strips_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                                 vlt_error *err)
{
    (void)err;
    const vlt_resize_strips *strips = plan->state;
    int workers = vlt_threads_count(plan->context->threads);
    struct job job = {.strips = strips,
                      .args = args,
                      .frames = vlt_frames_take(&frame, workers, vlt_resize_rows_scratch(plan))};
    vlt_threads_for(plan->context->threads, strips->tables.y.out, strips->strip * strips->share,
                    strips->threads, chunk, &job);
    return VLT_OK;
}

bool vlt_resize_has_rows(const vlt_plan *plan)
{
    return plan->variant->run == vlt_resize_strips_run;
}

void vlt_resize_rows(const vlt_plan *plan, vlt_frame frame, const vlt_resize_args *args,
                     int64_t begin, int64_t end)
{
    const struct job job = {.strips = plan->state, .args = args};
    output_rows(&job, begin, end, frame);
}

/* Most rows that a strip needs between the passes. */
static int64_t rows_between(const vlt_resize_axis *y, int64_t strip)
{
    int64_t most = 1;
    for (int64_t begin = 0; begin < y->out; begin++) {
        int64_t first, last, end = begin + strip < y->out ? begin + strip : y->out;
        needed_rows(y, begin, end, &first, &last);
        most = last - first > most ? last - first : most;
    }
    return most;
}

vlt_status vlt_resize_strips_prepare(vlt_plan *plan, vlt_resize_horizontal *horizontal,
                                     vlt_resize_vertical *vertical, vlt_error *err)
{
    vlt_status status = vlt_alloc(sizeof(vlt_resize_strips), &plan->state, err);
    if (status != VLT_OK) {
        return status;
    }
    vlt_resize_strips *strips = plan->state;
    strips->horizontal = horizontal;
    strips->vertical = vertical;
    strips->threads = (int)vlt_plan_knob(plan, VLT_RESIZE_KNOB_THREADS);
    strips->strip = vlt_plan_knob(plan, VLT_RESIZE_KNOB_STRIP);
    strips->share = vlt_plan_knob(plan, VLT_RESIZE_KNOB_SHARE);
    strips->tile = vlt_plan_knob(plan, VLT_RESIZE_KNOB_TILE);
    status = vlt_resize_tables_init(&strips->tables, &plan->problem, err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_resize_tables *tables = &strips->tables;
    int64_t row_bytes = (tables->vertical_first ? tables->x.in : tables->x.out) * 3;
    int64_t rows = tables->vertical_first ? 1 : rows_between(&tables->y, strips->strip);
    strips->buffer_bytes = (size_t)(rows * row_bytes);
    return VLT_OK;
}

void vlt_resize_strips_release(vlt_plan *plan)
{
    vlt_resize_strips *strips = plan->state;
    if (strips) {
        vlt_resize_tables_release(&strips->tables);
        vlt_free(strips);
    }
}

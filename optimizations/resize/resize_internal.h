/* resize_internal.h: what the variants of resize share: weight tables, order of passes, strips. */
#ifndef VLT_RESIZE_INTERNAL_H
#define VLT_RESIZE_INTERNAL_H

#include "optimizations/core/memory.h"
#include "optimizations/resize/resize.h"

/* Weights of one axis. Output i is the sum of weight[i * taps + j] * input[first[i] + j] over
 * j < count[i], rounded by `precision` fractional bits; weights behind count[i] are 0. */
typedef struct vlt_resize_axis {
    int64_t in, out;
    int taps;      /* room per output, a multiple of 4 */
    int precision; /* fractional bits of the weights */
    bool wide;     /* weights need more than 16 bits (Pillow) */
    int32_t *first;
    int32_t *count;
    int32_t *weight; /* [out, taps] */
} vlt_resize_axis;

/* Both axes and the order of the passes; a pass over an unchanged axis is skipped. */
typedef struct vlt_resize_tables {
    vlt_resize_axis x, y;
    bool skip_x, skip_y;
    bool vertical_first;
    vlt_arena arena;
} vlt_resize_tables;

vlt_status vlt_resize_tables_init(vlt_resize_tables *tables, const vlt_problem *problem,
                                  vlt_error *err);
void vlt_resize_tables_release(vlt_resize_tables *tables);

/* One row of the horizontal pass: dst[x->out * 3] from src[x->in * 3], reading nothing behind it.
 */
typedef void vlt_resize_horizontal(const vlt_resize_axis *x, const uint8_t *src, uint8_t *dst);

/* Output row `row` of the vertical pass: dst[bytes]; `src` is input row 0, rows `stride` apart. */
typedef void vlt_resize_vertical(const vlt_resize_axis *y, int64_t row, const uint8_t *src,
                                 int64_t stride, uint8_t *dst, int64_t bytes);

/* The strips variants: chunks of output rows over threads, each with the intermediate rows it needs
 * in a buffer of the worker, so that they stay in the cache. */
typedef struct vlt_resize_strips {
    vlt_resize_tables tables;
    vlt_resize_horizontal *horizontal;
    vlt_resize_vertical *vertical;
    int64_t strip;       /* output rows between the passes */
    int64_t share;       /* strips of a chunk */
    int64_t tile;        /* bytes of a row in one vertical pass; 0: all */
    int threads;         /* at most; 0: all */
    size_t buffer_bytes; /* of one worker */
} vlt_resize_strips;

/* Knobs of every strips variant, in this order. */
extern const vlt_knob vlt_resize_strips_knobs[];
enum {
    VLT_RESIZE_KNOB_THREADS,
    VLT_RESIZE_KNOB_STRIP,
    VLT_RESIZE_KNOB_SHARE,
    VLT_RESIZE_KNOB_TILE,
    VLT_RESIZE_KNOBS
};

vlt_status vlt_resize_strips_prepare(vlt_plan *plan, vlt_resize_horizontal *horizontal,
                                     vlt_resize_vertical *vertical, vlt_error *err);
vlt_status vlt_resize_strips_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                                 vlt_error *err);
size_t vlt_resize_strips_scratch(const vlt_plan *plan);
void vlt_resize_strips_release(vlt_plan *plan);

/* One output pixel of the horizontal pass, plainly: for the ends of rows. */
void vlt_resize_pixel(const vlt_resize_axis *x, const uint8_t *src, int64_t i, uint8_t *dst);

/* Of the variant `opencv`, for the composite that resizes with it as well. */
bool vlt_resize_opencv_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason);

static inline uint8_t vlt_resize_clamp(int32_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

#endif

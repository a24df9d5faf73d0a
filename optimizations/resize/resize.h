/* resize.h: 8-bit bicubic resize with antialias, bit-exact in the reference's arithmetic.
 *
 * Separable, a = -0.5, the intermediate image rounded to u8; an axis of unchanged size is skipped.
 * Arithmetic (harness/model/README.md#resampling):
 *   torch     int16 weights with a per-axis precision, horizontal pass first
 *   pillow    int32 weights with 22 fractional bits, Pillow 13's order of passes
 *   pillow12  the same, horizontal pass first always
 * Tolerance: none, every variant gives the same bytes.
 * Cost: 2 * 3 * taps flops per intermediate and output sample; bytes: source and destination once.
 */
#ifndef VLT_RESIZE_H
#define VLT_RESIZE_H

#include "optimizations/core/plan.h"

typedef enum vlt_arithmetic {
    VLT_ARITHMETIC_TORCH,
    VLT_ARITHMETIC_PILLOW,
    VLT_ARITHMETIC_PILLOW12
} vlt_arithmetic;

enum {
    VLT_RESIZE_DIM_SRC_H,
    VLT_RESIZE_DIM_SRC_W,
    VLT_RESIZE_DIM_DST_H,
    VLT_RESIZE_DIM_DST_W,
    VLT_RESIZE_DIM_ARITHMETIC
};

/* Interleaved RGB, 3 bytes a pixel, rows `stride` bytes apart. src and dst must not overlap. */
typedef struct vlt_resize_args {
    const uint8_t *src;
    uint8_t *dst;
    int64_t src_stride;
    int64_t dst_stride;
} vlt_resize_args;

extern const vlt_op vlt_op_resize;

static inline vlt_problem vlt_resize_problem(int64_t src_h, int64_t src_w, int64_t dst_h,
                                             int64_t dst_w, vlt_arithmetic arithmetic)
{
    return (vlt_problem){.op = &vlt_op_resize, .dim = {src_h, src_w, dst_h, dst_w, arithmetic}};
}

/* For composite operators: variants that work in strips can make some rows of the result on the
 * calling thread, so that what follows finds them in the cache. args->dst stands for row 0 of the
 * whole result, of which only [begin, end) need to exist; the frame has vlt_resize_rows_scratch
 * bytes. Any number of threads may do so at the same time. */
bool vlt_resize_has_rows(const vlt_plan *plan);
size_t vlt_resize_rows_scratch(const vlt_plan *plan);
void vlt_resize_rows(const vlt_plan *plan, vlt_frame frame, const vlt_resize_args *args,
                     int64_t begin, int64_t end);

#endif

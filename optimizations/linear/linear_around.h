/* linear_around.h: what a variant of linear does before and behind its product, where it takes norm
 * and activation (linear.h): the plans of these run over a few rows, or a piece of y, at a time. */
#ifndef VLT_LINEAR_AROUND_H
#define VLT_LINEAR_AROUND_H

#include "optimizations/activation/activation.h"
#include "optimizations/linear/linear.h"
#include "optimizations/norm/norm.h"

/* Rows that are multiplied, where they lie or in a buffer. */
typedef struct vlt_linear_view {
    const float *x;
    int64_t stride;
} vlt_linear_view;

/* Rows row, row + 1 .. of x[.., k], normalised into buffer[rows, k] if they are to be. */
static inline vlt_linear_view vlt_linear_view_of(const vlt_linear_args *a, int64_t k, int64_t row,
                                                 int64_t rows, float *buffer)
{
    const float *x = a->x + row * a->x_stride;
    if (!a->norm) {
        return (vlt_linear_view){x, a->x_stride};
    }
    const vlt_norm_args norm = {
        .x = x, .out = buffer, .rows = rows, .x_stride = a->x_stride, .out_stride = k};
    vlt_plan_run_piece(a->norm, &norm, NULL); /* arithmetic does not fail */
    return (vlt_linear_view){buffer, k};
}

/* A piece of y from what its products made, which lies without gaps: y[rows, width] =
 * activation(made[0], made[1])[rows, width], with made[1] where it has two arguments. Rows of y are
 * often a multiple of 4 KiB apart, where a piece of them does not stay in the first level cache. */
static inline void vlt_linear_activate(const vlt_linear_args *a, float *const made[2], int64_t rows,
                                       int64_t width, float *y, int64_t y_stride)
{
    const vlt_activation_args args = {.x = made[0],
                                      .up = vlt_activation_is_gated(a->activation) ? made[1] : NULL,
                                      .out = y,
                                      .rows = rows,
                                      .x_stride = width,
                                      .up_stride = width,
                                      .out_stride = y_stride,
                                      .width = width};
    vlt_plan_run_piece(a->activation, &args, NULL);
}

#endif

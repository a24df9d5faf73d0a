/* linear_int8.h: what the variants of linear with int8 weights and activations share, whatever
 * their instructions.
 *
 *     y[r, o] = sx[r] sw[o] sum_i qx[r, i] qw[o, i]
 *     of each row    s = largest |value| / 127,  q = round(value / s), ties to even
 *
 * The sums are int32 and exact, so all of them give the same bits, for any number of rows and
 * threads. A row of x or W that holds an infinity or no number cannot be rounded: it counts as
 * zeros, its scale is VLT_INT8_STRANGE, and its exact products are added behind the others.
 */
#ifndef VLT_LINEAR_INT8_H
#define VLT_LINEAR_INT8_H

#include "optimizations/core/packs.h"
#include "optimizations/linear/linear.h"

#define VLT_INT8_LOSS    0.03
#define VLT_INT8_STRANGE (-1.0f)

enum { VLT_INT8_LEVELS = 127 };

/* The scale of a row whose largest magnitude is `largest` (no NaN), and what to multiply its values
 * by. Below 1e-36 nothing is left of a row: zeros, scale 0. */
static inline float vlt_int8_scale(float largest, float *inverse)
{
    const float step = largest / VLT_INT8_LEVELS, over = step > 0 ? 1 / step : 0;
    const bool fits = over <= 3.4028234e38f;
    *inverse = fits ? over : 0;
    return fits ? step : 0;
}

/* Sums of int8 products fit into int32 up to 2^31 / 127^2 inputs. */
bool vlt_linear_int8_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason);

/* The weights as bytes and the scales of their rows. */
void vlt_linear_int8_cost(const vlt_problem *problem, vlt_cost *cost);

/* The state of a prepared plan. */
typedef struct vlt_int8_state {
    const vlt_pack *pack; /* begins with the scales of the rows of W */
    bool strange;         /* one of them is VLT_INT8_STRANGE */
} vlt_int8_state;

/* Makes the plan's state of a pack, which it takes over, whatever comes of it. */
vlt_status vlt_int8_state_set(vlt_plan *plan, const vlt_pack *pack, vlt_error *err);
void vlt_int8_state_release(vlt_plan *plan);

static inline const vlt_int8_state *vlt_int8_state_of(const vlt_plan *plan)
{
    return plan->state;
}

/* Is there a row of x or of the plan's W that could not be rounded? */
bool vlt_linear_int8_is_strange(const vlt_plan *plan, const float *x_scale, int64_t rows);

/* A piece of y. */
typedef struct vlt_int8_piece {
    int64_t row, rows; /* of x */
    int64_t o, width;  /* outputs */
    float *y;          /* [rows, width], row stride y_stride elements */
    int64_t y_stride;
} vlt_int8_piece;

/* Adds to a piece the exact products of the rows of x and of W that could not be rounded. Sums in
 * the baseline's order. buffer: [k], for rows that are normalised on the way; NULL where none are.
 */
void vlt_linear_int8_add_strange(const vlt_plan *plan, const vlt_linear_args *args,
                                 const float *x_scale, const vlt_int8_piece *piece, float *buffer);

/* The same for all of y, if there is anything to add. */
void vlt_linear_int8_add_all_strange(const vlt_plan *plan, const vlt_linear_args *args,
                                     const float *x_scale);

#endif

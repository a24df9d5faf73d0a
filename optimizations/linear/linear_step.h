/* linear_step.h: a step of a block around products of the same rows,
 *
 *     norm -> one to three products -> activation
 *
 * made of plans of their own, each of which may be any variant. What the products' variant takes
 * (linear.h) is done with them: rows are normalised and rounded once, on one way through the
 * caches, several products share a region of threads, and the activation meets pieces of y that
 * were just made. The rest runs one plan after the other; the bits are the same.
 */
#ifndef VLT_LINEAR_STEP_H
#define VLT_LINEAR_STEP_H

#include "optimizations/linear/linear.h"

enum { VLT_LINEAR_STEP_PRODUCTS = 1 + VLT_LINEAR_OTHERS_MAX };

/* Borrowed plans, without gaps between rows; by value. */
typedef struct vlt_linear_step {
    const vlt_plan *norm;                              /* or NULL */
    const vlt_plan *product[VLT_LINEAR_STEP_PRODUCTS]; /* [products] */
    int products;
    const vlt_plan *activation; /* of the first product, and the second where it has two arguments;
                                   or NULL */
    unsigned taken;             /* VLT_LINEAR_TAKES_: what is done with the products */
} vlt_linear_step;

/* Sets `taken` to what goes together. */
void vlt_linear_step_join(vlt_linear_step *step);

typedef struct vlt_linear_step_args {
    const float *x;                     /* [rows, k] */
    float *normed;                      /* [rows, k], for norm(x) where it is not taken */
    float *y[VLT_LINEAR_STEP_PRODUCTS]; /* [rows, n]; the second is lost where the activation has
                                           two arguments */
    int64_t rows;
} vlt_linear_step_args;

vlt_status vlt_linear_step_run(const vlt_linear_step *step, vlt_frame frame,
                               const vlt_linear_step_args *args, vlt_error *err);

#endif

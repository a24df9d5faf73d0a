/* process.h: a Gaussian process over settings: labels in, means and deviations out.
 *
 * The mean of all settings and their variance are estimated with the labels; the kernel says how
 * alike two settings are. Points are added one by one; their labels may change at any time.
 */
#ifndef VLT_TUNER_PROCESS_H
#define VLT_TUNER_PROCESS_H

#include "tuner/strategy/kernel.h"

typedef struct vlt_process {
    int axis_count;
    int count, capacity;
    uint16_t *place; /* owned [capacity][axis_count] */
    double *label;   /* owned [capacity] */
    double *factor;  /* owned [capacity][capacity], upper: factor^T factor = covariance + noise */
    double *centred; /* owned [capacity]: factor^-T (label - mean) */
    double *ones;    /* owned [capacity]: factor^-T 1 */
    double mean, variance;
    double likelihood; /* logarithm, up to a constant */
} vlt_process;

vlt_status vlt_process_init(vlt_process *process, int axis_count, int capacity, vlt_error *err);
void vlt_process_release(vlt_process *process); /* fine on {0} */

/* Starts anew, or adds a point (count < capacity) without its label. */
void vlt_process_clear(vlt_process *process);
void vlt_process_add(vlt_process *process, const vlt_kernel *kernel, const uint16_t *place);

/* After labels changed: mean, variance, likelihood. */
void vlt_process_label(vlt_process *process);

/* After the kernel changed: everything; -INFINITY where it cannot be factored, else the likelihood.
 * `covariance` [capacity][capacity] has the upper triangle without the noise. */
double vlt_process_factor(vlt_process *process, const double *covariance, double noise);

/* Weights w so that mean + sum_i w_i k(x, x_i) is the expected label of x: out[count]. */
void vlt_process_weights(const vlt_process *process, double *out);

/* Fits the kernel to the labels: weights and noise of highest posterior density, by coordinate
 * search from where they stand. `rounds` over all of them. */
vlt_status vlt_process_fit(vlt_process *process, vlt_kernel *kernel, int rounds, vlt_error *err);

#endif

/* kernel.h: how alike two settings are expected to be: the covariance of the model's Gaussian
 * process, 1 for equal settings.
 *
 * The product over the parameters of exp(-distance), so that a parameter may act through another
 * one. Distances have up to three parts, each with a weight that is fitted:
 *   - along the order of the values (or different or not, where there is none);
 *   - alignment: how often the values can be halved, since machines move and divide in powers of
 *     two;
 *   - roundness: is one a power of two and the other not? Problem sizes mostly are.
 * Nothing else is known about a parameter, its name least of all.
 */
#ifndef VLT_TUNER_KERNEL_H
#define VLT_TUNER_KERNEL_H

#include "tuner/space/domain.h"

enum {
    VLT_KERNEL_PARTS = 3,
    VLT_KERNEL_BINS = 256 /* values of a parameter that are told apart */
};

typedef struct vlt_kernel_axis {
    int parameter;                     /* of the domain */
    int digits;                        /* values of the parameter */
    int values;                        /* that are told apart: at most VLT_KERNEL_BINS */
    float *distance[VLT_KERNEL_PARTS]; /* [values][values]; NULL: the part does not apply */
    double weight[VLT_KERNEL_PARTS];
    bool *round;  /* [values]: powers of two; NULL where that says nothing */
    float *table; /* [values][values]: exp(-sum of weighted distances) */
} vlt_kernel_axis;

typedef struct vlt_kernel {
    vlt_kernel_axis axis[VLT_DOMAIN_PARAMETER_MAX]; /* parameters with more than one value */
    int axis_count;
    double noise; /* variance of a label, as a share of the variance of settings */
} vlt_kernel;

vlt_status vlt_kernel_init(vlt_kernel *kernel, const vlt_domain *domain, vlt_error *err);
void vlt_kernel_release(vlt_kernel *kernel); /* fine on {0} */

/* out[axis_count]: where a setting lies on the axes. */
void vlt_kernel_place(const vlt_kernel *kernel, const uint16_t *digits, uint16_t *out);

/* After a change of weights. */
void vlt_kernel_update(vlt_kernel *kernel, int axis);

/* Logarithm of the prior density of weights and noise, up to a constant. */
double vlt_kernel_prior(const vlt_kernel *kernel);

static inline float vlt_kernel_axis_at(const vlt_kernel_axis *axis, uint16_t a, uint16_t b)
{
    return axis->table[(size_t)a * (size_t)axis->values + b];
}

static inline float vlt_kernel_at(const vlt_kernel *kernel, const uint16_t *a, const uint16_t *b)
{
    float product = 1;
    for (int i = 0; i < kernel->axis_count; i++) {
        product *= vlt_kernel_axis_at(&kernel->axis[i], a[i], b[i]);
    }
    return product;
}

#endif

#include "tuner/strategy/kernel.h"

#include <math.h>
#include <stdlib.h>

#include "optimizations/core/compiler.h"

/* Prior medians of the weights of the parts and of the noise, and spreads of their logarithms: a
 * parameter is expected to matter little until the labels say otherwise. */
static const double usual_weight[VLT_KERNEL_PARTS] = {0.2, 0.1, 0.15}, usual_noise = 0.001;
static const double spread_weight = 1, spread_noise = 2;

enum { HALVINGS_MAX = 6, ALIGNED_VALUES_MIN = 5 };

static int64_t whole_above_zero(const vlt_scalar *value)
{
    return value->kind == VLT_SCALAR_INTEGER && value->integer > 0 ? value->integer : 0;
}

static bool is_round(const vlt_scalar *value)
{
    int64_t number = whole_above_zero(value);
    return number > 0 && (number & (number - 1)) == 0;
}

static int halvings(const vlt_scalar *value)
{
    int64_t number = whole_above_zero(value);
    int count = number > 0 ? VLT_LOW_ZEROS((uint64_t)number) : 0;
    return count < HALVINGS_MAX ? count : HALVINGS_MAX;
}

static bool make_part(vlt_kernel_axis *axis, int part)
{
    axis->weight[part] = usual_weight[part];
    axis->distance[part] = calloc((size_t)axis->values * (size_t)axis->values, sizeof(float));
    return axis->distance[part] != NULL;
}

/* Where the values differ in how often they can be halved, that is a distance. */
static bool add_alignment(vlt_kernel_axis *axis, const vlt_parameter *parameter)
{
    int low = HALVINGS_MAX, high = 0;
    for (int v = 0; v < axis->values; v++) {
        int count = halvings(&parameter->value[v]);
        low = count < low ? count : low;
        high = count > high ? count : high;
    }
    if (high <= low || axis->values < ALIGNED_VALUES_MIN) {
        return true;
    }
    if (!make_part(axis, 1)) {
        return false;
    }
    for (int a = 0; a < axis->values; a++) {
        for (int b = 0; b < axis->values; b++) {
            int apart = abs(halvings(&parameter->value[a]) - halvings(&parameter->value[b]));
            axis->distance[1][a * axis->values + b] = (float)apart / (float)(high - low);
        }
    }
    return true;
}

static bool add_roundness(vlt_kernel_axis *axis, const vlt_parameter *parameter)
{
    int round = 0;
    for (int v = 0; v < axis->values; v++) {
        round += is_round(&parameter->value[v]);
    }
    if (round == 0 || round == axis->values || axis->values < 3) {
        return true;
    }
    axis->round = calloc((size_t)axis->values, sizeof *axis->round);
    if (!axis->round || !make_part(axis, 2)) {
        return false;
    }
    for (int a = 0; a < axis->values; a++) {
        axis->round[a] = is_round(&parameter->value[a]);
        for (int b = 0; b < axis->values; b++) {
            axis->distance[2][a * axis->values + b] = is_round(&parameter->value[a]) !=
                                                      is_round(&parameter->value[b]);
        }
    }
    return true;
}

static bool init_axis(vlt_kernel_axis *axis, const vlt_parameter *parameter)
{
    axis->digits = parameter->value_count;
    axis->values = axis->digits > VLT_KERNEL_BINS ? VLT_KERNEL_BINS : axis->digits;
    axis->table = calloc((size_t)axis->values * (size_t)axis->values, sizeof *axis->table);
    if (!axis->table || !make_part(axis, 0)) {
        return false;
    }
    for (int a = 0; a < axis->values; a++) {
        for (int b = 0; b < axis->values; b++) {
            axis->distance[0][a * axis->values + b] =
                parameter->ordered ? (float)abs(a - b) / (float)(axis->values - 1) : a != b;
        }
    }
    return axis->values < axis->digits ||
           (add_alignment(axis, parameter) && add_roundness(axis, parameter));
}

vlt_status vlt_kernel_init(vlt_kernel *kernel, const vlt_domain *domain, vlt_error *err)
{
    *kernel = (vlt_kernel){.noise = usual_noise};
    for (int i = 0; i < vlt_domain_parameter_count(domain); i++) {
        const vlt_parameter *parameter = vlt_domain_parameter(domain, i);
        if (parameter->value_count < 2) {
            continue;
        }
        int at = kernel->axis_count++;
        kernel->axis[at].parameter = i;
        if (!init_axis(&kernel->axis[at], parameter)) {
            vlt_kernel_release(kernel);
            return vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory");
        }
        vlt_kernel_update(kernel, at);
    }
    return VLT_OK;
}

void vlt_kernel_release(vlt_kernel *kernel)
{
    for (int i = 0; i < kernel->axis_count; i++) {
        for (int part = 0; part < VLT_KERNEL_PARTS; part++) {
            free(kernel->axis[i].distance[part]);
        }
        free(kernel->axis[i].round);
        free(kernel->axis[i].table);
    }
    *kernel = (vlt_kernel){0};
}

void vlt_kernel_place(const vlt_kernel *kernel, const uint16_t *digits, uint16_t *out)
{
    for (int i = 0; i < kernel->axis_count; i++) {
        const vlt_kernel_axis *axis = &kernel->axis[i];
        uint32_t digit = digits[axis->parameter];
        out[i] = (uint16_t)(digit * (uint32_t)axis->values / (uint32_t)axis->digits);
    }
}

void vlt_kernel_update(vlt_kernel *kernel, int index)
{
    vlt_kernel_axis *axis = &kernel->axis[index];
    for (int i = 0; i < axis->values * axis->values; i++) {
        double distance = 0;
        for (int part = 0; part < VLT_KERNEL_PARTS; part++) {
            if (axis->distance[part]) {
                distance += axis->weight[part] * axis->distance[part][i];
            }
        }
        axis->table[i] = (float)exp(-distance);
    }
}

double vlt_kernel_prior(const vlt_kernel *kernel)
{
    double noise = log(kernel->noise / usual_noise) / spread_noise;
    double sum = -noise * noise / 2;
    for (int i = 0; i < kernel->axis_count; i++) {
        for (int part = 0; part < VLT_KERNEL_PARTS; part++) {
            if (kernel->axis[i].distance[part]) {
                double weight = log(kernel->axis[i].weight[part] / usual_weight[part]);
                sum -= weight * weight / (2 * spread_weight * spread_weight);
            }
        }
    }
    return sum;
}

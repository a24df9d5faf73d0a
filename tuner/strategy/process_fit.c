/* Fitting the kernel of a process to its labels. */
#include <math.h>
#include <stdlib.h>

#include "tuner/strategy/process.h"

enum { STEPS_MAX = 3 };

static const double weight_factor = 2, noise_factor = 3;

typedef struct fit {
    vlt_process *process;
    vlt_kernel *kernel;
    double *covariance, *others; /* [capacity][capacity]; others: without the axis at hand */
    double density;              /* posterior, logarithm */
} fit;

/* Products of the tables of all axes but `skip`. */
static void multiply_axes(const fit *f, int skip, double *out)
{
    const vlt_process *process = f->process;
    const vlt_kernel *kernel = f->kernel;
    int axes = process->axis_count;
    for (int i = 0; i < process->count; i++) {
        const uint16_t *a = process->place + (size_t)i * (size_t)axes;
        double *row = out + (size_t)i * (size_t)process->capacity;
        for (int j = i; j < process->count; j++) {
            const uint16_t *b = process->place + (size_t)j * (size_t)axes;
            float product = 1;
            for (int k = 0; k < axes; k++) {
                if (k != skip) {
                    product *= vlt_kernel_axis_at(&kernel->axis[k], a[k], b[k]);
                }
            }
            row[j] = product;
        }
    }
}

/* covariance = others times the table of one axis */
static void multiply_axis(const fit *f, int axis)
{
    const vlt_process *process = f->process;
    int axes = process->axis_count;
    for (int i = 0; i < process->count; i++) {
        size_t row = (size_t)i * (size_t)process->capacity;
        uint16_t a = process->place[i * axes + axis];
        for (int j = i; j < process->count; j++) {
            uint16_t b = process->place[j * axes + axis];
            f->covariance[row + (size_t)j] = f->others[row + (size_t)j] *
                                             vlt_kernel_axis_at(&f->kernel->axis[axis], a, b);
        }
    }
}

static double density(const fit *f)
{
    return vlt_process_factor(f->process, f->covariance, f->kernel->noise) +
           vlt_kernel_prior(f->kernel);
}

/* Moves one number by a factor, down or up, while that helps. axis -1: the noise. */
static void search(fit *f, double *number, double factor, int axis)
{
    for (int way = 0; way < 2; way++) {
        bool moved = false;
        for (int step = 0; step < STEPS_MAX; step++) {
            double old = *number;
            *number = way ? old * factor : old / factor;
            if (axis >= 0) {
                vlt_kernel_update(f->kernel, axis);
                multiply_axis(f, axis);
            }
            double found = density(f);
            if (!(found > f->density)) {
                *number = old;
                break;
            }
            f->density = found;
            moved = true;
        }
        if (moved) {
            return;
        }
    }
}

vlt_status vlt_process_fit(vlt_process *process, vlt_kernel *kernel, int rounds, vlt_error *err)
{
    size_t room = (size_t)process->capacity * (size_t)process->capacity;
    fit f = {.process = process, .kernel = kernel};
    vlt_status status = VLT_OK;
    f.covariance = malloc(room * sizeof *f.covariance);
    f.others = malloc(room * sizeof *f.others);
    if (!f.covariance || !f.others) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory");
        goto done;
    }
    multiply_axes(&f, -1, f.covariance);
    f.density = density(&f);
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < kernel->axis_count; i++) {
            multiply_axes(&f, i, f.others);
            for (int part = 0; part < VLT_KERNEL_PARTS; part++) {
                if (kernel->axis[i].distance[part]) {
                    search(&f, &kernel->axis[i].weight[part], weight_factor, i);
                }
            }
            vlt_kernel_update(kernel, i);
            multiply_axis(&f, i);
        }
        search(&f, &kernel->noise, noise_factor, -1);
    }
    density(&f);
done:
    free(f.covariance);
    free(f.others);
    return status;
}

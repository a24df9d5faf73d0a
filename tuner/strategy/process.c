#include "tuner/strategy/process.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Loops below run along rows with one multiplication and subtraction for each element: compilers
 * vectorise them without changing any result. */

/* Variance of labels that are all but equal, of which nothing can be learned. */
static const double variance_min = 1e-8;

vlt_status vlt_process_init(vlt_process *process, int axis_count, int capacity, vlt_error *err)
{
    size_t room = (size_t)capacity;
    *process = (vlt_process){.axis_count = axis_count, .capacity = capacity};
    process->place = calloc(room * (size_t)axis_count + 1, sizeof *process->place);
    process->label = calloc(room, sizeof *process->label);
    process->factor = calloc(room * room, sizeof *process->factor);
    process->centred = calloc(room, sizeof *process->centred);
    process->ones = calloc(room, sizeof *process->ones);
    if (!process->place || !process->label || !process->factor || !process->centred ||
        !process->ones) {
        vlt_process_release(process);
        return vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory for %d points", capacity);
    }
    return VLT_OK;
}

void vlt_process_release(vlt_process *process)
{
    free(process->place);
    free(process->label);
    free(process->factor);
    free(process->centred);
    free(process->ones);
    *process = (vlt_process){0};
}

void vlt_process_clear(vlt_process *process)
{
    process->count = 0;
}

/* x = factor^-T x over the first `count` rows. */
static void solve(const vlt_process *process, int count, double *x)
{
    for (int m = 0; m < count; m++) {
        const double *row = process->factor + (size_t)m * (size_t)process->capacity;
        double value = x[m] /= row[m];
        for (int j = m + 1; j < count; j++) {
            x[j] -= value * row[j];
        }
    }
}

void vlt_process_add(vlt_process *process, const vlt_kernel *kernel, const uint16_t *place)
{
    int n = process->count++;
    double *column = process->centred; /* scratch until the labels come */
    size_t room = (size_t)process->capacity, axes = (size_t)process->axis_count;
    double rest = 1 + kernel->noise;
    memcpy(process->place + (size_t)n * axes, place, axes * sizeof *place);
    for (int i = 0; i < n; i++) {
        column[i] = vlt_kernel_at(kernel, process->place + (size_t)i * axes, place);
    }
    solve(process, n, column);
    for (int i = 0; i < n; i++) {
        process->factor[(size_t)i * room + (size_t)n] = column[i];
        rest -= column[i] * column[i];
    }
    process->factor[(size_t)n * room + (size_t)n] = sqrt(fmax(rest, 1e-9));
}

void vlt_process_label(vlt_process *process)
{
    int n = process->count;
    double along = 0, ones = 0, square = 0, logs = 0;
    for (int i = 0; i < n; i++) {
        process->centred[i] = process->label[i];
        process->ones[i] = 1;
    }
    solve(process, n, process->centred);
    solve(process, n, process->ones);
    for (int i = 0; i < n; i++) {
        along += process->centred[i] * process->ones[i];
        ones += process->ones[i] * process->ones[i];
        logs += log(process->factor[(size_t)i * (size_t)process->capacity + (size_t)i]);
    }
    process->mean = along / ones;
    for (int i = 0; i < n; i++) {
        process->centred[i] -= process->mean * process->ones[i];
        square += process->centred[i] * process->centred[i];
    }
    process->variance = fmax(square / n, variance_min);
    process->likelihood = -0.5 * n * log(process->variance) - logs;
}

double vlt_process_factor(vlt_process *process, const double *covariance, double noise)
{
    int n = process->count;
    size_t room = (size_t)process->capacity;
    for (int k = 0; k < n; k++) {
        double *row = process->factor + (size_t)k * room;
        memcpy(row + k, covariance + (size_t)k * room + k, (size_t)(n - k) * sizeof *row);
        row[k] += noise;
        for (int m = 0; m < k; m++) {
            const double *above = process->factor + (size_t)m * room;
            double scale = above[k];
            for (int j = k; j < n; j++) {
                row[j] -= scale * above[j];
            }
        }
        if (!(row[k] > 1e-12)) {
            process->likelihood = -INFINITY;
            return -INFINITY;
        }
        double scale = 1 / sqrt(row[k]);
        for (int j = k; j < n; j++) {
            row[j] *= scale;
        }
    }
    vlt_process_label(process);
    return process->likelihood;
}

void vlt_process_weights(const vlt_process *process, double *out)
{
    int n = process->count;
    for (int i = n - 1; i >= 0; i--) {
        const double *row = process->factor + (size_t)i * (size_t)process->capacity;
        double sum = process->centred[i];
        for (int j = i + 1; j < n; j++) {
            sum -= row[j] * out[j];
        }
        out[i] = sum / row[i];
    }
}

#include "tuner/strategy/pool.h"

#include <stdlib.h>
#include <string.h>

vlt_status vlt_pool_init(vlt_pool *pool, int axis_count, int capacity, int points_max,
                         vlt_error *err)
{
    size_t room = (size_t)capacity;
    *pool = (vlt_pool){.axis_count = axis_count, .capacity = capacity, .points_max = points_max};
    pool->setting = calloc(room, sizeof *pool->setting);
    pool->place = calloc(room * (size_t)axis_count + 1, sizeof *pool->place);
    pool->offset = calloc(room, sizeof *pool->offset);
    pool->along = calloc(room * (size_t)points_max, sizeof *pool->along);
    pool->left = calloc(room, sizeof *pool->left);
    pool->mean = calloc(room, sizeof *pool->mean);
    if (!pool->setting || !pool->place || !pool->offset || !pool->along || !pool->left ||
        !pool->mean) {
        vlt_pool_release(pool);
        return vlt_fail(err, VLT_STATUS_NOMEM, "model: out of memory for %d candidates", capacity);
    }
    return VLT_OK;
}

void vlt_pool_release(vlt_pool *pool)
{
    free(pool->setting);
    free(pool->place);
    free(pool->offset);
    free(pool->along);
    free(pool->left);
    free(pool->mean);
    *pool = (vlt_pool){0};
}

void vlt_pool_clear(vlt_pool *pool)
{
    pool->count = pool->points = pool->reckoned = 0;
}

bool vlt_pool_add(vlt_pool *pool, uint64_t setting, const uint16_t *place, double offset)
{
    if (pool->count == pool->capacity) {
        return false;
    }
    for (int i = 0; i < pool->count; i++) {
        if (pool->setting[i] == setting) {
            return false;
        }
    }
    int at = pool->count++;
    pool->setting[at] = setting;
    pool->offset[at] = offset;
    memcpy(pool->place + (size_t)at * (size_t)pool->axis_count, place,
           (size_t)pool->axis_count * sizeof *place);
    return true;
}

void vlt_pool_remove(vlt_pool *pool, int index)
{
    int last = --pool->count;
    size_t axes = (size_t)pool->axis_count;
    pool->setting[index] = pool->setting[last];
    pool->offset[index] = pool->offset[last];
    pool->left[index] = pool->left[last];
    pool->mean[index] = pool->mean[last];
    memmove(pool->place + (size_t)index * axes, pool->place + (size_t)last * axes,
            axes * sizeof *pool->place);
    for (int i = 0; i < pool->points; i++) {
        float *row = pool->along + (size_t)i * (size_t)pool->capacity;
        row[index] = row[last];
    }
    pool->reckoned = pool->reckoned < pool->count ? pool->reckoned : pool->count;
}

/* Reckons points [from, count) of the process into candidates [first, end). */
static void reckon(vlt_pool *pool, const vlt_process *process, const vlt_kernel *kernel, int first,
                   int end, int from)
{
    size_t room = (size_t)pool->capacity, axes = (size_t)pool->axis_count;
    for (int i = from; i < process->count; i++) {
        const uint16_t *point = process->place + (size_t)i * axes;
        const double *factor = process->factor + (size_t)i;
        float *row = pool->along + (size_t)i * room;
        for (int c = first; c < end; c++) {
            row[c] = vlt_kernel_at(kernel, point, pool->place + (size_t)c * axes);
        }
        for (int j = 0; j < i; j++) {
            const float *above = pool->along + (size_t)j * room;
            float scale = (float)factor[(size_t)j * (size_t)process->capacity];
            for (int c = first; c < end; c++) {
                row[c] -= scale * above[c];
            }
        }
        float scale = (float)(1 / factor[(size_t)i * (size_t)process->capacity]);
        for (int c = first; c < end; c++) {
            row[c] *= scale;
            pool->left[c] -= row[c] * row[c];
        }
    }
}

void vlt_pool_update(vlt_pool *pool, const vlt_process *process, const vlt_kernel *kernel)
{
    reckon(pool, process, kernel, 0, pool->reckoned, pool->points);
    for (int c = pool->reckoned; c < pool->count; c++) {
        pool->left[c] = 1;
    }
    reckon(pool, process, kernel, pool->reckoned, pool->count, 0);
    pool->points = process->count;
    pool->reckoned = pool->count;
    for (int c = 0; c < pool->count; c++) {
        pool->mean[c] = process->mean + pool->offset[c];
    }
    for (int i = 0; i < process->count; i++) {
        const float *row = pool->along + (size_t)i * (size_t)pool->capacity;
        double weight = process->centred[i];
        for (int c = 0; c < pool->count; c++) {
            pool->mean[c] += weight * row[c];
        }
    }
}

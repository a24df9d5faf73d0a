#include "optimizations/device/device.h"

#include <math.h>
#include <stdlib.h>

#include "optimizations/device/activity.h"

void vlt_device_init(vlt_device *device, const vlt_device_table *table, vlt_device_kind kind,
                     const char *name, void *state)
{
    *device = (vlt_device){.table = table, .kind = kind, .name = name, .state = state};
    pthread_mutex_init(&device->lock, NULL);
}

void vlt_device_release(vlt_device *device)
{
    pthread_mutex_destroy(&device->lock);
}

static void take_activity(vlt_device *device, vlt_device_usage *out)
{
    enum { RECORDS = 8192 };
    uint64_t lost;
    vlt_overlap overlap;
    vlt_activity *activity = device->table->activity_take ? calloc(RECORDS, sizeof *activity)
                                                          : NULL;
    if (!activity) {
        return;
    }
    int count = device->table->activity_take(device, activity, RECORDS, &lost);
    vlt_activity_overlap(activity, count, &overlap);
    uint64_t busier = overlap.copy_ns > overlap.kernel_ns ? overlap.copy_ns : overlap.kernel_ns;
    out->overlap = overlap.share;
    out->efficiency = overlap.span_ns ? (double)busier / (double)overlap.span_ns : NAN;
    free(activity);
}

void vlt_device_usage_take(vlt_device *device, vlt_device_usage *out)
{
    pthread_mutex_lock(&device->lock);
    *out = (vlt_device_usage){.bytes_to = device->bytes_to,
                              .bytes_from = device->bytes_from,
                              .overlap = NAN,
                              .efficiency = NAN};
    device->bytes_to = device->bytes_from = 0;
    take_activity(device, out);
    pthread_mutex_unlock(&device->lock);
}

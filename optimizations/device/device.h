/* device.h: where tensors may live and what can be moved and run there.
 *
 * One table of functions for three kinds: the host device (executes for real on worker threads),
 * the simulated device (virtual clock, copy engines, link model, injectable faults) and CUDA
 * (libcuda opened at run time). Stream, event, pool and overlap logic is written against this table
 * and therefore tested everywhere. What the simulated device shows is labelled simulated and never
 * enters a config, a speed-up or a claim. "No driver" is a normal state.
 */
#ifndef VLT_DEVICE_H
#define VLT_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"
#include "optimizations/device/device_kernel.h"

typedef enum vlt_device_kind {
    VLT_DEVICE_HOST,
    VLT_DEVICE_SIMULATED,
    VLT_DEVICE_CUDA
} vlt_device_kind;

typedef struct vlt_stream vlt_stream;
typedef struct vlt_event vlt_event;

typedef struct vlt_device vlt_device;

/* One interval of activity, in the same shape for all kinds (CUPTI feeds it for CUDA). */
typedef enum vlt_activity_kind {
    VLT_ACTIVITY_COPY_TO,
    VLT_ACTIVITY_COPY_FROM,
    VLT_ACTIVITY_KERNEL
} vlt_activity_kind;

typedef struct vlt_activity {
    vlt_activity_kind kind;
    uint32_t stream;
    uint64_t start_ns, end_ns; /* of clock_ns */
    size_t bytes;
} vlt_activity;

/* The calls of a device:
 *
 *   order      work put on one stream runs in order; streams run beside each other
 *   waiting    _async returns at once; calls that wait have `wait` in their name
 *   memory     addresses inside a block of memory_alloc are valid; host memory of an async copy
 *              must stay until an event behind it has passed
 *   end        streams and events are destroyed before the device
 *   errors     every call with a vlt_error may fail and says why
 */
typedef struct vlt_device_table {
    vlt_status (*memory_alloc)(vlt_device *device, size_t bytes, vlt_device_address *out,
                               vlt_error *err);
    void (*memory_free)(vlt_device *device, vlt_device_address address);
    vlt_status (*pinned_alloc)(vlt_device *device, size_t bytes, void **out, vlt_error *err);
    void (*pinned_free)(vlt_device *device, void *block);
    vlt_status (*stream_create)(vlt_device *device, vlt_stream **out, vlt_error *err);
    void (*stream_destroy)(vlt_device *device, vlt_stream *stream);
    vlt_status (*stream_wait)(vlt_device *device, vlt_stream *stream, vlt_error *err);
    vlt_status (*event_create)(vlt_device *device, vlt_event **out, vlt_error *err);
    void (*event_destroy)(vlt_device *device, vlt_event *event);
    vlt_status (*event_record)(vlt_device *device, vlt_event *event, vlt_stream *stream,
                               vlt_error *err);
    vlt_status (*event_wait)(vlt_device *device, vlt_event *event, vlt_error *err);
    bool (*event_passed)(vlt_device *device, vlt_event *event);
    vlt_status (*stream_wait_event)(vlt_device *device, vlt_stream *stream, vlt_event *event,
                                    vlt_error *err);
    vlt_status (*copy_to_async)(vlt_device *device, vlt_stream *stream, vlt_device_address to,
                                const void *from, size_t bytes, vlt_error *err);
    vlt_status (*copy_from_async)(vlt_device *device, vlt_stream *stream, void *to,
                                  vlt_device_address from, size_t bytes, vlt_error *err);

    /* Compiles: tens of milliseconds and more. UNSUPPORTED: no compiler here; INPUT: the text does
     * not compile. Destroyed before the device, when no launch of it is under way. */
    vlt_status (*kernel_create)(vlt_device *device, const vlt_kernel_source *source,
                                const vlt_kernel_macro *macro, int macro_count, vlt_kernel **out,
                                vlt_error *err);
    void (*kernel_destroy)(vlt_device *device, vlt_kernel *kernel); /* NULL is fine */
    vlt_status (*launch_async)(vlt_device *device, vlt_stream *stream, const vlt_kernel *kernel,
                               const vlt_kernel_launch *launch, vlt_error *err);
    uint64_t (*clock_ns)(vlt_device *device); /* the device's own time; virtual when simulated */

    /* Moves at most `capacity` records of finished work since the last call into out[] and returns
     * how many; *lost counts those that were not kept. NULL: this kind keeps none by itself. */
    int (*activity_take)(vlt_device *device, vlt_activity *out, int capacity, uint64_t *lost);
    void (*destroy)(vlt_device *device);
} vlt_device_table;

/* One thread at a time calls the table's functions: those who share a device hold its lock while
 * they make, run or release what lies on it. */
struct vlt_device {
    const vlt_device_table *table;
    vlt_device_kind kind;
    const char *name;
    void *state;
    pthread_mutex_t lock;
    uint64_t bytes_to, bytes_from; /* copied since vlt_device_usage_take, under the lock */
};

/* For those who make devices: state->device's part of creating and destroying. */
void vlt_device_init(vlt_device *device, const vlt_device_table *table, vlt_device_kind kind,
                     const char *name, void *state);
void vlt_device_release(vlt_device *device);

/* What was moved since the last call, and how well it hid: overlap as activity.h says, efficiency
 * = time of the busier kind / span; NAN where the device keeps no records or nothing overlapped. */
typedef struct vlt_device_usage {
    uint64_t bytes_to, bytes_from;
    double overlap, efficiency;
} vlt_device_usage;

/* Takes the lock. */
void vlt_device_usage_take(vlt_device *device, vlt_device_usage *out);

#endif

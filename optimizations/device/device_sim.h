/* device_sim.h: a device that exists only in a model of time.
 *
 * One copy engine for each direction and one compute engine work beside each other on a virtual
 * clock; a cost is latency + bytes / rate. Copies from memory that is not pinned hold the host, as
 * real drivers do. Memory changes at the virtual end of an operation and not before: whoever reuses
 * a staging buffer too early copies wrong bytes here as there. The host's own work costs nothing
 * unless it waits or calls. Nothing that this device shows is a measurement.
 */
#ifndef VLT_DEVICE_SIM_H
#define VLT_DEVICE_SIM_H

#include "optimizations/device/device.h"

typedef struct vlt_sim_link {
    double bytes_per_s;
    uint64_t latency_ns;
    double pageable_rate; /* share of the rate for memory that is not pinned, (0, 1] */
} vlt_sim_link;

/* Counted from 1 over the device's life; 0: never. */
typedef struct vlt_sim_faults {
    int alloc_fails;   /* this allocation of device or pinned memory is refused: NOMEM */
    int copy_fails;    /* this copy is refused: INTERNAL */
    int launch_fails;  /* likewise */
    int copy_dropped;  /* this copy takes its time but moves nothing */
    int record_losses; /* every n-th activity record is lost */
} vlt_sim_faults;

typedef struct vlt_sim_options {
    vlt_sim_link to, from;
    double kernel_bytes_per_s;
    uint64_t kernel_latency_ns;
    uint64_t call_ns;    /* of the host, for every call */
    size_t memory_bytes; /* of the device */
    vlt_sim_faults faults;
} vlt_sim_options;

/* A small laptop GPU behind PCIe 3.0 x4: 3.2 GB/s both ways, 2 GB, kernels at 8 GB/s. */
vlt_sim_options vlt_sim_options_default(void);

/* *out is owned: (*out)->table->destroy(*out). Used by one thread at a time. */
vlt_status vlt_device_sim_create(const vlt_sim_options *options, vlt_device **out, vlt_error *err);

#endif

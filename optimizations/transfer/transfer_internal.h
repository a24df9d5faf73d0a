/* transfer_internal.h: what the variants of transfer share: checks and lanes.
 *
 * A lane is a stream with a block of device memory and two rings of staging slots, one for each
 * direction. A buffer walks through one lane:
 *
 *     from[i] -> in slots -> device memory -> kernel -> device memory -> out slots -> to[i]
 *
 * One thread feeds all lanes in turn and never waits while any lane can move; a slot is used again
 * only when the event behind its copy has passed. Without staging the slots vanish and whole
 * buffers are copied between the caller's memory and the device.
 */
#ifndef VLT_TRANSFER_INTERNAL_H
#define VLT_TRANSFER_INTERNAL_H

#include "optimizations/transfer/transfer.h"

enum { VLT_LANES_MAX = 4, VLT_LANE_SLOTS_MAX = 8 };

typedef struct vlt_lanes_options {
    int lanes;          /* 1..VLT_LANES_MAX */
    int slots;          /* for each direction of a lane, 1..VLT_LANE_SLOTS_MAX */
    size_t chunk_bytes; /* of a slot; cut to the buffer */
    bool staging;       /* through pinned slots */
} vlt_lanes_options;

/* Sets plan->state. */
vlt_status vlt_lanes_prepare(vlt_plan *plan, const vlt_lanes_options *options, vlt_error *err);
vlt_status vlt_lanes_run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err);
void vlt_lanes_release(vlt_plan *plan);

/* The constants' kernel on their device; *out is NULL where they name none. */
vlt_status vlt_transfer_kernel_create(const vlt_plan *plan, vlt_kernel **out, vlt_error *err);

/* Launches it over the first a->bytes of memory, with a's arguments behind. */
vlt_status vlt_transfer_launch(vlt_device *device, vlt_stream *stream, const vlt_kernel *kernel,
                               vlt_device_address memory, const vlt_transfer_args *a,
                               vlt_error *err);

/* INPUT when the arguments exceed the problem. */
vlt_status vlt_transfer_check(const vlt_plan *plan, const vlt_transfer_args *args, vlt_error *err);

/* A CUDA problem needs a GPU. */
bool vlt_transfer_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason);

#endif

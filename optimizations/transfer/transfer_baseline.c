/* One buffer after the other, straight from the caller's memory, waiting after every step. */
#include <stdlib.h>

#include "optimizations/transfer/transfer.h"
#include "optimizations/transfer/transfer_internal.h"

struct state {
    vlt_device *device;
    vlt_stream *stream;
    vlt_device_address memory;
    vlt_kernel *kernel; /* NULL: none */
};

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_transfer_constants *constants = plan->problem.constants;
    struct state *state = plan->state = calloc(1, sizeof *state);
    if (!state) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "transfer: out of memory");
    }
    state->device = constants->device;
    const vlt_device_table *table = state->device->table;
    vlt_status status = vlt_transfer_kernel_create(plan, &state->kernel, err);
    if (status == VLT_OK) {
        status = table->stream_create(state->device, &state->stream, err);
    }
    return status == VLT_OK ? table->memory_alloc(state->device,
                                                  (size_t)plan->problem.dim[VLT_TRANSFER_DIM_BYTES],
                                                  &state->memory, err)
                            : status;
}

static vlt_status move_one(const struct state *state, const vlt_transfer_args *a, int64_t index,
                           vlt_error *err)
{
    vlt_device *device = state->device;
    const vlt_device_table *table = device->table;
    vlt_status status = table->copy_to_async(device, state->stream, state->memory, a->from[index],
                                             a->bytes, err);
    if (status == VLT_OK) {
        status = table->stream_wait(device, state->stream, err);
    }
    if (status == VLT_OK && state->kernel) {
        status = vlt_transfer_launch(device, state->stream, state->kernel, state->memory, a, err);
    }
    if (status == VLT_OK) {
        status = table->stream_wait(device, state->stream, err);
    }
    if (status == VLT_OK) {
        status = table->copy_from_async(device, state->stream, a->to[index], state->memory,
                                        a->bytes, err);
    }
    /* Waits also after a failure: nothing may still write when the caller gets its buffers back. */
    vlt_status waited = table->stream_wait(device, state->stream, status == VLT_OK ? err : NULL);
    return status == VLT_OK ? waited : status;
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    vlt_status status = vlt_transfer_check(plan, args, err);
    for (int64_t i = 0; status == VLT_OK && i < ((const vlt_transfer_args *)args)->count; i++) {
        status = move_one(plan->state, args, i, err);
    }
    return status;
}

static void release(vlt_plan *plan)
{
    struct state *state = plan->state;
    if (state) {
        const vlt_device_table *table = state->device->table;
        table->stream_destroy(state->device, state->stream);
        table->memory_free(state->device, state->memory);
        table->kernel_destroy(state->device, state->kernel);
        free(state);
    }
}

VLT_VARIANT(transfer, baseline, .summary = "one step after the other, waiting each time",
            .applicable = vlt_transfer_applicable, .prepare = prepare, .run = run,
            .release = release);

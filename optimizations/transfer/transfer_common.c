#include "optimizations/core/utf8_text.h"
#include "optimizations/transfer/transfer_internal.h"

enum { BLOCK = 256, GRID_MAX = 1024 };

bool vlt_transfer_applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    if (problem->dim[VLT_TRANSFER_DIM_DEVICE] == VLT_DEVICE_CUDA && caps->gpu_count == 0) {
        if (reason) {
            vlt_utf8_format(reason, VLT_REASON_BYTES, "no GPU: %s", caps->gpu_reason);
        }
        return false;
    }
    return true;
}

vlt_status vlt_transfer_check(const vlt_plan *plan, const vlt_transfer_args *args, vlt_error *err)
{
    int64_t buffers = plan->problem.dim[VLT_TRANSFER_DIM_BUFFERS];
    size_t bytes = (size_t)plan->problem.dim[VLT_TRANSFER_DIM_BYTES];
    if (args->count < 0 || args->count > buffers || args->bytes > bytes) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "transfer: %lld buffers of %zu bytes, prepared for %lld of %zu",
                        (long long)args->count, args->bytes, (long long)buffers, bytes);
    }
    if (args->argument_count < 0 || args->argument_count > VLT_TRANSFER_ARGUMENTS_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "transfer: %d arguments of the kernel, at most %d",
                        args->argument_count, VLT_TRANSFER_ARGUMENTS_MAX);
    }
    return VLT_OK;
}

vlt_status vlt_transfer_kernel_create(const vlt_plan *plan, vlt_kernel **out, vlt_error *err)
{
    const vlt_transfer_constants *constants = plan->problem.constants;
    vlt_device *device = constants->device;
    *out = NULL;
    return constants->kernel
               ? device->table->kernel_create(device, constants->kernel, constants->macro,
                                              constants->macro_count, out, err)
               : VLT_OK;
}

vlt_status vlt_transfer_launch(vlt_device *device, vlt_stream *stream, const vlt_kernel *kernel,
                               vlt_device_address memory, const vlt_transfer_args *a,
                               vlt_error *err)
{
    size_t blocks = a->bytes / 4 / BLOCK + 1;
    vlt_kernel_launch launch = {
        .grid = {(unsigned)(blocks < GRID_MAX ? blocks : GRID_MAX), 1, 1},
        .block = {BLOCK, 1, 1},
        .argument_count = 2 + a->argument_count,
        .argument = {vlt_argument_memory(memory, a->bytes), vlt_argument_i64((int64_t)a->bytes)}};
    for (int i = 0; i < a->argument_count; i++) {
        launch.argument[2 + i] = a->argument[i];
    }
    return device->table->launch_async(device, stream, kernel, &launch, err);
}

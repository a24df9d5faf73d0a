#include "optimizations/device/host_kernel.h"

#include <stdlib.h>

struct vlt_kernel {
    vlt_kernel_source source;
    vlt_kernel_macro macro[VLT_KERNEL_MACROS_MAX];
    int macro_count;
};

vlt_status vlt_host_kernel_create(const vlt_kernel_source *source, const vlt_kernel_macro *macro,
                                  int macro_count, vlt_kernel **out, vlt_error *err)
{
    *out = NULL;
    if (macro_count > VLT_KERNEL_MACROS_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "kernel '%s': %d macros, at most %d", source->entry,
                        macro_count, VLT_KERNEL_MACROS_MAX);
    }
    vlt_kernel *kernel = calloc(1, sizeof *kernel);
    if (!kernel) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "kernel '%s': out of memory", source->entry);
    }
    kernel->source = *source;
    kernel->macro_count = macro_count;
    for (int i = 0; i < macro_count; i++) {
        kernel->macro[i] = macro[i];
    }
    *out = kernel;
    return VLT_OK;
}

void vlt_host_kernel_destroy(vlt_kernel *kernel)
{
    free(kernel);
}

vlt_status vlt_host_kernel_check(const vlt_kernel *kernel, const vlt_device_blocks *blocks,
                                 const vlt_kernel_launch *launch, size_t *bytes, vlt_error *err)
{
    *bytes = 0;
    for (int i = 0; i < 3; i++) {
        if (!launch->grid[i] || !launch->block[i]) {
            return vlt_fail(err, VLT_STATUS_INPUT, "kernel '%s': side %d of grid %u, of block %u",
                            kernel->source.entry, i, launch->grid[i], launch->block[i]);
        }
    }
    for (int i = 0; i < launch->argument_count; i++) {
        const vlt_kernel_argument *argument = &launch->argument[i];
        if (argument->kind != VLT_ARGUMENT_MEMORY) {
            continue;
        }
        if (!vlt_device_blocks_memory(blocks, argument->value.memory, argument->bytes,
                                      kernel->source.entry, err)) {
            return VLT_STATUS_INPUT;
        }
        *bytes += argument->bytes;
    }
    return VLT_OK;
}

void vlt_host_kernel_run(const vlt_kernel *kernel, const vlt_kernel_launch *launch)
{
    kernel->source.host(launch, kernel->macro, kernel->macro_count);
}

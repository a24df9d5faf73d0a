/* host_kernel.h: kernels of the devices that live in host memory: a C function with its macros. */
#ifndef VLT_DEVICE_HOST_KERNEL_H
#define VLT_DEVICE_HOST_KERNEL_H

#include "optimizations/device/device_blocks.h"

/* LIMIT beyond VLT_KERNEL_MACROS_MAX macros, NOMEM. *out is owned: vlt_host_kernel_destroy. */
vlt_status vlt_host_kernel_create(const vlt_kernel_source *source, const vlt_kernel_macro *macro,
                                  int macro_count, vlt_kernel **out, vlt_error *err);
void vlt_host_kernel_destroy(vlt_kernel *kernel); /* NULL is fine */

/* INPUT when a memory argument lies in no block, or a side of the grid is 0. *bytes: of all memory
 * arguments. */
vlt_status vlt_host_kernel_check(const vlt_kernel *kernel, const vlt_device_blocks *blocks,
                                 const vlt_kernel_launch *launch, size_t *bytes, vlt_error *err);
void vlt_host_kernel_run(const vlt_kernel *kernel, const vlt_kernel_launch *launch);

#endif

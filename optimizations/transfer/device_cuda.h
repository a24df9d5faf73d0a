/* device_cuda.h: a CUDA device behind the device table; driver and compiler opened at run time. */
#ifndef VLT_TRANSFER_DEVICE_CUDA_H
#define VLT_TRANSFER_DEVICE_CUDA_H

#include "optimizations/core/device.h"

/* UNSUPPORTED with the reason where there is no driver or no such device. *out is owned:
 * (*out)->table->destroy(*out). One thread at a time. launch_async takes the kernels that
 * vlt_device_cuda_kernel has bound; vlt_transfer_mix is bound from the start. */
vlt_status vlt_device_cuda_create(int ordinal, vlt_device **out, vlt_error *err);

/* Binds CUDA C to a host kernel: launching `kernel` runs `entry`(memory, bytes, argument), whose
 * third parameter is the int that the argument points to. Compiled at the first launch. The texts
 * are borrowed and outlive the device. LIMIT beyond 16 kernels. */
vlt_status vlt_device_cuda_kernel(vlt_device *device, vlt_device_kernel *kernel, const char *source,
                                  const char *entry, vlt_error *err);

#endif

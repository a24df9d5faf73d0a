/* device_cuda.h: a CUDA device behind the device table; driver and compiler opened at run time. */
#ifndef VLT_DEVICE_CUDA_H
#define VLT_DEVICE_CUDA_H

#include "optimizations/device/device.h"

/* UNSUPPORTED with the reason where there is no driver or no such device. *out is owned:
 * (*out)->table->destroy(*out). One thread at a time. */
vlt_status vlt_device_cuda_create(int ordinal, vlt_device **out, vlt_error *err);

#endif

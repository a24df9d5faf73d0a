/* gpu.h: the CUDA devices of this machine, or why there are none. */
#ifndef VLT_HARNESS_GPU_H
#define VLT_HARNESS_GPU_H

#include "harness/machine/machine.h"

/* Fills gpu[], gpu_count, gpu_driver and the GPU part of caps. Initialises the driver (tens of
 * milliseconds where there is one). `root` stands before /sys. */
void vlt_gpu_read(const char *root, vlt_machine *machine);

#endif

/* nvrtc.h: the run-time compiler for CUDA C, opened at run time by one file. */
#ifndef VLT_DEVICE_NVRTC_H
#define VLT_DEVICE_NVRTC_H

#include <stddef.h>

#include "optimizations/core/status.h"

/* Compiles CUDA C for a compute capability (61 is 6.1) into a loadable image: machine code where
 * the compiler knows the architecture, else PTX for the newest one below it, which the driver
 * finishes. `define` [count] are options such as "-DTILE=64". UNSUPPORTED: no NVRTC here; INPUT:
 * the source does not compile, with the compiler's first words. *image: free(). Thread-safe. */
vlt_status vlt_nvrtc_compile(const char *source, const char *name, int capability,
                             const char *const *define, int define_count, char **image,
                             size_t *image_bytes, vlt_error *err);

#endif

/* libcuda.so.1 as fake_cuda.h says: one device of compute capability 9.0, everything at once. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/fake_cuda/fake_cuda.h"

enum { INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, NOT_FOUND = 500 };

typedef struct module {
    void *library;
    fake_cuda_launch *launch;
} module;

/* The plain names are what our loader falls back to where there is no cuGetProcAddress. */
#define CALL(name, ...)    \
    int name(__VA_ARGS__); \
    int name(__VA_ARGS__)

CALL(cuInit, unsigned flags)
{
    return flags ? INVALID_VALUE : 0;
}

CALL(cuDriverGetVersion, int *version)
{
    *version = 12040;
    return 0;
}

CALL(cuGetErrorName, int result, const char **name)
{
    *name = result == OUT_OF_MEMORY    ? "CUDA_ERROR_OUT_OF_MEMORY"
            : result == INVALID_DEVICE ? "CUDA_ERROR_INVALID_DEVICE"
                                       : "CUDA_ERROR_INVALID_VALUE";
    return 0;
}

CALL(cuDeviceGetCount, int *count)
{
    *count = 1;
    return 0;
}

CALL(cuDeviceGet, int *device, int ordinal)
{
    *device = ordinal;
    return ordinal == 0 ? 0 : INVALID_DEVICE;
}

CALL(cuDeviceGetName, char *name, int bytes, int device)
{
    (void)device;
    snprintf(name, (size_t)bytes, "stand-in GPU");
    return 0;
}

CALL(cuDeviceTotalMem_v2, size_t *bytes, int device)
{
    (void)device;
    *bytes = (size_t)1 << 30;
    return 0;
}

CALL(cuDeviceGetAttribute, int *value, int attribute, int device)
{
    (void)device;
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : 4;
    return 0;
}

CALL(cuDeviceGetPCIBusId, char *text, int bytes, int device)
{
    (void)device;
    snprintf(text, (size_t)bytes, "0000:ff:1f.0");
    return 0;
}

CALL(cuDevicePrimaryCtxRetain, void **context, int device)
{
    static int primary;
    (void)device;
    *context = &primary;
    return 0;
}

CALL(cuDevicePrimaryCtxRelease_v2, int device)
{
    (void)device;
    return 0;
}

CALL(cuCtxSetCurrent, void *context)
{
    return context ? 0 : INVALID_VALUE;
}

CALL(cuMemAlloc_v2, uint64_t *out, size_t bytes)
{
    void *block = bytes <= (size_t)1 << 30 ? malloc(bytes) : NULL;
    *out = (uint64_t)(uintptr_t)block;
    return block ? 0 : OUT_OF_MEMORY;
}

CALL(cuMemFree_v2, uint64_t pointer)
{
    free((void *)(uintptr_t)pointer);
    return 0;
}

CALL(cuMemHostAlloc, void **out, size_t bytes, unsigned flags)
{
    (void)flags;
    *out = malloc(bytes);
    return *out ? 0 : OUT_OF_MEMORY;
}

CALL(cuMemFreeHost, void *block)
{
    free(block);
    return 0;
}

CALL(cuMemcpyHtoDAsync_v2, uint64_t to, const void *from, size_t bytes, void *stream)
{
    memcpy((void *)(uintptr_t)to, from, bytes);
    return stream ? 0 : INVALID_VALUE;
}

CALL(cuMemcpyDtoHAsync_v2, void *to, uint64_t from, size_t bytes, void *stream)
{
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return stream ? 0 : INVALID_VALUE;
}

/* Streams and events are blocks, so that one which is not destroyed is a leak. */
CALL(cuStreamCreate, void **stream, unsigned flags)
{
    (void)flags;
    *stream = malloc(1);
    return 0;
}

CALL(cuStreamDestroy_v2, void *stream)
{
    free(stream);
    return 0;
}

CALL(cuStreamSynchronize, void *stream)
{
    return stream ? 0 : INVALID_VALUE;
}

CALL(cuStreamWaitEvent, void *stream, void *event, unsigned flags)
{
    return stream && event && !flags ? 0 : INVALID_VALUE;
}

CALL(cuEventCreate, void **event, unsigned flags)
{
    return cuStreamCreate(event, flags);
}

CALL(cuEventDestroy_v2, void *event)
{
    return cuStreamDestroy_v2(event);
}

CALL(cuEventRecord, void *event, void *stream)
{
    return event && stream ? 0 : INVALID_VALUE;
}

CALL(cuEventSynchronize, void *event)
{
    return event ? 0 : INVALID_VALUE;
}

CALL(cuEventQuery, void *event)
{
    return event ? 0 : INVALID_VALUE;
}

CALL(cuEventElapsedTime, float *ms, void *begin, void *end)
{
    *ms = 0;
    return begin && end ? 0 : INVALID_VALUE;
}

/* Takes the compiler's folder away: the library stays loaded without it. */
CALL(cuModuleLoadDataEx, module **out, const void *image, unsigned count, int *options,
     void **values)
{
    char path[256], command[300];
    (void)count, (void)options, (void)values;
    if (strncmp(image, FAKE_IMAGE, strlen(FAKE_IMAGE)) != 0) {
        return INVALID_VALUE;
    }
    const char *folder = (const char *)image + strlen(FAKE_IMAGE);
    snprintf(path, sizeof path, "%s/kernel.so", folder);
    module *loaded = calloc(1, sizeof *loaded);
    loaded->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = loaded->library ? dlsym(loaded->library, FAKE_LAUNCH) : NULL;
    memcpy(&loaded->launch, &symbol, sizeof symbol);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    *out = loaded;
    return system(command) == 0 && symbol ? 0 : INVALID_VALUE;
}

CALL(cuModuleUnload, module *loaded)
{
    dlclose(loaded->library);
    free(loaded);
    return 0;
}

CALL(cuModuleGetFunction, void **function, module *loaded, const char *name)
{
    *function = loaded;
    return *name ? 0 : NOT_FOUND;
}

CALL(cuLaunchKernel, module *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
     unsigned by, unsigned bz, unsigned shared_bytes, void *stream, void **arguments, void **extra)
{
    const unsigned grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
    (void)shared_bytes;
    if (!stream || extra || !gx || !gy || !gz || !bx || !by || !bz) {
        return INVALID_VALUE;
    }
    function->launch(grid, block, arguments);
    return 0;
}

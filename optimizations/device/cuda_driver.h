/* cuda_driver.h: libcuda, opened at run time; the only file that knows its functions.
 *
 * Nothing CUDA is linked and no CUDA header is needed: the few types are declared here as the
 * driver's ABI has them since CUDA 8. Functions are resolved by cuGetProcAddress for the oldest
 * version whose signature we declare, because newer drivers map plain names to newer signatures.
 * "No driver" is a normal state with a reason.
 */
#ifndef VLT_DEVICE_CUDA_DRIVER_H
#define VLT_DEVICE_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

typedef int vlt_cu_result; /* 0 is success */
typedef int vlt_cu_device;
typedef uint64_t vlt_cu_pointer;
typedef struct vlt_cu_context_st *vlt_cu_context;
typedef struct vlt_cu_stream_st *vlt_cu_stream;
typedef struct vlt_cu_event_st *vlt_cu_event;
typedef struct vlt_cu_module_st *vlt_cu_module;
typedef struct vlt_cu_function_st *vlt_cu_function;

/* X(member, exported name, version of the signature, arguments) */
#define VLT_CU_MAP(X)                                                                             \
    X(init, "cuInit", 2000, (unsigned flags))                                                     \
    X(driver_version, "cuDriverGetVersion", 2020, (int *version))                                 \
    X(error_name, "cuGetErrorName", 6000, (vlt_cu_result result, const char **name))              \
    X(device_count, "cuDeviceGetCount", 2000, (int *count))                                       \
    X(device_get, "cuDeviceGet", 2000, (vlt_cu_device * device, int ordinal))                     \
    X(device_name, "cuDeviceGetName", 2000, (char *name, int bytes, vlt_cu_device device))        \
    X(device_memory, "cuDeviceTotalMem", 3020, (size_t * bytes, vlt_cu_device device))            \
    X(device_attribute, "cuDeviceGetAttribute", 2000,                                             \
      (int *value, int attribute, vlt_cu_device device))                                          \
    X(device_bus_id, "cuDeviceGetPCIBusId", 4010, (char *text, int bytes, vlt_cu_device device))  \
    X(primary_retain, "cuDevicePrimaryCtxRetain", 7000,                                           \
      (vlt_cu_context * context, vlt_cu_device device))                                           \
    X(primary_release, "cuDevicePrimaryCtxRelease", 11000, (vlt_cu_device device))                \
    X(context_set, "cuCtxSetCurrent", 4000, (vlt_cu_context context))                             \
    X(memory_alloc, "cuMemAlloc", 3020, (vlt_cu_pointer * out, size_t bytes))                     \
    X(memory_free, "cuMemFree", 3020, (vlt_cu_pointer pointer))                                   \
    X(host_alloc, "cuMemHostAlloc", 2020, (void **out, size_t bytes, unsigned flags))             \
    X(host_free, "cuMemFreeHost", 2000, (void *block))                                            \
    X(copy_to, "cuMemcpyHtoDAsync", 3020,                                                         \
      (vlt_cu_pointer to, const void *from, size_t bytes, vlt_cu_stream stream))                  \
    X(copy_from, "cuMemcpyDtoHAsync", 3020,                                                       \
      (void *to, vlt_cu_pointer from, size_t bytes, vlt_cu_stream stream))                        \
    X(stream_create, "cuStreamCreate", 2000, (vlt_cu_stream * stream, unsigned flags))            \
    X(stream_destroy, "cuStreamDestroy", 4000, (vlt_cu_stream stream))                            \
    X(stream_wait, "cuStreamSynchronize", 2000, (vlt_cu_stream stream))                           \
    X(stream_wait_event, "cuStreamWaitEvent", 3020,                                               \
      (vlt_cu_stream stream, vlt_cu_event event, unsigned flags))                                 \
    X(event_create, "cuEventCreate", 2000, (vlt_cu_event * event, unsigned flags))                \
    X(event_destroy, "cuEventDestroy", 4000, (vlt_cu_event event))                                \
    X(event_record, "cuEventRecord", 2000, (vlt_cu_event event, vlt_cu_stream stream))            \
    X(event_wait, "cuEventSynchronize", 2000, (vlt_cu_event event))                               \
    X(event_query, "cuEventQuery", 2000, (vlt_cu_event event))                                    \
    X(event_elapsed, "cuEventElapsedTime", 2000,                                                  \
      (float *ms, vlt_cu_event begin, vlt_cu_event end))                                          \
    X(module_load, "cuModuleLoadDataEx", 2010,                                                    \
      (vlt_cu_module * module, const void *image, unsigned count, int *options, void **values))   \
    X(module_unload, "cuModuleUnload", 2000, (vlt_cu_module module))                              \
    X(module_function, "cuModuleGetFunction", 2000,                                               \
      (vlt_cu_function * function, vlt_cu_module module, const char *name))                       \
    X(launch, "cuLaunchKernel", 4000,                                                             \
      (vlt_cu_function function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, \
       unsigned bz, unsigned shared_bytes, vlt_cu_stream stream, void **arguments, void **extra))

typedef struct vlt_cuda_driver {
#define VLT_CU_MEMBER(member, name, version, arguments) vlt_cu_result(*member) arguments;
    VLT_CU_MAP(VLT_CU_MEMBER)
#undef VLT_CU_MEMBER
    int version; /* 12040 is CUDA 12.4 */
    int device_count_seen;
} vlt_cuda_driver;

/* Device attributes that are asked for. */
enum {
    VLT_CU_ATTRIBUTE_MULTIPROCESSORS = 16,
    VLT_CU_ATTRIBUTE_CAPABILITY_MAJOR = 75,
    VLT_CU_ATTRIBUTE_CAPABILITY_MINOR = 76
};

/* Loads and initialises a driver into *driver, which stays valid to the end of the process.
 * UNSUPPORTED with the reason: no such library, a function is missing, cuInit failed, no device. */
vlt_status vlt_cuda_driver_load(const char *library, vlt_cuda_driver *driver, vlt_error *err);

/* The driver of this machine (libcuda.so.1), loaded on the first call; later calls give the same
 * answer. Thread-safe. */
vlt_status vlt_cuda_driver_open(const vlt_cuda_driver **out, vlt_error *err);

/* VLT_OK for 0, else INTERNAL (NOMEM for the driver's code 2) with call and the driver's name. */
vlt_status vlt_cuda_check(const vlt_cuda_driver *driver, vlt_cu_result result, const char *call,
                          vlt_error *err);

#endif

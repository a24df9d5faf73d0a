#include "optimizations/device/cuda_driver.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* Same signature since CUDA 11.3; 12.0 added a version with a fifth argument (_v2). */
typedef vlt_cu_result get_proc_address(const char *symbol, void **function, int version,
                                       uint64_t flags);
typedef vlt_cu_result get_proc_address_v2(const char *symbol, void **function, int version,
                                          uint64_t flags, int *symbol_status);

struct resolver {
    void *library;
    get_proc_address *resolve;
    get_proc_address_v2 *resolve_v2;
};

/* A pointer to a function out of a void pointer, without a cast that C does not define. */
static void assign(void *member, void *symbol)
{
    memcpy(member, &symbol, sizeof symbol);
}

/* Drivers older than 11.3 have no cuGetProcAddress; their exported names carry the suffix. */
static void *find_exported(void *library, const char *name)
{
    static const struct {
        const char *name, *exported;
    } suffixed[] = {
        {"cuDeviceTotalMem", "cuDeviceTotalMem_v2"},
        {"cuMemAlloc", "cuMemAlloc_v2"},
        {"cuMemFree", "cuMemFree_v2"},
        {"cuMemcpyHtoDAsync", "cuMemcpyHtoDAsync_v2"},
        {"cuMemcpyDtoHAsync", "cuMemcpyDtoHAsync_v2"},
        {"cuStreamDestroy", "cuStreamDestroy_v2"},
        {"cuEventDestroy", "cuEventDestroy_v2"},
        {"cuDevicePrimaryCtxRelease", "cuDevicePrimaryCtxRelease_v2"},
    };
    for (size_t i = 0; i < sizeof suffixed / sizeof *suffixed; i++) {
        void *symbol = strcmp(name, suffixed[i].name) ? NULL : dlsym(library, suffixed[i].exported);
        if (symbol) {
            return symbol;
        }
    }
    return dlsym(library, name);
}

static void *find(const struct resolver *resolver, const char *name, int version)
{
    void *symbol = NULL;
    int found = 0;
    if (resolver->resolve_v2 && resolver->resolve_v2(name, &symbol, version, 0, &found) == 0 &&
        symbol) {
        return symbol;
    }
    if (resolver->resolve && resolver->resolve(name, &symbol, version, 0) == 0 && symbol) {
        return symbol;
    }
    return find_exported(resolver->library, name);
}

static vlt_status resolve_all(const struct resolver *resolver, const char *library,
                              vlt_cuda_driver *driver, vlt_error *err)
{
    void *symbol;
#define VLT_CU_RESOLVE(member, name, version, arguments)                                           \
    symbol = find(resolver, name, version);                                                        \
    if (!symbol) {                                                                                 \
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s: function %s is missing", library, name); \
    }                                                                                              \
    assign(&driver->member, symbol);
    VLT_CU_MAP(VLT_CU_RESOLVE)
#undef VLT_CU_RESOLVE
    return VLT_OK;
}

static vlt_status start(const char *library, vlt_cuda_driver *driver, vlt_error *err)
{
    vlt_cu_result result = driver->init(0);
    if (result != 0) {
        const char *name = NULL;
        driver->error_name(result, &name);
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s: cuInit failed with %d%s%s%s", library,
                        result, name ? " (" : "", name ? name : "", name ? ")" : "");
    }
    driver->driver_version(&driver->version);
    if (driver->device_count(&driver->device_count_seen) != 0 || driver->device_count_seen < 1) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s: driver %d.%d, but no device", library,
                        driver->version / 1000, driver->version % 1000 / 10);
    }
    return VLT_OK;
}

vlt_status vlt_cuda_driver_load(const char *library, vlt_cuda_driver *driver, vlt_error *err)
{
    *driver = (vlt_cuda_driver){0};
    struct resolver resolver = {.library = dlopen(library, RTLD_NOW | RTLD_LOCAL)};
    if (!resolver.library) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "no NVIDIA driver: %s is not installed",
                        library);
    }
    assign(&resolver.resolve_v2, dlsym(resolver.library, "cuGetProcAddress_v2"));
    assign(&resolver.resolve, dlsym(resolver.library, "cuGetProcAddress"));
    vlt_status status = resolve_all(&resolver, library, driver, err);
    if (status == VLT_OK) {
        status = start(library, driver, err);
    }
    if (status != VLT_OK) {
        dlclose(resolver.library);
    }
    return status; /* an initialised driver stays open to the end of the process */
}

static struct {
    pthread_mutex_t lock;
    bool tried;
    vlt_status status;
    vlt_error error;
    vlt_cuda_driver driver;
} opened = {.lock = PTHREAD_MUTEX_INITIALIZER};

vlt_status vlt_cuda_driver_open(const vlt_cuda_driver **out, vlt_error *err)
{
    pthread_mutex_lock(&opened.lock);
    if (!opened.tried) {
        opened.tried = true;
        opened.status = vlt_cuda_driver_load("libcuda.so.1", &opened.driver, &opened.error);
    }
    pthread_mutex_unlock(&opened.lock);
    *out = opened.status == VLT_OK ? &opened.driver : NULL;
    return opened.status == VLT_OK ? VLT_OK
                                   : vlt_fail(err, opened.status, "%s", opened.error.message);
}

vlt_status vlt_cuda_check(const vlt_cuda_driver *driver, vlt_cu_result result, const char *call,
                          vlt_error *err)
{
    enum { CU_OUT_OF_MEMORY = 2 };
    if (result == 0) {
        return VLT_OK;
    }
    const char *name = NULL;
    driver->error_name(result, &name);
    return vlt_fail(err, result == CU_OUT_OF_MEMORY ? VLT_STATUS_NOMEM : VLT_STATUS_INTERNAL,
                    "%s: %d (%s)", call, result, name ? name : "unknown error");
}

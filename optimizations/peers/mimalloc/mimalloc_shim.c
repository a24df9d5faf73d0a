#include "optimizations/peers/mimalloc/mimalloc_shim.h"

#include <dlfcn.h>
#include <mimalloc.h>
#include <pthread.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/shared_library.h"

static struct {
    pthread_once_t once;
    vlt_status status;
    vlt_error error;
    void *(*take)(size_t, size_t);
    void (*give)(void *);
    size_t (*good_bytes)(size_t);
    void (*collect)(bool);
} mimalloc = {.once = PTHREAD_ONCE_INIT};

static void open_library(void)
{
    void *library = dlopen("libmimalloc.so.2", RTLD_NOW | RTLD_LOCAL);
    library = library ? library : dlopen("libmimalloc.so.2.0", RTLD_NOW | RTLD_LOCAL);
    library = library ? library : dlopen("libmimalloc.so", RTLD_NOW | RTLD_LOCAL);
    mimalloc.status = VLT_OK;
    if (!library || !vlt_library_member(library, "mi_malloc_aligned", &mimalloc.take) ||
        !vlt_library_member(library, "mi_free", &mimalloc.give) ||
        !vlt_library_member(library, "mi_good_size", &mimalloc.good_bytes) ||
        !vlt_library_member(library, "mi_collect", &mimalloc.collect)) {
        const char *reason = dlerror();
        mimalloc.status = vlt_fail(&mimalloc.error, VLT_STATUS_UNSUPPORTED, "mimalloc: %s",
                                   reason ? reason : "libmimalloc.so.2 is not installed");
    }
}

vlt_status vlt_mimalloc_open(vlt_error *err)
{
    pthread_once(&mimalloc.once, open_library);
    return mimalloc.status == VLT_OK ? VLT_OK
                                     : vlt_fail(err, mimalloc.status, "%s", mimalloc.error.message);
}

void *vlt_mimalloc_take(size_t bytes)
{
    return mimalloc.take(bytes, VLT_ALIGN);
}

void vlt_mimalloc_give(void *block)
{
    mimalloc.give(block);
}

size_t vlt_mimalloc_good_bytes(size_t bytes)
{
    return mimalloc.good_bytes(bytes);
}

void vlt_mimalloc_trim(void)
{
    mimalloc.collect(true);
}

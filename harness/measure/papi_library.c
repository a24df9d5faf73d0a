#include "harness/measure/papi_library.h"

#include <dlfcn.h>
#include <papi.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "optimizations/core/shared_library.h"

static struct {
    pthread_once_t once;
    char name[32];
    bool complete;
    vlt_papi_library library;
} papi = {.once = PTHREAD_ONCE_INIT};

static void load(void)
{
    snprintf(papi.name, sizeof papi.name, "libpapi.so.%d.%d", PAPI_VERSION_MAJOR(PAPI_VERSION),
             PAPI_VERSION_MINOR(PAPI_VERSION));
    void *library = dlopen(papi.name, RTLD_NOW | RTLD_LOCAL);
    papi.complete = library != NULL;
#define VLT_PAPI_RESOLVE(result, function, arguments) \
    papi.complete = papi.complete &&                  \
                    vlt_library_member(library, "PAPI_" #function, &papi.library.function);
    VLT_PAPI_MAP(VLT_PAPI_RESOLVE)
#undef VLT_PAPI_RESOLVE
}

const vlt_papi_library *vlt_papi_library_open(void)
{
    pthread_once(&papi.once, load);
    return papi.complete ? &papi.library : NULL;
}

const char *vlt_papi_library_name(void)
{
    pthread_once(&papi.once, load);
    return papi.name;
}

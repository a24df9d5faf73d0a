#include "optimizations/device/nvrtc.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "optimizations/core/shared_library.h"
#include "optimizations/core/utf8_text.h"

enum { OPTIONS_MAX = 32 };

typedef struct nvrtc_program_st *nvrtc_program;

static struct {
    pthread_mutex_t lock;
    bool tried, usable;
    int (*create)(nvrtc_program *, const char *, const char *, int, const char *const *,
                  const char *const *);
    int (*destroy)(nvrtc_program *);
    int (*compile)(nvrtc_program, int, const char *const *);
    int (*log_size)(nvrtc_program, size_t *);
    int (*log)(nvrtc_program, char *);
    int (*ptx_size)(nvrtc_program, size_t *);
    int (*ptx)(nvrtc_program, char *);
    int (*cubin_size)(nvrtc_program, size_t *);
    int (*cubin)(nvrtc_program, char *);
    int (*arch_count)(int *);
    int (*archs)(int *);
} nvrtc = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool resolve_all(void *library)
{
    return vlt_library_member(library, "nvrtcCreateProgram", &nvrtc.create) &&
           vlt_library_member(library, "nvrtcDestroyProgram", &nvrtc.destroy) &&
           vlt_library_member(library, "nvrtcCompileProgram", &nvrtc.compile) &&
           vlt_library_member(library, "nvrtcGetProgramLogSize", &nvrtc.log_size) &&
           vlt_library_member(library, "nvrtcGetProgramLog", &nvrtc.log) &&
           vlt_library_member(library, "nvrtcGetPTXSize", &nvrtc.ptx_size) &&
           vlt_library_member(library, "nvrtcGetPTX", &nvrtc.ptx) &&
           vlt_library_member(library, "nvrtcGetCUBINSize", &nvrtc.cubin_size) &&
           vlt_library_member(library, "nvrtcGetCUBIN", &nvrtc.cubin) &&
           vlt_library_member(library, "nvrtcGetNumSupportedArchs", &nvrtc.arch_count) &&
           vlt_library_member(library, "nvrtcGetSupportedArchs", &nvrtc.archs);
}

static bool open_library(void)
{
    static const char *const names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2",
                                        "libnvrtc.so"};
    pthread_mutex_lock(&nvrtc.lock);
    for (size_t i = 0; !nvrtc.tried && i < sizeof names / sizeof *names; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        nvrtc.usable = library && resolve_all(library);
        if (nvrtc.usable) {
            break;
        }
        if (library) {
            dlclose(library);
        }
    }
    nvrtc.tried = true;
    pthread_mutex_unlock(&nvrtc.lock);
    return nvrtc.usable;
}

/* The capability itself when known; else the newest known one below it; 0 when all are newer. */
static int nearest_arch(int capability)
{
    int known[64], count = 0, best = 0;
    if (nvrtc.arch_count(&count) != 0 || count < 1 || count > 64 || nvrtc.archs(known) != 0) {
        return 0;
    }
    for (int i = 0; i < count; i++) {
        best = known[i] <= capability && known[i] > best ? known[i] : best;
    }
    return best;
}

static vlt_status fail_with_log(nvrtc_program program, const char *name, vlt_error *err)
{
    size_t bytes = 0;
    char *log = NULL;
    if (nvrtc.log_size(program, &bytes) == 0 && bytes > 0) {
        log = calloc(bytes + 1, 1);
    }
    if (log && nvrtc.log(program, log) != 0) {
        log[0] = '\0';
    }
    vlt_fail(err, VLT_STATUS_INPUT, "kernel '%s' does not compile: %s", name, log ? log : "");
    free(log);
    return VLT_STATUS_INPUT;
}

static vlt_status take_image(nvrtc_program program, bool cubin, const char *name, char **image,
                             size_t *image_bytes, vlt_error *err)
{
    int result = cubin ? nvrtc.cubin_size(program, image_bytes)
                       : nvrtc.ptx_size(program, image_bytes);
    *image = result == 0 ? calloc(*image_bytes + 1, 1) : NULL;
    if (*image) {
        result = cubin ? nvrtc.cubin(program, *image) : nvrtc.ptx(program, *image);
    }
    if (!*image || result != 0) {
        free(*image);
        *image = NULL;
        return vlt_fail(err, VLT_STATUS_INTERNAL, "kernel '%s': NVRTC gives no image (%d)", name,
                        result);
    }
    return VLT_OK;
}

vlt_status vlt_nvrtc_compile(const char *source, const char *name, int capability,
                             const char *const *define, int define_count, char **image,
                             size_t *image_bytes, vlt_error *err)
{
    const char *options[OPTIONS_MAX];
    char arch[48];
    nvrtc_program program = NULL;
    *image = NULL;
    if (define_count > OPTIONS_MAX - 2) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "kernel '%s': %d options, at most %d", name,
                        define_count, OPTIONS_MAX - 2);
    }
    if (!open_library()) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "kernel '%s': libnvrtc is not installed",
                        name);
    }
    int known = nearest_arch(capability);
    if (!known) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "kernel '%s': this NVRTC no longer compiles for compute capability %d",
                        name, capability);
    }
    bool cubin = known == capability;
    vlt_utf8_format(arch, sizeof arch, "--gpu-architecture=%s_%d", cubin ? "sm" : "compute", known);
    options[0] = arch;
    options[1] = "--fmad=false"; /* the same arithmetic as on the host */
    for (int i = 0; i < define_count; i++) {
        options[2 + i] = define[i];
    }
    if (nvrtc.create(&program, source, name, 0, NULL, NULL) != 0) {
        return vlt_fail(err, VLT_STATUS_INTERNAL, "kernel '%s': NVRTC makes no program", name);
    }
    vlt_status status = nvrtc.compile(program, 2 + define_count, options) == 0
                            ? take_image(program, cubin, name, image, image_bytes, err)
                            : fail_with_log(program, name, err);
    nvrtc.destroy(&program);
    return status;
}

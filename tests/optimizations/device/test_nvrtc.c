/* The texts of our kernels through the real compiler, where it is installed: no GPU is needed. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "optimizations/device/nvrtc.h"
#include "optimizations/patchify/patchify_internal.h"
#include "optimizations/transfer/transfer.h"
#include "tests/support/data.h"

static vlt_status compile(const vlt_kernel_source *source, int capability,
                          const char *const *define, int count, size_t *bytes, vlt_error *err)
{
    char *image = NULL;
    vlt_status status = vlt_nvrtc_compile(source->text, source->entry, capability, define, count,
                                          &image, bytes, err);
    free(image);
    return status;
}

Test(nvrtc, every_text_compiles_for_every_architecture)
{
    static const vlt_kernel_source *const sources[] = {&vlt_transfer_mix_source,
                                                       &vlt_patchify_device_source};
    static const int capability[] = {61, 70, 75, 80, 86, 90, 100, 120};
    const char *const macros[] = {"-DPATCH=16", "-DTEMPORAL=2", "-DMERGE=2"};
    int compiled = 0;
    for (size_t s = 0; s < sizeof sources / sizeof *sources; s++) {
        for (size_t c = 0; c < sizeof capability / sizeof *capability; c++) {
            size_t bytes = 0;
            vlt_error err = {0};
            vlt_status status = compile(sources[s], capability[c], macros, 3, &bytes, &err);
            cr_assert(status == VLT_OK || status == VLT_STATUS_UNSUPPORTED, "%s", err.message);
            compiled += status == VLT_OK && bytes > 100;
        }
    }
    if (!compiled) {
        test_skip("no NVRTC on this machine");
    }
}

Test(nvrtc, macros_reach_the_text_and_errors_come_with_the_compilers_words)
{
    static const vlt_kernel_source source = {
        .entry = "needs_tile",
        .text = "extern \"C\" __global__ void needs_tile(int *a) { a[0] = TILE; }"};
    const char *define[] = {"-DTILE=64"};
    size_t bytes;
    vlt_error err = {0};
    vlt_status status = compile(&source, 90, define, 1, &bytes, &err);
    if (status == VLT_STATUS_UNSUPPORTED) {
        test_skip("no NVRTC on this machine");
        return;
    }
    cr_assert_eq(status, VLT_OK, "%s", err.message);
    cr_assert_eq(compile(&source, 90, NULL, 0, &bytes, &err), VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "needs_tile") && strstr(err.message, "TILE"), "%s", err.message);
}

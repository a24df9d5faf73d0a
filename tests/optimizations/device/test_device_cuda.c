/* The CUDA device on stand-ins for driver and compiler (tests/support/fake_cuda): kernels are made
 * from their text and macros before a run, and get real arguments. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizations/device/device_cuda.h"
#include "optimizations/transfer/transfer.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

static bool stand_ins(void)
{
    if (getenv("VLT_FAKE_CUDA")) {
        return true;
    }
    test_skip("no stand-ins for the CUDA driver in this build");
    return false;
}

static vlt_device *open_device(void)
{
    vlt_device *device = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_device_cuda_create(0, &device, &err), VLT_OK, "%s", err.message);
    return device;
}

static const char text[] =
    "extern \"C\" __global__ void scale(float *out, const float *in, long long count, float by,\n"
    "                                   int add)\n"
    "{\n"
    "    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;\n"
    "    if (i < count) {\n"
    "        out[i] = in[i] * by + add + TERM;\n"
    "    }\n"
    "}\n";

Test(device_cuda, a_kernel_is_text_macros_and_real_arguments)
{
    enum { COUNT = 1000 };
    static float in[COUNT], out[COUNT];
    static const vlt_kernel_source source = {.entry = "scale", .text = text};
    const vlt_kernel_macro macro = {"TERM", 5};
    vlt_device_address memory[2];
    vlt_stream *stream;
    vlt_kernel *kernel;
    vlt_error err = {0};
    if (!stand_ins()) {
        return;
    }
    vlt_device *device = open_device();
    const vlt_device_table *table = device->table;
    cr_assert_str_eq(device->name, "stand-in GPU");
    cr_assert_eq(table->kernel_create(device, &source, &macro, 1, &kernel, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(table->stream_create(device, &stream, &err), VLT_OK);
    for (int i = 0; i < COUNT; i++) {
        in[i] = (float)i;
    }
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(table->memory_alloc(device, sizeof in, &memory[i], &err), VLT_OK);
    }
    table->copy_to_async(device, stream, memory[0], in, sizeof in, &err);
    const vlt_kernel_launch launch = {.grid = {8, 1, 1},
                                      .block = {128, 1, 1},
                                      .argument_count = 5,
                                      .argument = {vlt_argument_memory(memory[1], sizeof out),
                                                   vlt_argument_memory(memory[0], sizeof in),
                                                   vlt_argument_i64(COUNT), vlt_argument_f32(0.5F),
                                                   vlt_argument_i32(-2)}};
    cr_assert_eq(table->launch_async(device, stream, kernel, &launch, &err), VLT_OK, "%s",
                 err.message);
    table->copy_from_async(device, stream, out, memory[1], sizeof out, &err);
    cr_assert_eq(table->stream_wait(device, stream, &err), VLT_OK);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(out[i], (float)i * 0.5F + 3);
    }
    for (int i = 0; i < 2; i++) {
        table->memory_free(device, memory[i]);
    }
    table->kernel_destroy(device, kernel);
    table->stream_destroy(device, stream);
    table->destroy(device);
}

Test(device_cuda, a_text_that_does_not_compile_says_why)
{
    static const vlt_kernel_source source = {
        .entry = "broken",
        .text = "extern \"C\" __global__ void broken(int a) { undeclared = a; }"};
    vlt_kernel *kernel;
    vlt_error err = {0};
    if (!stand_ins()) {
        return;
    }
    vlt_device *device = open_device();
    cr_assert_eq(device->table->kernel_create(device, &source, NULL, 0, &kernel, &err),
                 VLT_STATUS_INPUT);
    cr_assert_null(kernel);
    cr_assert(strstr(err.message, "broken") && strstr(err.message, "undeclared"), "%s",
              err.message);
    device->table->destroy(device);
}

static int lines_of(const char *path)
{
    FILE *file = fopen(path, "r");
    int lines = 0, c;
    while (file && (c = fgetc(file)) != EOF) {
        lines += c == '\n';
    }
    if (file) {
        fclose(file);
    }
    return lines;
}

Test(device_cuda, transfer_compiles_in_prepare_alone_and_gives_the_hosts_bytes)
{
    enum { BYTES = 100003 };
    static unsigned char from[BYTES], to[BYTES], right[BYTES];
    char log[] = "/tmp/vlt-nvrtc-log-XXXXXX";
    test_context test;
    vlt_error err = {0};
    if (!stand_ins()) {
        return;
    }
    int file = mkstemp(log);
    cr_assert_geq(file, 0);
    close(file);
    setenv("FAKE_NVRTC_LOG", log, 1);
    test_context_init(&test);
    test.caps.gpu_count = 1;
    vlt_device *device = open_device();
    const vlt_transfer_constants constants = {.device = device, .kernel = &vlt_transfer_mix_source};
    const vlt_problem problem = {
        .op = &vlt_op_transfer, .dim = {3, BYTES, VLT_DEVICE_CUDA}, .constants = &constants};
    const vlt_kernel_argument rounds = vlt_argument_i32(3);
    for (int i = 0; i < BYTES; i++) {
        from[i] = right[i] = (unsigned char)(i * 31);
    }
    vlt_transfer_mix(right, BYTES, 3);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_transfer); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_transfer, v);
        vlt_plan *plan;
        cr_assert_eq(vlt_plan_create_with(&test.context, &problem, variant, NULL, &plan, &err),
                     VLT_OK, "%s", err.message);
        cr_assert_eq(lines_of(log), v + 1, "prepare compiles, once");
        const void *in[1] = {from};
        void *out[1] = {to};
        const vlt_transfer_args args = {.from = in,
                                        .to = out,
                                        .count = 1,
                                        .bytes = BYTES,
                                        .argument = &rounds,
                                        .argument_count = 1};
        for (int run = 0; run < 2; run++) {
            memset(to, 0, sizeof to);
            cr_assert_eq(test_run(plan, &args, &err), VLT_OK, "%s", err.message);
            cr_assert_eq(memcmp(to, right, sizeof to), 0, "%s", variant->name);
        }
        cr_assert_eq(lines_of(log), v + 1, "no run compiles");
        vlt_plan_destroy(plan);
    }
    device->table->destroy(device);
    test_context_release(&test);
    unlink(log);
}

Test(device_cuda, an_ordinal_that_is_not_there_is_refused)
{
    vlt_device *device;
    vlt_error err = {0};
    if (stand_ins()) {
        cr_assert_neq(vlt_device_cuda_create(7, &device, &err), VLT_OK);
        cr_assert_null(device);
    }
}

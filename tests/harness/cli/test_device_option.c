/* --device from the command line: what is refused, what runs there, and that nothing is claimed. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/demo.h"

static const char ask[] =
    "run '%s' --image scenes/scene-000.jpg --prompt 'What is drawn?' --greedy -n 4 --no-config "
    "--json %s";

static void expect_refusal(const char *arguments, const char *words)
{
    test_output output = test_program(arguments);
    cr_assert_eq(output.exit_code, 2, "%s: %d", arguments, output.exit_code);
    cr_assert(strstr(output.err, words), "%s: %s", arguments, output.err);
    cr_assert_eq(output.out_bytes, 0);
    test_output_release(&output);
}

Test(device_option, names_and_absent_devices_are_refused_everywhere)
{
    static const char *const commands[] = {
        "run . --prompt x", "batch . -",
        "bench patchify",   "compare patchify/avx2 patchify/baseline",
        "tune .",           "doctor"};
    char arguments[128];
    setenv("LD_LIBRARY_PATH", "", 1);
    test_output probe = test_program("probe --json");
    bool gpu = strstr(probe.out, "\"gpu_reason\": null") != NULL;
    test_output_release(&probe);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        snprintf(arguments, sizeof arguments, "%s --device cuda:", commands[i]);
        expect_refusal(arguments, "expected none, auto, cuda:N, host or simulated");
        snprintf(arguments, sizeof arguments, "%s --device gpu", commands[i]);
        expect_refusal(arguments, "device 'gpu'");
        if (!gpu) {
            snprintf(arguments, sizeof arguments, "%s --device cuda:0", commands[i]);
            expect_refusal(arguments, "device cuda:0: no NVIDIA driver");
        }
    }
    expect_refusal("list --device host", "means nothing here");
}

static void expect_same_answer(const char *device, bool stand_in)
{
    char rest[128];
    json_t *cpu = test_demo_json(ask, "");
    cr_assert(json_is_null(json_object_get(cpu, "device")));
    snprintf(rest, sizeof rest, "--device %s --force patchify=device --force preprocess=baseline",
             device);
    json_t *there = test_demo_json(ask, rest);
    const json_t *usage = json_object_get(there, "device");
    cr_assert(json_equal(json_object_get(cpu, "ids"), json_object_get(there, "ids")));
    cr_assert_str_eq(json_string_value(json_object_get(usage, "name")),
                     stand_in ? "stand-in GPU" : device);
    json_int_t to = json_integer_value(json_object_get(usage, "bytes_to_device"));
    json_int_t from = json_integer_value(json_object_get(usage, "bytes_to_host"));
    cr_assert_gt(to, 128 * 128 * 3, "the pixels and the table");
    cr_assert_gt(from, 4 * 128 * 128 * 3, "the rows");
    cr_assert_eq(json_is_number(json_object_get(usage, "overlap")), !stand_in);
    json_decref(there);

    snprintf(rest, sizeof rest, "--device %s", device);
    json_t *idle = test_demo_json(ask, rest);
    usage = json_object_get(idle, "device");
    cr_assert_eq(json_integer_value(json_object_get(usage, "bytes_to_device")), 0,
                 "nothing runs there that was not asked to");
    json_decref(idle);
    json_decref(cpu);
}

Test(device_option, a_run_uses_the_device_and_says_what_moved, .init = test_demo_make,
     .fini = test_demo_remove)
{
    expect_same_answer("host", false);
    expect_same_answer("simulated", false);
    if (getenv("VLT_FAKE_CUDA")) {
        setenv("LD_LIBRARY_PATH", getenv("VLT_FAKE_CUDA"), 1);
        expect_same_answer("cuda:0", true);
        expect_same_answer("auto", true);
        expect_refusal("doctor --device cuda:1", "the driver has 1 device, numbered from 0");
    }
}

Test(device_option, without_a_device_a_forced_variant_is_passed_over_aloud, .init = test_demo_make,
     .fini = test_demo_remove)
{
    test_output output = test_demo_run(ask, "--force patchify=device");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert(strstr(output.err, "it needs a device (--device)"), "%s", output.err);
    test_output_release(&output);
}

Test(device_option, compare_measures_on_the_host_device_and_not_on_the_simulated_one)
{
    static const char *const devices[] = {"host", "simulated", "none"};
    static const char *const words[] = {NULL, "no measurement", "it needs a device"};
    char arguments[200];
    for (int i = 0; i < 3; i++) {
        snprintf(arguments, sizeof arguments,
                 "compare patchify/baseline@h=64,w=64 patchify/device@h=64,w=64 --launches 2 "
                 "--pairs 3 --json --device %s",
                 devices[i]);
        test_output output = test_program(arguments);
        cr_assert_eq(output.exit_code, i == 0 ? 0 : 2, "%s", output.err);
        cr_assert(i == 0 || strstr(output.err, words[i]), "%s", output.err);
        test_output_release(&output);
    }
}

Test(device_option, doctor_tries_the_device)
{
    static const char *const names[] = {"host", "simulated", "cuda:0"};
    int count = getenv("VLT_FAKE_CUDA") ? 3 : 2;
    if (count == 3) {
        setenv("LD_LIBRARY_PATH", getenv("VLT_FAKE_CUDA"), 1);
    }
    for (int i = 0; i < count; i++) {
        char arguments[64];
        snprintf(arguments, sizeof arguments, "doctor --device %s", names[i]);
        test_output output = test_program(arguments);
        cr_assert_eq(output.exit_code, 0, "%s", output.err);
        cr_assert(strstr(output.out, "bytes went there, through a"), "%s", output.out);
        test_output_release(&output);
    }
}

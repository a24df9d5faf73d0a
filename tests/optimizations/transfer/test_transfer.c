/* Every variant against the baseline on the host device; overlap that is really there. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizations/device/activity.h"
#include "optimizations/device/device_cuda.h"
#include "optimizations/device/device_host.h"
#include "optimizations/transfer/transfer.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

Test(transfer, variants_equal_the_baseline)
{
    static const int64_t buffers[] = {1, 2, 5}, bytes[] = {1, 3, 65536, 65537, 300001};
    test_context test;
    test_context_init(&test);
    for (int b = 0; b < 3; b++) {
        for (int s = 0; s < 5; s++) {
            int64_t dims[] = {buffers[b], bytes[s], VLT_DEVICE_HOST};
            cr_assert_gt(test_variants(&test, &vlt_op_transfer, dims), 8);
        }
    }
    test_context_release(&test);
}

Test(transfer, mix_changes_every_byte_and_depends_on_rounds)
{
    unsigned char a[11] = {0}, b[11] = {0};
    for (int i = 0; i < 11; i++) {
        a[i] = b[i] = (unsigned char)(i + 1);
    }
    vlt_transfer_mix(a, sizeof a, 1);
    vlt_transfer_mix(b, sizeof b, 2);
    cr_assert_neq(memcmp(a, b, 8), 0);
    cr_assert_eq(a[10], (unsigned char)~11, "the tail is inverted");
    vlt_transfer_mix(a, 8, 1); /* two times one round are two rounds */
    cr_assert_eq(memcmp(a, b, 8), 0);
}

Test(transfer, arguments_beyond_the_problem_are_refused)
{
    test_context test;
    vlt_device *device;
    vlt_error err = {0};
    test_context_init(&test);
    cr_assert_eq(vlt_device_host_create(&device, &err), VLT_OK);
    vlt_transfer_constants constants = {.device = device};
    vlt_problem problem = {
        .op = &vlt_op_transfer, .dim = {2, 64, VLT_DEVICE_HOST}, .constants = &constants};
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_transfer); v++) {
        vlt_plan *plan;
        cr_assert_eq(vlt_plan_create_with(&test.context, &problem,
                                          vlt_registry_variant(&vlt_op_transfer, v), NULL, &plan,
                                          &err),
                     VLT_OK);
        vlt_transfer_args args = {.count = 3, .bytes = 64};
        cr_assert_eq(test_run(plan, &args, &err), VLT_STATUS_INPUT);
        args = (vlt_transfer_args){.count = 1, .bytes = 65};
        cr_assert_eq(test_run(plan, &args, &err), VLT_STATUS_INPUT);
        cr_assert(strstr(err.message, "65"));
        args = (vlt_transfer_args){.count = 0, .bytes = 64};
        cr_assert_eq(test_run(plan, &args, &err), VLT_OK, "nothing to do is fine");
        vlt_plan_destroy(plan);
    }
    device->table->destroy(device);
    test_context_release(&test);
}

Test(transfer, a_simulated_device_gives_no_workload)
{
    vlt_problem problem = {.op = &vlt_op_transfer, .dim = {2, 64, VLT_DEVICE_SIMULATED}};
    vlt_workload workload;
    vlt_error err = {0};
    test_context test;
    test_context_init(&test);
    cr_assert(vlt_transfer_is_simulated(&problem));
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 1, &err),
                 VLT_STATUS_UNSUPPORTED);
    cr_assert(strstr(err.message, "simulated"));
    for (int i = 0; i < vlt_op_transfer.shape_count; i++) {
        problem.dim[VLT_TRANSFER_DIM_DEVICE] =
            vlt_op_transfer.shapes[i].dim[VLT_TRANSFER_DIM_DEVICE];
        cr_assert_not(vlt_transfer_is_simulated(&problem), "no named shape is simulated");
    }
    test_context_release(&test);
}

Test(transfer, without_a_driver_cuda_says_why)
{
    vlt_device *device;
    vlt_error err = {0};
    vlt_status status = vlt_device_cuda_create(0, &device, &err);
    if (status == VLT_OK) {
        device->table->destroy(device);
        test_skip("this machine has a CUDA device");
        return;
    }
    cr_assert_eq(status, VLT_STATUS_UNSUPPORTED);
    cr_assert_null(device);
    cr_assert(strstr(err.message, "libcuda"), "%s", err.message);
}

/* Runs a variant on a fresh host device and tells how copies and kernels overlapped. */
static vlt_overlap overlap_of(test_context *test, const char *variant, const char *knobs)
{
    enum { BUFFERS = 8, BYTES = 2 << 20, RECORDS = 1024 };
    static vlt_activity activity[RECORDS];
    static unsigned char *from[BUFFERS], *to[BUFFERS];
    vlt_device *device;
    vlt_plan *plan;
    vlt_binding binding;
    vlt_error err = {0};
    uint64_t lost;
    const vlt_kernel_argument rounds = vlt_argument_i32(8);
    cr_assert_eq(vlt_device_host_create(&device, &err), VLT_OK);
    vlt_transfer_constants constants = {.device = device, .kernel = &vlt_transfer_mix_source};
    vlt_problem problem = {
        .op = &vlt_op_transfer, .dim = {BUFFERS, BYTES, VLT_DEVICE_HOST}, .constants = &constants};
    const vlt_variant *found = vlt_registry_find_variant(&vlt_op_transfer, variant);
    cr_assert_eq(vlt_binding_parse(found, knobs, &binding, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_plan_create_with(&test->context, &problem, found, &binding, &plan, &err),
                 VLT_OK);
    for (int i = 0; i < BUFFERS; i++) {
        from[i] = calloc(1, BYTES);
        to[i] = calloc(1, BYTES);
    }
    vlt_transfer_args args = {.from = (const void *const *)from,
                              .to = (void *const *)to,
                              .count = BUFFERS,
                              .bytes = BYTES,
                              .argument = &rounds,
                              .argument_count = 1};
    cr_assert_eq(test_run(plan, &args, &err), VLT_OK);
    int count = device->table->activity_take(device, activity, RECORDS, &lost);
    cr_assert_eq(lost, 0);
    size_t copied = 0;
    for (int i = 0; i < count; i++) {
        copied += activity[i].kind != VLT_ACTIVITY_KERNEL ? activity[i].bytes : 0;
    }
    cr_assert_eq(copied, 2 * (size_t)BUFFERS * BYTES, "every byte there and back, once");
    vlt_overlap overlap;
    vlt_activity_overlap(activity, count, &overlap);
    for (int i = 0; i < BUFFERS; i++) {
        free(from[i]);
        free(to[i]);
    }
    vlt_plan_destroy(plan);
    device->table->destroy(device);
    return overlap;
}

Test(transfer, streams_overlap_and_the_baseline_does_not)
{
    test_context test;
    test_context_init(&test);
    vlt_overlap baseline = overlap_of(&test, "baseline", NULL);
    cr_assert_eq(baseline.both_ns, 0);
    cr_assert_gt(baseline.kernel_ns, 0);
    vlt_overlap pinned = overlap_of(&test, "pinned", NULL);
    cr_assert_eq(pinned.both_ns, 0, "one stream runs in order");
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        test_skip("overlap on the host device needs two cores");
    } else {
        vlt_overlap streams = overlap_of(&test, "streams", "streams=3");
        cr_assert_gt(streams.both_ns, 0);
    }
    test_context_release(&test);
}

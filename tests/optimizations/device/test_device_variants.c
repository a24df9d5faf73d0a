/* Variants that need a device: on the host, simulated and (stand-in) CUDA device they give the
 * baseline's bits; several threads may share one device. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "optimizations/device/device_open.h"
#include "optimizations/patchify/patchify.h"
#include "tests/support/data.h"
#include "tests/support/variants.h"

static void expect_patchify(const char *name)
{
    static const int64_t dims[][VLT_DIM_MAX] = {
        {32, 64, 16, 2, 2}, {42, 28, 7, 3, 1}, {6, 12, 3, 1, 2}, {64, 64, 16, 8, 2}};
    test_context test;
    vlt_error err = {0};
    test_context_init(&test);
    cr_assert_eq(vlt_device_open(name, &test.context.device, &err), VLT_OK, "%s", err.message);
    vlt_caps_take_device(&test.caps, test.context.device);
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_patchify, "device");
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        vlt_problem problem = vlt_patchify_problem(dims[i][0], dims[i][1], dims[i][2], dims[i][3],
                                                   dims[i][4], NULL);
        cr_assert(vlt_registry_applicable(variant, &problem, &test.caps, NULL));
        cr_assert_gt(test_variants(&test, &vlt_op_patchify, dims[i]), 0, "%s", name);
    }
    vlt_device_close(test.context.device);
    test_context_release(&test);
}

Test(device_variants, patchify_gives_the_baselines_bits)
{
    expect_patchify("host");
    expect_patchify("simulated");
    if (!getenv("VLT_FAKE_CUDA")) {
        test_skip("no stand-ins for the CUDA driver in this build");
        return;
    }
    expect_patchify("cuda:0");
}

Test(device_variants, without_a_device_they_say_what_they_need)
{
    test_context test;
    char reason[VLT_REASON_BYTES];
    vlt_problem problem = vlt_patchify_problem(32, 32, 16, 2, 2, NULL);
    test_context_init(&test);
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_patchify, "device");
    cr_assert_eq(vlt_registry_need(variant), VLT_NEED_DEVICE);
    cr_assert_str_eq(vlt_registry_needs_name(variant), "device");
    cr_assert_not(vlt_registry_applicable(variant, &problem, &test.caps, reason));
    cr_assert_str_eq(reason, "it needs a device (--device)");
    test_context_release(&test);
}

/* Peers from libraries against the baselines: whichever this build has (./bootstrap.sh peers). */
#include <criterion/criterion.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/linear/linear.h"
#include "optimizations/preprocess/preprocess.h"
#include "optimizations/resize/resize.h"
#include "optimizations/tensor_pool/tensor_pool.h"
#include "tests/support/data.h"
#include "tests/support/run_program.h"
#include "tests/support/variants.h"

/* The peer, or NULL after saying that the build has none. */
static const vlt_variant *peer_of(const vlt_op *op, const char *name)
{
    const vlt_variant *variant = vlt_registry_find_variant(op, name);
    if (!variant) {
        test_skip("this build has no peers (./bootstrap.sh peers)");
    }
    return variant;
}

/* Every applicable variant of the operator at these dimensions, the peer among them. */
static void expect_right(const vlt_op *op, const vlt_variant *peer, const int64_t *dims)
{
    test_context test;
    vlt_problem problem = {.op = op};
    test_context_init(&test);
    memcpy(problem.dim, dims, (size_t)op->dim_count * sizeof *dims);
    cr_assert(vlt_registry_applicable(peer, &problem, &test.caps, NULL));
    cr_assert_gt(test_variants(&test, op, dims), 0, "%s/%s", op->name, peer->name);
    test_context_release(&test);
}

static void expect_linear(const char *name)
{
    static const int64_t dims[][4] = {{1, 512, 192, VLT_FORMAT_BF16}, {1, 7, 5, VLT_FORMAT_F32},
                                      {33, 300, 65, VLT_FORMAT_F16},  {12, 257, 64, VLT_FORMAT_F32},
                                      {70, 1, 1, VLT_FORMAT_BF16},    {3, 600, 1, VLT_FORMAT_BF16}};
    const vlt_variant *peer = peer_of(&vlt_op_linear, name);
    for (size_t i = 0; peer && i < sizeof dims / sizeof *dims; i++) {
        expect_right(&vlt_op_linear, peer, dims[i]);
    }
    cr_assert(!peer || peer->copies_weights, "exact, with a copy: never a default");
}

Test(peers, openblas)
{
    expect_linear("openblas");
}

/* On a CPU that is newer than the library it must not compute with kernels of 2004. */
Test(peers, openblas_has_kernels_for_this_cpu)
{
    static const int64_t dims[] = {3, 600, 64, VLT_FORMAT_F32};
    const vlt_variant *peer = peer_of(&vlt_op_linear, "openblas");
    test_context test;
    test_context_init(&test);
    if (peer && (test.caps.isa & VLT_ISA_AVX2)) {
        expect_right(&vlt_op_linear, peer, dims);
        char *(*core)(void) = (char *(*)(void))dlsym(RTLD_DEFAULT, "openblas_get_corename");
        cr_assert(core, "%s", dlerror());
        cr_expect(strcmp(core(), "Prescott") && strcmp(core(), "Unknown"), "%s", core());
        cr_expect_null(getenv("OPENBLAS_CORETYPE"), "no child inherits it");
    }
    test_context_release(&test);
}

Test(peers, onednn)
{
    expect_linear("onednn");
}

/* Bits must not depend on how many of our threads share the work. */
Test(peers, linear_gives_equal_bits_with_one_thread_and_two)
{
    static const char *const names[] = {"openblas", "onednn"};
    enum { M = 17, N = 700, K = 129 };
    for (size_t i = 0; i < 2; i++) {
        const vlt_variant *peer = peer_of(&vlt_op_linear, names[i]);
        float *kept = calloc(M * N, sizeof *kept);
        for (int threads = 2; peer && threads >= 1; threads--) {
            test_context test;
            vlt_workload workload;
            vlt_plan *plan;
            vlt_error err = {0};
            const vlt_problem problem = {.op = &vlt_op_linear, .dim = {M, N, K, VLT_FORMAT_BF16}};
            test_context_init(&test);
            vlt_threads *both = test.context.threads;
            test.context.threads = threads == 2 ? both : NULL;
            cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 5, &err), VLT_OK);
            cr_assert_eq(
                vlt_plan_create_with(&test.context, &workload.problem, peer, NULL, &plan, &err),
                VLT_OK, "%s", err.message);
            cr_assert_eq(test_run(plan, workload.args, &err), VLT_OK, "%s", err.message);
            if (threads == 2) {
                memcpy(kept, workload.output[0].data, M * N * sizeof *kept);
            }
            cr_assert_eq(memcmp(kept, workload.output[0].data, M * N * sizeof *kept), 0, "%s",
                         names[i]);
            vlt_plan_destroy(plan);
            vlt_workload_release(&workload);
            test.context.threads = both;
            test_context_release(&test);
        }
        free(kept);
    }
}

Test(peers, opencv_stays_within_its_declared_loss)
{
    static const int64_t dims[][5] = {{149, 227, 224, 320, 0}, {427, 640, 416, 640, 0},
                                      {50, 60, 50, 60, 1},     {33, 35, 32, 64, 2},
                                      {110, 110, 100, 100, 0}, {1, 1, 8, 8, 0}};
    static const int64_t pictures[][11] = {{1, 1, 427, 640, 416, 640, 0, 16, 2, 2},
                                           {2, 2, 60, 60, 64, 64, 0, 16, 2, 2},
                                           {1, 1, 32, 32, 32, 32, 1, 16, 2, 2},
                                           {2, 3, 20, 20, 21, 42, 0, 7, 3, 1}};
    const vlt_variant *resize = peer_of(&vlt_op_resize, "opencv");
    const vlt_variant *preprocess = resize ? peer_of(&vlt_op_preprocess, "opencv") : NULL;
    for (size_t i = 0; preprocess && i < sizeof dims / sizeof *dims; i++) {
        expect_right(&vlt_op_resize, resize, dims[i]);
    }
    for (size_t i = 0; preprocess && i < sizeof pictures / sizeof *pictures; i++) {
        expect_right(&vlt_op_preprocess, preprocess, pictures[i]);
    }
    cr_assert(!preprocess || (resize->quality == VLT_QUALITY_BF16 && resize->loss > 0));
}

Test(peers, opencv_refuses_what_needs_antialias)
{
    const vlt_variant *resize = peer_of(&vlt_op_resize, "opencv");
    const vlt_problem shrink = vlt_resize_problem(100, 200, 100, 100, VLT_ARITHMETIC_TORCH);
    const vlt_caps caps = {0};
    char reason[VLT_REASON_BYTES];
    if (resize) {
        cr_assert_not(vlt_registry_applicable(resize, &shrink, &caps, reason));
        cr_assert_str_eq(reason, "200 to 100 columns: OpenCV's cubic resize has no antialias");
    }
}

Test(peers, mimalloc)
{
    static const int64_t dims[][3] = {{96, 1 << 20, 0}, {500, 4 << 10, 0}, {96, 1 << 20, 8 << 20}};
    const vlt_variant *peer = peer_of(&vlt_op_tensor_pool, "mimalloc");
    for (size_t i = 0; peer && i < sizeof dims / sizeof *dims; i++) {
        expect_right(&vlt_op_tensor_pool, peer, dims[i]);
    }
}

/* The command shows them beside ours, or says how to get them. */
Test(peers, bench_peers_shows_ours_beside_them)
{
    test_output output = test_program(
        "bench norm linear --shape demo_decode --peers --launches 1 --pairs 2 --json");
    if (vlt_registry_find_variant(&vlt_op_linear, "openblas")) {
        cr_assert_eq(output.exit_code, 0, "%s", output.err);
        cr_assert(strstr(output.out, "\"openblas\"") && strstr(output.out, "\"onednn\""));
        cr_assert_null(strstr(output.out, "\"norm\""), "operators without a peer are left out");
    } else {
        cr_assert_eq(output.exit_code, 2);
        cr_assert(strstr(output.err, "./bootstrap.sh peers"), "%s", output.err);
    }
    test_output_release(&output);
}

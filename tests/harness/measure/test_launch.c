#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/measure/cold.h"
#include "harness/measure/experiment.h"
#include "harness/measure/probe.h"

static vlt_experiment_options options_for_tests(void)
{
    vlt_experiment_options options = vlt_experiment_defaults();
    options.launch.program = getenv("VLT_PROGRAM");
    options.launch.threads = 1;
    return options;
}

Test(launch, measures_a_variant_in_fresh_processes)
{
    vlt_experiment_options options = options_for_tests();
    const vlt_side side[2] = {{.what = "norm/baseline@rows=16,width=512"},
                              {.what = "norm/avx2@rows=16,width=512"}};
    vlt_experiment experiment;
    vlt_error err = {0};
    vlt_status status = vlt_experiment_run(side, &options, &experiment, &err);
    if (status == VLT_STATUS_UNSUPPORTED) {
        fprintf(stderr, "SKIP: %s\n", err.message);
        return;
    }
    cr_assert_eq(status, VLT_OK, "%s", err.message);
    cr_assert_geq(experiment.result.launches, 8);
    cr_assert_gt(experiment.result.pairs, 100);
    cr_assert(experiment.result.judgement.low <= experiment.result.judgement.ratio);
    cr_assert_gt(experiment.result.call_ns[0], 100);
    cr_assert_eq(experiment.cost[1][1], 16 * 512 * 8);
    cr_assert_str_eq(experiment.unit, "row");
    cr_assert_neq(experiment.result.seed[0], experiment.result.seed[1]);
    vlt_experiment_release(&experiment);
}

/* 50 % more of the same work cannot be missed under any load. */
Test(launch, finds_injected_work)
{
    vlt_experiment_options options = options_for_tests();
    for (int i = 0; i < VLT_PROBE_COUNT; i++) {
        char a[64], b[64];
        snprintf(a, sizeof a, "probe/%s", vlt_probe_name(i));
        snprintf(b, sizeof b, "probe/%s@work=1500", vlt_probe_name(i));
        const vlt_side side[2] = {{.what = a}, {.what = b}};
        vlt_experiment experiment;
        vlt_error err = {0};
        cr_assert_eq(vlt_experiment_run(side, &options, &experiment, &err), VLT_OK, "%s",
                     err.message);
        cr_assert_eq(experiment.result.judgement.verdict, VLT_VERDICT_SLOWER, "%s: %g", b,
                     experiment.result.judgement.ratio);
        cr_assert_gt(experiment.result.judgement.ratio, 1.2);
        cr_assert_str_empty(experiment.note, "buffers are shared: %s", experiment.note);
        vlt_experiment_release(&experiment);
    }
}

/* How many pairs of a launch were measured before the sides exchanged their places, and after. */
static void count_places(const char *a, const char *b, int count[2])
{
    const vlt_side side[2] = {{.what = a}, {.what = b}};
    const vlt_launch_options options = {.program = getenv("VLT_PROGRAM"),
                                        .seed = 7,
                                        .data_seed = 2,
                                        .pairs = 20,
                                        .threads = 2,
                                        .limit_s = 60};
    vlt_launch launch;
    vlt_error err = {0};
    cr_assert_eq(vlt_launch_run(side, &options, &launch, &err), VLT_OK, "%s", err.message);
    count[0] = count[1] = 0;
    for (int i = 0; i < launch.run.pair_count; i++) {
        count[(launch.run.pair[i].flags & VLT_PAIR_EXCHANGED) != 0]++;
    }
    vlt_launch_release(&launch);
}

Test(launch, sides_that_lie_apart_exchange_their_places)
{
    int count[2];
    count_places("attention/baseline@q_rows=32", "attention/baseline@q_rows=40", count);
    cr_assert_eq(count[0], 10);
    cr_assert_eq(count[1], 10);
    count_places("linear/baseline@m=4,n=64,k=64", "linear/baseline@m=4,n=64,k=96", count);
    cr_assert_eq(count[0], 10);
    cr_assert_eq(count[1], 10);
    count_places("norm/baseline@rows=16", "norm/baseline@rows=16", count);
    cr_assert_eq(count[1], 0, "the same problem lies in the same memory");
}

static void expect_failure(const char *program, const char *a, const char *b, const char *library,
                           vlt_status expected, const char *words)
{
    vlt_experiment_options options = options_for_tests();
    const vlt_side side[2] = {{.what = a}, {.what = b, .library = library}};
    vlt_experiment experiment;
    vlt_error err = {0};
    options.launch.program = program ? program : options.launch.program;
    options.launch.timeout_s = 2;
    vlt_status status = vlt_experiment_run(side, &options, &experiment, &err);
    cr_assert_eq(status, expected, "%s: %s", vlt_status_name(status), err.message);
    cr_assert(strstr(err.message, words), "'%s' lacks '%s'", err.message, words);
    cr_assert_eq(experiment.result.launches, 0);
    vlt_experiment_release(&experiment);
}

Test(launch, troubles_have_a_message)
{
    expect_failure(NULL, "norm/baseline", "norm/none", NULL, VLT_STATUS_USAGE, "none");
    expect_failure(NULL, "norm/baseline", "norm/baseline@rows=0", NULL, VLT_STATUS_USAGE, "rows");
    expect_failure(NULL, "probe/gemm", "probe/gem", NULL, VLT_STATUS_USAGE, "probe/gem");
    expect_failure(NULL, "probe/gemm", "probe/gemm@work=0", NULL, VLT_STATUS_USAGE, "work");
    expect_failure(NULL, "probe/gemm", "probe/gemm", "/nonexistent.so", VLT_STATUS_INPUT,
                   "/nonexistent.so");
    expect_failure(NULL, "probe/gemm", "probe/gemm", "libm.so.6", VLT_STATUS_INPUT,
                   "vlt_measure_abi_table");
    expect_failure("/bin/true", "probe/gemm", "probe/gemm", NULL, VLT_STATUS_UNMEASURED, "code 0");
    expect_failure("/nonexistent", "probe/gemm", "probe/gemm", NULL, VLT_STATUS_UNMEASURED,
                   "code 127");
    expect_failure("/bin/cat", "probe/gemm", "probe/gemm", NULL, VLT_STATUS_UNMEASURED, "code 1");
}

/* A program that answers what is not asked. */
Test(launch, nonsense_from_a_child_is_refused)
{
    char script[] = "/tmp/vlt_launch_XXXXXX";
    int fd = mkstemp(script);
    FILE *file = fdopen(fd, "w");
    fputs("#!/bin/sh\necho '{\"status\":\"OK\",\"iterations\":0,\"pairs\":[[1,2]]}'\n", file);
    fclose(file);
    chmod(script, 0700);
    expect_failure(script, "probe/gemm", "probe/gemm", NULL, VLT_STATUS_INTERNAL, "pairs");
    file = fopen(script, "w");
    fputs("#!/bin/sh\nexec sleep 30\n", file);
    fclose(file);
    expect_failure(script, "probe/gemm", "probe/gemm", NULL, VLT_STATUS_UNMEASURED, "not ready");
    file = fopen(script, "w");
    fputs("#!/bin/sh\nkill -9 $$\n", file);
    fclose(file);
    expect_failure(script, "probe/gemm", "probe/gemm", NULL, VLT_STATUS_UNMEASURED, "signal 9");
    remove(script);
}

/* Two builds side by side: the same library twice, as two files, on shared buffers. */
Test(launch, loads_another_build_beside_this_one)
{
    const char *program = getenv("VLT_PROGRAM");
    char library[1024], copy[] = "/tmp/vlt_copy_XXXXXX", command[2200];
    snprintf(library, sizeof library, "%s", program);
    snprintf(strrchr(library, '/'), 32, "/libvltune.so");
    close(mkstemp(copy));
    snprintf(command, sizeof command, "cp -L '%s' '%s'", library, copy);
    cr_assert_eq(system(command), 0);

    vlt_experiment_options options = options_for_tests();
    options.launches_max = 8;
    const char *what[2] = {"norm@rows=64,width=512", "probe/hash"};
    for (int i = 0; i < 2; i++) {
        const vlt_side side[2] = {{.what = what[i], .library = library},
                                  {.what = what[i], .library = copy}};
        vlt_experiment experiment;
        vlt_error err = {0};
        cr_assert_eq(vlt_experiment_run(side, &options, &experiment, &err), VLT_OK, "%s",
                     err.message);
        cr_assert_eq(experiment.result.launches, 8);
        cr_assert(fabs(log(experiment.result.judgement.ratio)) < 0.2);
        cr_assert_str_empty(experiment.note, "%s", experiment.note);
        vlt_experiment_release(&experiment);
    }
    remove(copy);
}

Test(launch, cold_regimes_rotate_through_copies)
{
    vlt_experiment_options options = options_for_tests();
    options.launch.regime = VLT_REGIME_COLD;
    options.launch.cold_bytes = 16 << 20;
    options.launches_max = 2;
    options.launches_min = 2;
    const vlt_side side[2] = {{.what = "norm/baseline@rows=64,width=512"},
                              {.what = "norm/baseline@rows=64,width=512"}};
    for (int regime = VLT_REGIME_COLD; regime <= VLT_REGIME_WEIGHTS_COLD; regime++) {
        vlt_experiment experiment;
        vlt_error err = {0};
        options.launch.regime = (vlt_regime)regime;
        cr_assert_eq(vlt_experiment_run(side, &options, &experiment, &err), VLT_OK, "%s",
                     err.message);
        cr_assert_gt(experiment.result.call_ns[0], 0);
        vlt_experiment_release(&experiment);
    }
}

Test(cold, copies_fill_the_cache)
{
    cr_assert_eq(vlt_cold_copies(1 << 20, 1 << 20), 2);
    cr_assert_eq(vlt_cold_copies(64 << 20, 1 << 20), 65);
    cr_assert_eq(vlt_cold_copies(64 << 20, 1), 4096);
    cr_assert_eq(vlt_cold_copies(1, 1e12), 2);
    vlt_caps caps = {.memory_bytes = UINT64_C(512) << 20};
    size_t bytes = 0;
    cr_assert_eq(vlt_cold_bytes(&caps, &bytes, NULL), VLT_OK);
    cr_assert(bytes >= 4 << 20 && bytes <= 64 << 20, "%zu", bytes);
}

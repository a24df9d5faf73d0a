/* Several threads beside other work: CPU time, waiting, one pool for both sides. */
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/measure/experiment.h"
#include "harness/measure/prepared_threads.h"
#include "harness/measure/thread_clocks.h"
#include "optimizations/core/random.h"

enum { PAIRS = 24, LAUNCHES = 12 };

/* Calls of one CPU's time, of two CPUs' or of a neighbour's slices, as it comes; work of B takes
 * `more` times that of A. */
static double wall_of(vlt_random *random)
{
    const double lasts[] = {0.86, 1.65, 6};
    return lasts[vlt_random_next(random) % 3];
}

static vlt_pair_run crowded_run(uint64_t seed, double more, double parallel, vlt_pair *pair)
{
    vlt_random random = {seed};
    for (int i = 0; i < PAIRS; i++) {
        pair[i] = (vlt_pair){.flags = VLT_PAIR_CROWDED | VLT_PAIR_PREEMPTED};
        for (int side = 0; side < 2; side++) {
            double work = (side ? more : 1) * (1 + 0.02 * vlt_random_unit(&random));
            pair[i].cpu_ns[side] = (uint64_t)(1.7e6 * work);
            pair[i].wall_ns[side] = (uint64_t)(1e6 * work * wall_of(&random) *
                                               (side ? parallel : 1));
        }
    }
    return (vlt_pair_run){.pair = pair, .pair_count = PAIRS, .iterations = 1};
}

Test(crowded, cpu_time_finds_what_wall_time_cannot)
{
    vlt_pair pair[PAIRS];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        vlt_pair_run run = crowded_run(seed, 1.03, 1, pair);
        cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
        cr_assert(run.crowded);
        cr_assert_eq(run.used, PAIRS, "CPU time does not run while a thread is switched off");
        cr_assert_float_eq(run.cpu_log_ratio, log(1.03), 0.01);
        cr_assert_float_eq(run.log_ratio, run.wall_log_ratio, 0, "chosen by the experiment");
    }
}

Test(crowded, a_pair_without_the_flag_or_without_cpu_time_leaves_wall_time)
{
    vlt_pair pair[PAIRS];
    vlt_pair_run run = crowded_run(1, 1.03, 1, pair);
    pair[PAIRS / 2].flags = 0;
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    cr_assert_not(run.crowded);
    run = crowded_run(1, 1.03, 1, pair);
    pair[0].cpu_ns[1] = 0;
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    cr_assert_not(run.crowded);
}

/* Exchanging the sides exchanges the sign: equal code is found slower as often as faster. */
Test(crowded, exchanging_the_sides_changes_the_sign_alone)
{
    vlt_pair pair[PAIRS];
    vlt_pair_run run = crowded_run(3, 1.05, 1, pair);
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    double there = run.cpu_log_ratio;
    for (int i = 0; i < PAIRS; i++) {
        uint64_t cpu_ns = pair[i].cpu_ns[0];
        pair[i].cpu_ns[0] = pair[i].cpu_ns[1];
        pair[i].cpu_ns[1] = cpu_ns;
    }
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    cr_assert_float_eq(run.cpu_log_ratio, -there, 1e-12);
}

static void judge(double more, double parallel, vlt_judgement *judgement, int *by_cpu)
{
    static vlt_pair pair[LAUNCHES][PAIRS];
    vlt_pair_run run[LAUNCHES];
    vlt_experiment experiment = {.result = {.run = run, .launches = LAUNCHES}};
    const vlt_judge_options options = vlt_judge_defaults();
    *by_cpu = 0;
    for (int i = 0; i < LAUNCHES; i++) {
        run[i] = crowded_run(100 + (uint64_t)i, more, parallel, pair[i]);
        cr_assert_eq(vlt_pair_summarise(&run[i], NULL), VLT_OK);
    }
    cr_assert_eq(vlt_experiment_judge(&experiment, &options, NULL), VLT_OK);
    *judgement = experiment.result.judgement;
    for (int i = 0; i < LAUNCHES; i++) {
        *by_cpu += run[i].by_cpu;
    }
}

Test(crowded, the_verdict_says_that_it_is_by_cpu_time)
{
    vlt_judgement judgement;
    int by_cpu;
    judge(1.03, 1, &judgement, &by_cpu);
    cr_assert_eq(judgement.verdict, VLT_VERDICT_SLOWER, "%s", judgement.reason);
    cr_assert(strstr(judgement.reason, "by CPU time"), "%s", judgement.reason);
    cr_assert_eq(by_cpu, LAUNCHES);
    judge(1, 1, &judgement, &by_cpu);
    cr_assert_eq(judgement.verdict, VLT_VERDICT_SAME, "%s", judgement.reason);
}

/* By CPU time alone they would be the same. */
Test(crowded, code_that_lost_a_thread_is_not_equal)
{
    vlt_judgement judgement;
    int by_cpu;
    judge(1, 1.7, &judgement, &by_cpu);
    cr_assert_eq(by_cpu, 0);
    cr_assert_neq(judgement.verdict, VLT_VERDICT_SAME, "%s", judgement.reason);
    cr_assert_not(strstr(judgement.reason, "by CPU time"), "%s", judgement.reason);
}

/* Two threads that want one CPU. */
static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    cr_assert_eq(sched_setaffinity(0, sizeof set, &set), 0);
}

static int first_cpu(void)
{
    cpu_set_t set;
    int cpu = 0;
    cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
    while (!CPU_ISSET(cpu, &set)) {
        cpu++;
    }
    return cpu;
}

static uint64_t own_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *compute(void *barrier)
{
    pthread_barrier_wait(barrier); /* both are there, and counted */
    pthread_barrier_wait(barrier);
    uint64_t end_ns = own_cpu_ns() + 30 * 1000 * 1000;
    while (own_cpu_ns() < end_ns) {
    }
    pthread_barrier_wait(barrier); /* neither ends before it is read */
    pthread_barrier_wait(barrier);
    return NULL;
}

Test(thread_clocks, count_all_threads_and_their_waiting)
{
    vlt_thread_clocks clocks;
    pthread_barrier_t barrier;
    pthread_t thread;
    stay_on(first_cpu());
    pthread_barrier_init(&barrier, NULL, 2);
    cr_assert_eq(pthread_create(&thread, NULL, compute, &barrier), 0);
    pthread_barrier_wait(&barrier);
    vlt_thread_clocks_open(&clocks);
    if (clocks.count == 0) {
        fprintf(stderr, "SKIP: this system does not say how long threads wait\n");
    } else {
        uint64_t cpu_ns = vlt_thread_clocks_cpu_ns(&clocks);
        uint64_t waited_ns = vlt_thread_clocks_waited_ns(&clocks);
        cr_assert_geq(clocks.count, 2);
        pthread_barrier_wait(&barrier);
        uint64_t end_ns = own_cpu_ns() + 30 * 1000 * 1000;
        while (own_cpu_ns() < end_ns) {
        }
        pthread_barrier_wait(&barrier);
        cr_assert_geq(vlt_thread_clocks_cpu_ns(&clocks) - cpu_ns, 60 * 1000 * 1000);
        cr_assert_gt(vlt_thread_clocks_waited_ns(&clocks), waited_ns);
        pthread_barrier_wait(&barrier);
        pthread_join(thread, NULL);
    }
    vlt_thread_clocks_close(&clocks);
    cr_assert_eq(vlt_thread_clocks_cpu_ns(&clocks), 0);
}

/* Threads that share one CPU always wait for it: one launch of a real operator. */
static void launch_on_one_cpu(const char *a, const char *b, vlt_launch *launch)
{
    const vlt_side side[2] = {{.what = a}, {.what = b}};
    vlt_launch_options options = vlt_experiment_defaults().launch;
    vlt_error err = {0};
    options.program = getenv("VLT_PROGRAM");
    options.threads = 2;
    options.quality = VLT_QUALITY_INT8;
    options.pairs = 40;
    options.limit_s = 0;
    stay_on(first_cpu());
    cr_assert_eq(vlt_launch_run(side, &options, launch, &err), VLT_OK, "%s", err.message);
}

Test(crowded, the_same_variant_is_compared_by_cpu_time_another_is_not)
{
    const char *a = "linear/int8_rows@m=64,n=512,k=512", *b = "linear/int8_rows@m=64,n=512,k=640";
    vlt_thread_clocks clocks;
    vlt_launch launch;
    vlt_thread_clocks_open(&clocks);
    bool known = clocks.count > 0;
    vlt_thread_clocks_close(&clocks);
    if (!known) {
        fprintf(stderr, "SKIP: this system does not say how long threads wait\n");
        return;
    }
    /* a wait counts when it ends: beside many others it may not within one launch */
    for (int i = 0; i < 5; i++) {
        launch_on_one_cpu(a, b, &launch);
        if (launch.run.crowded || i == 4) {
            break;
        }
        vlt_launch_release(&launch);
    }
    cr_assert(launch.run.crowded);
    cr_assert_gt(launch.run.cpu_log_ratio, 0);
    vlt_launch_release(&launch);
    launch_on_one_cpu(a, "linear/baseline@m=64,n=512,k=512", &launch);
    cr_assert_not(launch.run.crowded, "another variant may use its threads in another way");
    vlt_launch_release(&launch);
}

Test(prepared_threads, sides_that_want_as_many_have_the_same)
{
    vlt_threads *a, *b, *other, *none;
    cr_assert_eq(vlt_prepared_threads_take(2, &a, NULL), VLT_OK);
    cr_assert_eq(vlt_prepared_threads_take(2, &b, NULL), VLT_OK);
    cr_assert_eq(vlt_prepared_threads_take(3, &other, NULL), VLT_OK);
    cr_assert_eq(vlt_prepared_threads_take(1, &none, NULL), VLT_OK);
    cr_assert_eq(a, b);
    cr_assert_neq(a, other);
    cr_assert_null(none);
    cr_assert_eq(vlt_threads_count(other), 3);
    vlt_prepared_threads_give(a);
    cr_assert_eq(vlt_threads_count(b), 2, "still there for the other side");
    vlt_prepared_threads_give(b);
    vlt_prepared_threads_give(other);
    vlt_prepared_threads_give(none);
    cr_assert_eq(vlt_prepared_threads_take(3, &a, NULL), VLT_OK);
    cr_assert_eq(vlt_threads_count(a), 3);
    vlt_prepared_threads_give(a);
}

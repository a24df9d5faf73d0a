/* Levels by what is left and by stalls, on machines that the test lays out; what is noted. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/services/governor.h"
#include "tests/support/folder.h"

TestSuite(governor, .init = test_folder_make, .fini = test_folder_remove);

Test(governor, levels_by_what_is_left_and_by_stalls)
{
    const vlt_governor_options options = {.low_percent = 10, .critical_percent = 4};
    static const struct {
        uint64_t left;
        double stall;
        vlt_memory_level before, expected;
    } cases[] = {
        {500, 0, VLT_MEMORY_EASY, VLT_MEMORY_EASY},
        {99, 0, VLT_MEMORY_EASY, VLT_MEMORY_TIGHT},
        {39, 0, VLT_MEMORY_EASY, VLT_MEMORY_CRITICAL},
        {110, 0, VLT_MEMORY_EASY, VLT_MEMORY_EASY},
        {110, 0, VLT_MEMORY_TIGHT, VLT_MEMORY_TIGHT}, /* not cleared by a quarter */
        {130, 0, VLT_MEMORY_TIGHT, VLT_MEMORY_EASY},
        {45, 0, VLT_MEMORY_CRITICAL, VLT_MEMORY_CRITICAL},
        {60, 0, VLT_MEMORY_CRITICAL, VLT_MEMORY_TIGHT},
        {290, 6, VLT_MEMORY_EASY, VLT_MEMORY_TIGHT}, /* stalls, and not much is left */
        {110, 30, VLT_MEMORY_EASY, VLT_MEMORY_CRITICAL},
        {500, 90, VLT_MEMORY_EASY, VLT_MEMORY_EASY}, /* somebody else's trouble */
        {290, NAN, VLT_MEMORY_EASY, VLT_MEMORY_EASY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(
            vlt_governor_level_of(&options, cases[i].left, 1000, cases[i].stall, cases[i].before),
            cases[i].expected, "case %zu", i);
    }
    cr_expect_eq(vlt_governor_level_of(&options, 0, 0, NAN, VLT_MEMORY_EASY), VLT_MEMORY_EASY,
                 "nothing known is no pressure");
}

static _Atomic int acts[3];

static void act(void *user, vlt_governor *governor, vlt_memory_level level)
{
    (void)user;
    if (atomic_fetch_add(&acts[level], 1) == 0) {
        vlt_governor_note(governor, "at %s", vlt_memory_level_name(level));
    }
}

static bool reaches(const vlt_governor *governor, vlt_memory_level level)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < 1000 && vlt_governor_level(governor) != level; i++) {
        nanosleep(&pause, NULL);
    }
    return vlt_governor_level(governor) == level;
}

static vlt_governor *start(void)
{
    const vlt_governor_options options = {.root = test_folder_path(""),
                                          .low_percent = 10,
                                          .critical_percent = 4,
                                          .monitor_ms = 10,
                                          .cleanup_ms = 1000,
                                          .act = act};
    vlt_governor *governor = NULL;
    cr_assert_eq(vlt_governor_create(&options, &governor, NULL), VLT_OK);
    return governor;
}

static void check_events(vlt_governor *governor, const char *cause)
{
    static const char *const actions[] = {"at tight", "at critical", "at easy"};
    vlt_governor_event event[VLT_GOVERNOR_EVENTS_MAX];
    vlt_governor_stats stats;
    const int count = vlt_governor_events(governor, event, &stats);
    cr_assert_eq(count, 3);
    cr_expect_eq(stats.events, 3);
    for (int i = 0; i < count; i++) {
        cr_expect_str_eq(event[i].action, actions[i]);
        cr_expect_not_null(strstr(event[i].cause, cause), "%s", event[i].cause);
        cr_expect(event[i].at_ms >= (i ? event[i - 1].at_ms : 0));
    }
}

Test(governor, notices_that_the_machine_runs_short_and_that_it_is_over)
{
    test_folder_put("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n");
    vlt_governor *governor = start();
    cr_expect_eq(vlt_governor_level(governor), VLT_MEMORY_EASY);
    test_folder_put("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 70 kB\n");
    cr_expect(reaches(governor, VLT_MEMORY_TIGHT));
    test_folder_put("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 10 kB\n");
    cr_expect(reaches(governor, VLT_MEMORY_CRITICAL));
    test_folder_put("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 900 kB\n");
    cr_expect(reaches(governor, VLT_MEMORY_EASY));
    const struct timespec pause = {.tv_nsec = 50000000};
    nanosleep(&pause, NULL); /* the note comes behind the level */
    check_events(governor, "the machine's memory");
    vlt_governor_destroy(governor);
}

/* A recorded machine of version 2: the folder's own limit counts, page cache does not. */
Test(governor, notices_the_limit_of_its_cgroup)
{
    test_folder_put("proc/meminfo",
                    "MemTotal: 1000000 kB\nMemAvailable: 900000 kB\nSwapFree: 0 kB\n");
    test_folder_put("proc/self/cgroup", "0::/job\n");
    test_folder_put("proc/self/mountinfo", "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    test_folder_put("sys/fs/cgroup/cgroup.controllers", "memory\n");
    test_folder_put("sys/fs/cgroup/job/memory.max", "1000000\n");
    test_folder_put("sys/fs/cgroup/job/memory.stat", "inactive_file 300000\nactive_file 100000\n");
    test_folder_put("sys/fs/cgroup/job/memory.current", "900000\n"); /* half of it is left */
    vlt_governor *governor = start();
    const struct timespec pause = {.tv_nsec = 50000000};
    nanosleep(&pause, NULL);
    cr_expect_eq(vlt_governor_level(governor), VLT_MEMORY_EASY);
    test_folder_put("sys/fs/cgroup/job/memory.stat", "inactive_file 0\nactive_file 0\n");
    test_folder_put("sys/fs/cgroup/job/memory.current", "930000\n");
    cr_expect(reaches(governor, VLT_MEMORY_TIGHT));
    test_folder_put("sys/fs/cgroup/job/memory.current", "990000\n");
    cr_expect(reaches(governor, VLT_MEMORY_CRITICAL));
    test_folder_put("sys/fs/cgroup/job/memory.current", "100000\n");
    cr_expect(reaches(governor, VLT_MEMORY_EASY));
    nanosleep(&pause, NULL);
    check_events(governor, "/sys/fs/cgroup/job");
    vlt_governor_destroy(governor);
}

Test(governor, what_was_freed_goes_back_to_the_system)
{
    enum { PIECES = 4000, BYTES = 16 << 10 };
    const vlt_governor_options options = {
        .low_percent = 10, .critical_percent = 4, .monitor_ms = 20, .cleanup_ms = 20};
    vlt_governor *governor = NULL;
    vlt_governor_event event[VLT_GOVERNOR_EVENTS_MAX];
    vlt_governor_stats stats = {0};
    static void *piece[PIECES];
    cr_assert_eq(vlt_governor_create(&options, &governor, NULL), VLT_OK);
    for (int i = 0; i < PIECES; i++) {
        piece[i] = malloc(BYTES);
        memset(piece[i], i, BYTES);
    }
    for (int i = 0; i < PIECES - 1; i++) { /* the last one keeps the heap's end where it is */
        free(piece[i]);
    }
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int i = 0; i < 200 && !stats.cleanups; i++) {
        nanosleep(&pause, NULL);
        vlt_governor_events(governor, event, &stats);
    }
#ifndef __SANITIZE_ADDRESS__
    cr_expect_geq(stats.cleanups, 1);
#endif
    free(piece[PIECES - 1]);
    vlt_governor_destroy(governor);
}

/* What askers are let have, within resource limits and limits of the test's own. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/machine/memory_gauge.h"
#include "optimizations/core/compiler.h"
#include "tests/support/data.h"

#define MIB (UINT64_C(1) << 20)

/* More than a test has resident, under a sanitizer, too, and than it is ever off by. */
#define MUCH (32 * MIB)

static vlt_memory_gauge gauge_with_left(uint64_t left)
{
    return (vlt_memory_gauge){.limit_bytes = vlt_memory_own_bytes_exactly(NULL) + left};
}

/* In full until it is settled, and no longer: what is filled then is resident, and counts once. */
Test(memory_gauge, what_is_granted_counts_until_it_is_settled)
{
    vlt_error err = {0};
    vlt_memory_gauge gauge = gauge_with_left(4 * MUCH);
    vlt_memory_grant one = {0}, other = {0};
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &one, 3 * MUCH, "one", &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(one.bytes, 3 * MUCH);
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &other, 2 * MUCH, "other", &err), VLT_STATUS_LIMIT);
    cr_expect(strstr(err.message, "100.7 MB of them promised already"), "%s", err.message);
    cr_expect_eq(other.bytes, 0, "what is refused is not held");
    vlt_memory_gauge_settle(&gauge, &one);
    cr_assert_eq(one.bytes, 0);
    for (int i = 0; i < 20; i++) { /* however often it was let have and given back lately */
        cr_assert_eq(vlt_memory_gauge_grant(&gauge, &other, 3 * MUCH, "other", &err), VLT_OK, "%s",
                     err.message);
        vlt_memory_gauge_settle(&gauge, &other);
    }
    cr_expect_eq(gauge.granted_bytes, 0);
}

/* An asker's own grant counts, and he does not wait for himself. */
Test(memory_gauge, one_grant_holds_all_that_was_asked_for)
{
    vlt_memory_gauge gauge = gauge_with_left(4 * MUCH);
    vlt_memory_grant grant = {0};
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &grant, MUCH, "pixels", NULL), VLT_OK);
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &grant, MUCH, "patches", NULL), VLT_OK);
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &grant, MIB / 2, "little", NULL), VLT_OK);
    cr_expect_eq(grant.bytes, 2 * MUCH + MIB / 2);
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &grant, 3 * MUCH, "more", NULL), VLT_STATUS_LIMIT);
    cr_expect_eq(grant.bytes, 2 * MUCH + MIB / 2, "what is refused is not held");
    vlt_memory_gauge_settle(&gauge, &grant);
}

/* By numbers, not by what is resident or granted: both ways. */
Test(memory_gauge, what_can_never_fit_is_told_by_what_was_there_at_rest)
{
    vlt_error err = {0};
    vlt_memory_gauge gauge = gauge_with_left(4 * MUCH);
    vlt_memory_grant grant = {0};
    gauge.rest_bytes = gauge.limit_bytes - 100 * MIB;
    cr_assert_eq(vlt_memory_gauge_fits(&gauge, 96 * MIB, "line", &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_memory_gauge_fits(&gauge, 97 * MIB, "line", &err), VLT_STATUS_LIMIT);
    cr_expect(strstr(err.message, "line: needs 101.7 MB, the memory limit of this process leaves "
                                  "104.9 of ") &&
                  strstr(err.message, "with nothing else at work; 3.7 MB must stay free"),
              "%s", err.message);
    cr_expect_eq(vlt_memory_gauge_grant(&gauge, &grant, 97 * MIB, "line", &err), VLT_STATUS_LIMIT,
                 "though so much is not resident");
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &grant, 50 * MIB, "pixels", &err), VLT_OK);
    cr_expect_eq(vlt_memory_gauge_grant(&gauge, &grant, 47 * MIB, "patches", &err),
                 VLT_STATUS_LIMIT, "both are one asker's");
    vlt_memory_gauge_settle(&gauge, &grant);
    gauge.rest_bytes = 0;
    cr_expect_eq(vlt_memory_gauge_fits(&gauge, UINT64_MAX, "line", &err), VLT_OK, "unknown");
}

Test(memory_gauge, rest_is_whole_megabytes_within_a_limit_alone)
{
    vlt_memory_gauge gauge = {0};
    vlt_memory_gauge_rest(&gauge);
    cr_expect_eq(gauge.rest_bytes, 0, "nobody asks");
    gauge.limit_bytes = 4 * MUCH;
    vlt_memory_gauge_rest(&gauge);
    cr_expect_gt(gauge.rest_bytes, 0);
    cr_expect_eq(gauge.rest_bytes % MIB, 0);
}

/* Who is alone is not refused for what has become resident since, as long as it is less than what
 * must stay free: 2 MiB and a 64th. */
Test(memory_gauge, who_is_alone_may_use_the_margin)
{
    vlt_error err = {0};
    char *since = malloc(MUCH);
    cr_assert_not_null(since);
    memset(since, 1, MUCH);
    vlt_memory_gauge gauge = gauge_with_left(8 * MUCH + 3 * MIB);
    vlt_memory_grant grant = {0};
    gauge.rest_bytes = 1;
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &grant, 8 * MUCH, "line", &err), VLT_STATUS_LIMIT);
    atomic_store(&gauge.alone, true);
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &grant, 8 * MUCH, "line", &err), VLT_OK, "%s",
                 err.message);
    vlt_memory_gauge_settle(&gauge, &grant);
    cr_assert_eq(vlt_memory_gauge_grant(&gauge, &grant, 8 * MUCH + 16 * MIB, "line", &err),
                 VLT_STATUS_LIMIT, "but no more");
    free(since);
}

/* ulimit -v of this very process; a gauge reads it again when its spare is spent. */
Test(memory_gauge, a_resource_limit_counts)
{
    vlt_error err = {0};
    vlt_memory_gauge gauge = {0};
    struct rlimit limit = {.rlim_cur = UINT64_C(1) << 40, .rlim_max = RLIM_INFINITY};
    if (VLT_ASAN) {
        test_skip("a sanitizer maps more than the limit of this test");
        return;
    }
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    cr_assert_eq(vlt_memory_gauge_admit(&gauge, 8 * MIB, "little", &err), VLT_OK, "%s",
                 err.message);
    cr_assert_gt(gauge.spare_bytes, 0);
    cr_assert_eq(gauge.recent_bytes[0], 8 * MIB, "nobody has touched it yet");
    cr_assert_eq(vlt_memory_gauge_admit(&gauge, UINT64_C(1) << 41, "too much", &err),
                 VLT_STATUS_LIMIT);
    cr_assert(strstr(err.message, "too much: needs 2199023.3 MB"), "%s", err.message);
    atomic_store(&gauge.promised_bytes, UINT64_C(1) << 40);
    gauge.spare_bytes = gauge.recent_bytes[0] = 0;
    cr_assert_eq(vlt_memory_gauge_admit(&gauge, 8 * MIB, "little", &err), VLT_STATUS_LIMIT);
    cr_assert(strstr(err.message, "1099511.6 MB of them promised"), "%s", err.message);
}

/* What is promised and mapped already, ulimit -v has counted: it is not taken off twice. */
Test(memory_gauge, what_is_mapped_counts_once)
{
    enum { MAPPED = 256 << 20 };
    vlt_error err = {0};
    vlt_memory_gauge gauge = {0};
    char statm[64] = "";
    struct rlimit limit = {.rlim_max = RLIM_INFINITY};
    if (VLT_ASAN) {
        test_skip("a sanitizer maps more than the limit of this test");
        return;
    }
    void *pages = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(pages != MAP_FAILED && file && fgets(statm, sizeof statm, file));
    fclose(file);
    limit.rlim_cur = strtoull(statm, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + MAPPED / 2;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    atomic_store(&gauge.promised_bytes, MAPPED);
    cr_expect_eq(vlt_memory_gauge_admit(&gauge, 32 * MIB, "rows", &err), VLT_STATUS_LIMIT);
    gauge = (vlt_memory_gauge){.promised_bytes = MAPPED, .mapped_bytes = MAPPED};
    cr_expect_eq(vlt_memory_gauge_admit(&gauge, 32 * MIB, "rows", &err), VLT_OK, "%s", err.message);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_AS, &limit);
    munmap(pages, MAPPED);
}

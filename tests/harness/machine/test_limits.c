/* Limits from trees of /proc and cgroups that the test itself lays out. */
#include <criterion/criterion.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/limits.h"
#include "tests/support/folder.h"

#define GIB (UINT64_C(1) << 30)

static void put_meminfo(void)
{
    test_folder_put("/proc/meminfo",
                    "MemTotal:       16777216 kB\nMemFree:  1 kB\nMemAvailable:   8388608 kB\n");
}

static vlt_limits read_limits(void)
{
    vlt_limits limits;
    vlt_limits_read(test_folder_path(""), &limits);
    return limits;
}

TestSuite(limits, .init = test_folder_make, .fini = test_folder_remove);

Test(limits, without_cgroups_the_machine_itself_is_the_limit)
{
    put_meminfo();
    vlt_limits limits = read_limits();
    cr_assert_eq(limits.ram_bytes, 16 * GIB);
    cr_assert_eq(limits.available_bytes, 8 * GIB);
    cr_assert_eq(limits.memory_budget_bytes, 8 * GIB);
    cr_assert_eq(limits.memory_limit_bytes, VLT_LIMIT_NONE);
    cr_assert_eq(limits.cgroup_version, 0);
    cr_assert_eq(limits.cpu_quota, 0);
    cr_assert_str_empty(limits.memory_limited_by);
}

Test(limits, nothing_readable_is_not_a_limit_of_zero)
{
    vlt_limits limits = read_limits();
    cr_assert_eq(limits.memory_limit_bytes, VLT_LIMIT_NONE);
    cr_assert_eq(limits.memory_budget_bytes, VLT_LIMIT_NONE);
    cr_assert_eq(limits.ram_bytes, 0);
}

Test(limits, v2_takes_the_tightest_ancestor)
{
    put_meminfo();
    test_folder_put("/proc/self/cgroup", "0::/work/job\n");
    test_folder_put("/proc/self/mountinfo",
                    "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
    test_folder_put("/sys/fs/cgroup/work/job/memory.max", "max\n");
    test_folder_put("/sys/fs/cgroup/work/job/memory.current", "1073741824\n");
    test_folder_put("/sys/fs/cgroup/work/memory.max", "4294967296\n");
    test_folder_put("/sys/fs/cgroup/work/memory.current", "3221225472\n");
    test_folder_put("/sys/fs/cgroup/work/memory.stat",
                    "anon 5\ninactive_file 1073741824\nactive_file 7\n");
    test_folder_put("/sys/fs/cgroup/work/job/cpu.max", "max 100000\n");
    test_folder_put("/sys/fs/cgroup/work/cpu.max", "150000 100000\n");
    vlt_limits limits = read_limits();
    cr_assert_eq(limits.cgroup_version, 2);
    cr_assert_eq(limits.memory_limit_bytes, 4 * GIB);
    cr_assert_str_eq(limits.memory_limited_by, "/sys/fs/cgroup/work");
    cr_assert_eq(limits.memory_budget_bytes, 2 * GIB, "4 GiB, 3 used, of which 1 is cold cache");
    cr_assert_float_eq(limits.cpu_quota, 1.5, 1e-12);
    cr_assert_str_eq(limits.cpu_limited_by, "/sys/fs/cgroup/work");
}

Test(limits, v1_controllers_lie_in_their_own_trees)
{
    put_meminfo();
    test_folder_put("/proc/self/cgroup",
                    "5:memory:/a/b\n3:cpu,cpuacct:/c\n1:name=systemd:/x\n0::/\n");
    test_folder_put(
        "/proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    test_folder_put("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "1073741824\n");
    test_folder_put("/sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "805306368\n");
    test_folder_put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2147483648\n");
    test_folder_put("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "2013265920\n");
    test_folder_put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    test_folder_put("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "-1\n");
    test_folder_put("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n");
    vlt_limits limits = read_limits();
    cr_assert_eq(limits.cgroup_version, 1);
    cr_assert_eq(limits.memory_limit_bytes, GIB);
    cr_assert_eq(limits.memory_budget_bytes, 134217728, "the parent is fuller than the group");
    cr_assert_eq(limits.cpu_quota, 0);
    test_folder_put("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "50000\n");
    limits = read_limits();
    cr_assert_float_eq(limits.cpu_quota, 0.5, 1e-12);
}

Test(limits, a_container_sees_its_own_root)
{
    put_meminfo();
    /* the mount shows /docker/abc of the tree; the process is in /docker/abc/inner */
    test_folder_put("/proc/self/cgroup", "5:memory:/docker/abc/inner\n");
    test_folder_put("/proc/self/mountinfo",
                    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup c rw,memory\n");
    test_folder_put("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "536870912\n");
    test_folder_put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
    vlt_limits limits = read_limits();
    cr_assert_eq(limits.memory_limit_bytes, GIB / 4);
    /* a path outside the namespace: the mount point is the best that can be seen */
    test_folder_put("/proc/self/cgroup", "5:memory:/../../other\n");
    limits = read_limits();
    cr_assert_eq(limits.memory_limit_bytes, GIB / 4);
    cr_assert_str_eq(limits.memory_limited_by, "/sys/fs/cgroup/memory");
}

Test(limits, broken_files_are_no_limits)
{
    put_meminfo();
    test_folder_put("/proc/self/cgroup", "\n:::\nmemory\n0::/a\n5:memory\n");
    test_folder_put("/proc/self/mountinfo",
                    " - \n1 2 - cgroup2 x\n30 23 0:26 / /sys/fs/cgroup rw - cgroup2 c rw\n");
    test_folder_put("/sys/fs/cgroup/a/memory.max", "-5\n");
    test_folder_put("/sys/fs/cgroup/a/cpu.max", "100000 0\n");
    test_folder_put("/sys/fs/cgroup/memory.max", "99999999999999999999999999\n");
    test_folder_put("/sys/fs/cgroup/cpu.max", "nan nan\n");
    vlt_limits limits = read_limits();
    cr_assert_eq(limits.memory_limit_bytes, VLT_LIMIT_NONE);
    cr_assert_eq(limits.memory_budget_bytes, 8 * GIB);
    cr_assert_eq(limits.cpu_quota, 0);
}

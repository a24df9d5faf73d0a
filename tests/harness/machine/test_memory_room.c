/* What is left to take, from trees of /proc and cgroups that the test lays out. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "harness/machine/memory_room.h"
#include "tests/support/folder.h"

#define MIB (UINT64_C(1) << 20)

static vlt_memory_room read_room(void)
{
    vlt_memory_room room;
    vlt_memory_room_read(test_folder_path(""), &room);
    return room;
}

static void put_machine(const char *swap)
{
    char text[256];
    snprintf(text, sizeof text, "MemTotal: 4096000 kB\nMemAvailable: 2048000 kB\nSwapFree: %s kB\n",
             swap);
    test_folder_put("/proc/meminfo", text);
}

static void put_v1(void)
{
    test_folder_put("/proc/self/cgroup", "4:memory:/job/step\n0::/\n");
    test_folder_put("/proc/self/mountinfo",
                    "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    test_folder_put("/sys/fs/cgroup/memory/job/step/memory.limit_in_bytes",
                    "9223372036854771712\n");
    test_folder_put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "419430400\n");
    test_folder_put("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "209715200\n");
    test_folder_put("/sys/fs/cgroup/memory/job/memory.stat",
                    "inactive_file 1\ntotal_inactive_file 52428800\ntotal_active_file 104857600\n");
}

static void put_v2(const char *swap_max)
{
    test_folder_put("/proc/self/cgroup", "0::/job\n");
    test_folder_put("/proc/self/mountinfo",
                    "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    test_folder_put("/sys/fs/cgroup/job/memory.max", "419430400\n");
    test_folder_put("/sys/fs/cgroup/job/memory.current", "104857600\n");
    test_folder_put("/sys/fs/cgroup/job/memory.stat", "anon 1\ninactive_file 0\nactive_file 0\n");
    test_folder_put("/sys/fs/cgroup/job/memory.swap.max", swap_max);
    test_folder_put("/sys/fs/cgroup/job/memory.swap.current", "10485760\n");
}

TestSuite(memory_room, .init = test_folder_make, .fini = test_folder_remove);

Test(memory_room, nothing_known_limits_nothing)
{
    vlt_memory_room room = read_room();
    cr_assert_eq(room.left_bytes, UINT64_MAX);
    cr_assert_eq(vlt_memory_admit(test_folder_path(""), UINT64_C(1) << 50, 0, "all", NULL), VLT_OK);
}

Test(memory_room, the_machine_has_what_is_available_and_its_swap)
{
    put_machine("0");
    cr_assert_eq(read_room().left_bytes, 2000 * MIB);
    cr_assert_eq(read_room().limit_bytes, 4000 * MIB);
    put_machine("1024000");
    cr_assert_eq(read_room().left_bytes, 3000 * MIB);
}

Test(memory_room, v1_counts_page_cache_as_free_and_names_the_ancestor)
{
    put_machine("0");
    put_v1();
    vlt_memory_room room = read_room();
    cr_assert_eq(room.left_bytes, 350 * MIB, "%.1f", (double)room.left_bytes / (double)MIB);
    cr_assert_eq(room.limit_bytes, 400 * MIB);
    cr_assert_str_eq(room.limit, "the memory limit of cgroup /sys/fs/cgroup/memory/job");
}

Test(memory_room, v1_limits_memory_and_swap_together)
{
    put_machine("1024000");
    put_v1();
    cr_assert_eq(read_room().left_bytes, 1350 * MIB);
    test_folder_put("/sys/fs/cgroup/memory/job/memory.memsw.limit_in_bytes", "524288000\n");
    test_folder_put("/sys/fs/cgroup/memory/job/memory.memsw.usage_in_bytes", "209715200\n");
    cr_assert_eq(read_room().left_bytes, 450 * MIB);
}

Test(memory_room, v2_counts_the_swap_that_it_grants)
{
    put_machine("1024000");
    put_v2("0\n");
    cr_assert_eq(read_room().left_bytes, 300 * MIB);
    put_v2("31457280\n");
    cr_assert_eq(read_room().left_bytes, 320 * MIB);
    put_v2("max\n");
    cr_assert_eq(read_room().left_bytes, 1300 * MIB);
}

Test(memory_room, a_refusal_says_need_and_limit)
{
    vlt_error err = {0};
    const char *root = test_folder_path("");
    put_machine("0");
    put_v2("0\n");
    cr_assert_eq(vlt_memory_admit(root, 250 * MIB, 0, "cache of 9 tokens", &err), VLT_OK);
    cr_assert_eq(vlt_memory_admit(root, 250 * MIB, 60 * MIB, "cache of 9 tokens", &err),
                 VLT_STATUS_LIMIT);
    cr_assert_str_eq(err.message,
                     "cache of 9 tokens: needs 262.1 MB, the memory limit of cgroup "
                     "/sys/fs/cgroup/job leaves 314.6 of 419.4 MB, 62.9 MB of them promised "
                     "already; 6.2 MB must stay free");
    cr_assert_eq(vlt_memory_admit(root, 300 * MIB, 0, "cache", &err), VLT_STATUS_LIMIT,
                 "nothing would be left for the rest");
    cr_assert_eq(vlt_memory_admit(root, UINT64_MAX, 0, "cache", &err), VLT_STATUS_LIMIT);
    cr_assert_eq(vlt_memory_admit(root, 4096, 299 * MIB, "a page", &err), VLT_OK);
}

/* PSI and steal, from trees that the test lays out. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/pressure.h"
#include "tests/support/folder.h"

TestSuite(pressure, .init = test_folder_make, .fini = test_folder_remove);

Test(pressure, psi_files_are_parsed_and_broken_ones_are_unknown)
{
    vlt_psi psi = vlt_psi_parse("some avg10=1.50 avg60=0.00 avg300=0.00 total=123456\n"
                                "full avg10=0.25 avg60=0.00 avg300=0.00 total=789\n");
    cr_assert_float_eq(psi.some_avg10, 1.5, 1e-12);
    cr_assert_eq(psi.some_us, 123456);
    cr_assert_float_eq(psi.full_avg10, 0.25, 1e-12);
    cr_assert_eq(psi.full_us, 789);
    psi = vlt_psi_parse("some avg10=2.00 avg60=0 avg300=0 total=5");
    cr_assert(isnan(psi.full_avg10), "older kernels give no full line for the CPU");
    static const char *const broken[] = {"",
                                         "\n\n",
                                         "some",
                                         "some avg10= total=",
                                         "some avg10=-3",
                                         "full total=x",
                                         "some\nfull avg10=1"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        psi = vlt_psi_parse(broken[i]);
        cr_assert(isnan(psi.some_avg10) && isnan(psi.some_us), "case %zu", i);
    }
}

Test(pressure, what_the_kernel_does_not_offer_is_unknown_and_not_zero)
{
    vlt_pressure pressure;
    vlt_pressure_read(test_folder_path(""), &pressure);
    cr_assert(isnan(pressure.cpu.some_avg10));
    cr_assert(isnan(pressure.own_memory.some_us));
    cr_assert(isnan(pressure.steal_s));
    cr_assert(isnan(pressure.load_1m));
    cr_assert(isnan(pressure.failed_charges));
    cr_assert(isnan(vlt_pressure_share(pressure.steal_s, 1)));
}

Test(pressure, system_and_own_cgroup_of_both_versions)
{
    vlt_pressure pressure;
    test_folder_put("/proc/pressure/cpu",
                    "some avg10=10.00 avg60=0.00 avg300=0.00 total=1000000\n");
    test_folder_put("/proc/pressure/memory", "some avg10=3.00 avg60=0.00 avg300=0.00 total=7\n");
    test_folder_put("/proc/loadavg", "2.50 1.00 0.50 3/200 4000\n");
    test_folder_put("/proc/stat", "cpu  100 0 50 1000 0 0 0 300 0 0\ncpu0 1 2 3\n");
    test_folder_put("/proc/self/cgroup", "4:memory:/old\n0::/new/own\n");
    test_folder_put("/proc/self/mountinfo",
                    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    test_folder_put("/sys/fs/cgroup/memory/old/memory.failcnt", "5\n");
    test_folder_put("/sys/fs/cgroup/memory/memory.failcnt", "2\n");
    test_folder_put("/sys/fs/cgroup/unified/new/own/memory.pressure",
                    "some avg10=44.00 avg60=0.00 avg300=0.00 total=9\n");
    test_folder_put("/sys/fs/cgroup/unified/new/memory.pressure",
                    "some avg10=11.00 avg60=0.00 avg300=0.00 total=9\n");
    test_folder_put("/sys/fs/cgroup/unified/new/own/cpu.pressure",
                    "some avg10=22.00 avg60=0.00 avg300=0.00 total=9\n");
    vlt_pressure_read(test_folder_path(""), &pressure);
    cr_assert_float_eq(pressure.cpu.some_avg10, 10, 1e-12);
    cr_assert_float_eq(pressure.own_memory.some_avg10, 44, 1e-12, "the own folder, no ancestor");
    cr_assert_float_eq(pressure.own_cpu.some_avg10, 22, 1e-12);
    cr_assert_eq(pressure.failed_charges, 7);
    cr_assert_float_eq(pressure.load_1m, 2.5, 1e-12);
    cr_assert_gt(pressure.steal_s, 0);
    cr_assert_float_eq(vlt_pressure_share(2.5, 10), 0.25, 1e-9);
    cr_assert(isnan(vlt_pressure_share(1, 0)));
}

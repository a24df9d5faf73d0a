#include <criterion/criterion.h>

#include <math.h>

#include "optimizations/core/random.h"
#include "optimizations/device/activity.h"

#define COPY(start, end)                       \
    {                                          \
        VLT_ACTIVITY_COPY_TO, 0, start, end, 1 \
    }
#define BACK(start, end)                         \
    {                                            \
        VLT_ACTIVITY_COPY_FROM, 0, start, end, 1 \
    }
#define KERNEL(start, end)                    \
    {                                         \
        VLT_ACTIVITY_KERNEL, 0, start, end, 1 \
    }

Test(activity, known_intervals)
{
    /* unsorted; two copies overlap each other, one kernel spans a gap, one record is empty */
    vlt_activity activity[] = {KERNEL(25, 60), COPY(0, 20),    BACK(10, 30),
                               COPY(50, 70),   KERNEL(55, 58), COPY(90, 90)};
    vlt_overlap overlap;
    vlt_activity_overlap(activity, 6, &overlap);
    cr_assert_eq(overlap.copy_ns, 30 + 20);
    cr_assert_eq(overlap.kernel_ns, 35);
    cr_assert_eq(overlap.both_ns, 5 + 10);
    cr_assert_eq(overlap.span_ns, 90);
    cr_assert_float_eq(overlap.share, 15.0 / 35, 1e-12);
}

Test(activity, nothing_to_overlap_is_not_zero)
{
    vlt_activity copies[] = {COPY(0, 10)};
    vlt_overlap overlap;
    vlt_activity_overlap(copies, 1, &overlap);
    cr_assert(isnan(overlap.share));
    cr_assert_eq(overlap.copy_ns, 10);
    vlt_activity_overlap(copies, 0, &overlap);
    cr_assert(isnan(overlap.share));
    cr_assert_eq(overlap.span_ns, 0);
}

Test(activity, random_intervals_equal_counting_ticks)
{
    enum { TICKS = 200, COUNT = 24, ROUNDS = 300 };
    vlt_random random = {7};
    for (int round = 0; round < ROUNDS; round++) {
        vlt_activity activity[COUNT];
        bool copying[TICKS] = {false}, computing[TICKS] = {false};
        uint64_t copy = 0, kernel = 0, both = 0;
        for (int i = 0; i < COUNT; i++) {
            uint64_t start = (uint64_t)vlt_random_range(&random, 0, TICKS - 1);
            uint64_t end = (uint64_t)vlt_random_range(&random, (int64_t)start, TICKS - 1);
            activity[i] = (vlt_activity){.kind = (vlt_activity_kind)vlt_random_range(&random, 0, 2),
                                         .start_ns = start,
                                         .end_ns = end};
            for (uint64_t t = start; t < end; t++) {
                (activity[i].kind == VLT_ACTIVITY_KERNEL ? computing : copying)[t] = true;
            }
        }
        for (int t = 0; t < TICKS; t++) {
            copy += copying[t];
            kernel += computing[t];
            both += copying[t] && computing[t];
        }
        vlt_overlap overlap;
        vlt_activity_overlap(activity, COUNT, &overlap);
        cr_assert_eq(overlap.copy_ns, copy, "round %d", round);
        cr_assert_eq(overlap.kernel_ns, kernel, "round %d", round);
        cr_assert_eq(overlap.both_ns, both, "round %d", round);
    }
}

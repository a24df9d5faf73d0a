#include <criterion/criterion.h>

#include "optimizations/core/turn.h"

enum { US = 1000, MS = 1000000 };

/* Pieces of `piece_ns` from *now_ns on, until the turn is over or `most_ns` have passed. */
static int64_t work(vlt_turn *turn, int64_t *now_ns, int64_t piece_ns, int64_t most_ns)
{
    int64_t from = *now_ns;
    while (!vlt_turn_is_over(turn, *now_ns) && *now_ns - from < most_ns) {
        *now_ns += piece_ns;
    }
    return *now_ns - from;
}

Test(turn, without_a_neighbour_it_never_ends)
{
    vlt_turn turn = {0};
    int64_t now = 5000 * (int64_t)MS;
    vlt_turn_begin(&turn, now);
    cr_assert_geq(work(&turn, &now, 100 * US, 900 * MS), 900 * MS);
    now += 3600 * (int64_t)MS; /* asleep: nobody took the CPU away */
    vlt_turn_begin(&turn, now);
    cr_assert_geq(work(&turn, &now, 100 * US, 900 * MS), 900 * MS);
}

Test(turn, after_an_interruption_it_ends_before_the_next_one)
{
    vlt_turn turn = {0};
    int64_t now = MS;
    vlt_turn_begin(&turn, now);
    work(&turn, &now, 100 * US, 2 * MS);
    now += 4 * MS; /* in the middle of a piece */
    int64_t first = work(&turn, &now, 100 * US, 900 * MS);
    cr_assert(first > 2 * MS && first < 3 * MS, "%lld ns", (long long)first);
    for (int i = 0; i < 50; i++) { /* as long as the neighbour is there */
        now += 4 * MS;
        vlt_turn_resume(&turn, now);
        int64_t next = work(&turn, &now, 100 * US, 900 * MS);
        cr_assert(next > 2 * MS && next < 3 * MS, "turn %d: %lld ns", i, (long long)next);
    }
    now += US; /* given back at once: it has gone, and after a while nobody asks any more */
    vlt_turn_resume(&turn, now);
    int64_t spent = 0;
    for (int i = 0; i < 60; i++) {
        spent += work(&turn, &now, 100 * US, 900 * MS);
        vlt_turn_resume(&turn, now);
    }
    cr_assert_gt(spent, 900 * MS);
}

/* A turn goes on over short jobs; whoever was away between two begins anew. */
Test(turn, is_that_of_the_cpu_and_not_of_a_job)
{
    vlt_turn turn = {0};
    int64_t now = 5 * MS, spent = 0;
    vlt_turn_resume(&turn, now); /* zero was long ago: somebody was there */
    while (!vlt_turn_is_over(&turn, now)) {
        vlt_turn_begin(&turn, now + 10 * US);
        now += 300 * US;
        spent += 300 * US;
        cr_assert_lt(spent, 4 * MS);
    }
    vlt_turn_begin(&turn, now + 2 * MS);
    cr_assert_not(vlt_turn_is_over(&turn, now + 2 * MS + US));
}

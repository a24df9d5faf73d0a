#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "harness/measure/measure.h"
#include "harness/measure/statistics.h"
#include "optimizations/core/random.h"

/* A clock that the measured code moves: time is what the test says it is. */
struct fake {
    uint64_t now_ns;
    uint64_t tick_ns;
    uint64_t reading_ns;   /* what one reading costs */
    uint64_t step_back_at; /* reading after which the clock goes back once; 0: never */
    uint64_t readings;
};

static uint64_t fake_wall(void *user)
{
    struct fake *fake = user;
    fake->now_ns += fake->reading_ns;
    fake->readings++;
    if (fake->step_back_at && fake->readings % fake->step_back_at == 0) {
        fake->now_ns -= fake->now_ns > 10000000 ? 10000000 : 0;
    }
    return fake->now_ns / fake->tick_ns * fake->tick_ns;
}

static uint64_t fake_thread(void *user)
{
    return ((struct fake *)user)->now_ns;
}

struct work {
    struct fake *fake;
    uint64_t call_ns;
    vlt_random noise;
    int fail_after; /* 0: never */
    int64_t calls;
};

static int work_run(void *state, int64_t iterations)
{
    struct work *work = state;
    work->calls += iterations;
    if (work->fail_after && work->calls > work->fail_after) {
        return VLT_STATUS_INPUT;
    }
    double noise = 1 + 0.01 * vlt_random_unit(&work->noise);
    work->fake->now_ns += (uint64_t)((double)(work->call_ns * (uint64_t)iterations) * noise);
    return 0;
}

static vlt_clock clock_of(struct fake *fake)
{
    return (vlt_clock){.wall_ns = fake_wall, .thread_ns = fake_thread, .user = fake};
}

static vlt_status calibrate(const vlt_clock *clock, const vlt_clock_info *info,
                            const vlt_subject *subject, int count, vlt_epoch *epoch, vlt_error *err)
{
    double call_ns[2];
    vlt_status status = VLT_OK;
    for (int i = 0; i < count && status == VLT_OK; i++) {
        status = vlt_epoch_time_call(clock, info, &subject[i], &call_ns[i], err);
    }
    if (status == VLT_OK) {
        vlt_epoch_plan(info, call_ns, count, epoch);
    }
    return status;
}

Test(epoch, is_long_against_floor_and_ticks)
{
    const uint64_t calls_ns[] = {1, 7, 900, 30000, 199999, 5000000};
    const uint64_t ticks_ns[] = {1, 100, 4000};
    for (int c = 0; c < 6; c++) {
        for (int factor = 1; factor <= 64; factor *= 8) {
            for (int t = 0; t < 3; t++) {
                struct fake fake = {.tick_ns = ticks_ns[t], .reading_ns = 20};
                vlt_clock clock = clock_of(&fake);
                struct work work[2] = {{.fake = &fake, .call_ns = calls_ns[c] * (uint64_t)factor},
                                       {.fake = &fake, .call_ns = calls_ns[c]}};
                vlt_subject subject[2] = {{.run = work_run, .state = &work[0]},
                                          {.run = work_run, .state = &work[1]}};
                vlt_clock_info info;
                vlt_epoch epoch;
                vlt_clock_probe(&clock, &info);
                cr_assert_eq(calibrate(&clock, &info, subject, 2, &epoch, NULL), VLT_OK);
                double shorter = (double)(epoch.iterations * (int64_t)calls_ns[c]);
                cr_assert(epoch.iterations == 1 || shorter >= VLT_EPOCH_FLOOR_NS);
                cr_assert_geq(shorter + 1, fmin((double)calls_ns[c], 1000.0 * (double)ticks_ns[t]));
                cr_assert(shorter >= 1000.0 * (double)ticks_ns[t] || epoch.iterations == 1);
                cr_assert_float_eq(epoch.call_ns[1], (double)calls_ns[c],
                                   0.1 * (double)calls_ns[c] + 1);
            }
        }
    }
}

Test(epoch, a_clock_that_stands_still_is_an_error)
{
    struct fake fake = {.tick_ns = UINT64_MAX, .reading_ns = 0};
    vlt_clock clock = clock_of(&fake);
    struct work work = {.fake = &fake, .call_ns = 0};
    vlt_subject subject = {.run = work_run, .state = &work};
    vlt_clock_info info;
    vlt_epoch epoch;
    vlt_error err = {0};
    vlt_clock_probe(&clock, &info);
    cr_assert_eq(calibrate(&clock, &info, &subject, 1, &epoch, &err), VLT_STATUS_INTERNAL);
    cr_assert(strstr(err.message, "clock"));
}

static vlt_status measure(struct fake *fake, struct work work[2], vlt_pair_options options,
                          vlt_pair_run *run)
{
    vlt_clock clock = clock_of(fake);
    vlt_subject subject[2];
    for (int i = 0; i < 2; i++) {
        work[i].fake = fake;
        subject[i] = (vlt_subject){.run = work_run, .state = &work[i]};
    }
    return vlt_pair_measure(&clock, subject, &options, run, NULL);
}

Test(pair, finds_the_ratio_and_flips_coins)
{
    struct fake fake = {.tick_ns = 1, .reading_ns = 20};
    struct work work[2] = {{.call_ns = 1000, .noise = {1}}, {.call_ns = 1030, .noise = {2}}};
    vlt_pair_run run;
    vlt_pair_options options = {.seed = 9, .pairs = 200, .pairs_min = 1};
    cr_assert_eq(measure(&fake, work, options, &run), VLT_OK);
    cr_assert_eq(run.pair_count, 200);
    cr_assert_float_eq(run.log_ratio, log(1.03), 0.002);
    cr_assert_float_eq(run.call_ns[0], 1005, 10);
    cr_assert_leq(run.floor_ns[0], run.call_ns[0]);
    cr_assert_eq(run.steadiness, VLT_STEADY_YES);
    cr_assert_float_eq(run.overhead_ns, 20, 1);
    int b_first = 0;
    for (int i = 0; i < run.pair_count; i++) {
        b_first += run.pair[i].b_first;
        cr_assert(run.pair[i].wall_ns[0] >= VLT_EPOCH_FLOOR_NS);
    }
    cr_assert(b_first > 60 && b_first < 140);
    vlt_pair_run_release(&run);
}

Test(pair, equal_seeds_flip_equally)
{
    vlt_pair_run run[2];
    for (int r = 0; r < 2; r++) {
        struct fake fake = {.tick_ns = 1, .reading_ns = 20};
        struct work work[2] = {{.call_ns = 500}, {.call_ns = 500}};
        vlt_pair_options options = {.seed = 4, .pairs = 50, .pairs_min = 1};
        cr_assert_eq(measure(&fake, work, options, &run[r]), VLT_OK);
    }
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(run[0].pair[i].b_first, run[1].pair[i].b_first);
    }
    vlt_pair_run_release(&run[0]);
    vlt_pair_run_release(&run[1]);
}

Test(pair, drops_by_the_systems_word_and_never_by_duration)
{
    vlt_pair pairs[8];
    vlt_pair_run run = {.pair = pairs, .pair_count = 8, .iterations = 10, .overhead_ns = 0};
    for (int i = 0; i < 8; i++) {
        pairs[i] = (vlt_pair){.wall_ns = {1000, i < 5 ? 1100 : 9000}};
    }
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    cr_assert_eq(run.used, 8); /* long ones stay */
    pairs[5].flags = pairs[6].flags = VLT_PAIR_PREEMPTED;
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    cr_assert_eq(run.used, 6);
    cr_assert_eq(run.preempted, 2);
    cr_assert_float_eq(run.log_ratio, log(1.1), 1e-12);
    cr_assert_float_eq(run.call_ns[1], 110, 1e-9);
    for (int i = 0; i < 5; i++) {
        pairs[i].flags = VLT_PAIR_PREEMPTED; /* most of them: then all count */
    }
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    cr_assert_eq(run.used, 8);
    pairs[0].flags |= VLT_PAIR_CLOCK; /* but never one without a time */
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    cr_assert_eq(run.used, 7);
    for (int i = 0; i < 8; i++) {
        pairs[i].flags = VLT_PAIR_CLOCK;
    }
    vlt_error err = {0};
    cr_assert_eq(vlt_pair_summarise(&run, &err), VLT_STATUS_UNMEASURED);
    cr_assert(strstr(err.message, "clock"));
}

Test(pair, a_clock_that_steps_back_costs_its_pairs_only)
{
    struct fake fake = {.tick_ns = 1, .reading_ns = 20, .step_back_at = 151};
    struct work work[2] = {{.call_ns = 1000}, {.call_ns = 1050}};
    vlt_pair_run run;
    vlt_pair_options options = {.seed = 3, .pairs = 600, .pairs_min = 1};
    cr_assert_eq(measure(&fake, work, options, &run), VLT_OK);
    cr_assert_lt(run.used, 600);
    cr_assert_gt(run.used, 560);
    cr_assert_float_eq(run.log_ratio, log(1.05), 0.003);
    vlt_pair_run_release(&run);
}

Test(pair, a_failing_subject_passes_its_status_on)
{
    struct fake fake = {.tick_ns = 1, .reading_ns = 20};
    struct work work[2] = {{.call_ns = 1000}, {.call_ns = 1000, .fail_after = 4000}};
    vlt_pair_run run;
    vlt_pair_options options = {.seed = 3, .pairs = 600, .pairs_min = 1};
    cr_assert_eq(measure(&fake, work, options, &run), VLT_STATUS_INPUT);
    cr_assert_null(run.pair);
}

Test(pair, a_limit_ends_it_but_not_before_the_least)
{
    struct fake fake = {.tick_ns = 1, .reading_ns = 20};
    struct work work[2] = {{.call_ns = 200000000}, {.call_ns = 200000000}};
    vlt_pair_run run;
    vlt_pair_options options = {.seed = 3, .pairs = 600, .pairs_min = 3, .limit_s = 0.5};
    cr_assert_eq(measure(&fake, work, options, &run), VLT_OK);
    cr_assert_eq(run.pair_count, 3);
    cr_assert_eq(run.steadiness, VLT_STEADY_UNKNOWN);
    vlt_pair_run_release(&run);
}

/* A side that takes seconds is called once, the other one is measured as ever. */
Test(pair, a_slow_side_is_called_once)
{
    struct fake fake = {.tick_ns = 1, .reading_ns = 20};
    for (int both = 0; both <= 1; both++) {
        struct work work[2] = {{.call_ns = 2000000000, .noise = {3}},
                               {.call_ns = both ? 2060000000 : 50000000, .noise = {4}}};
        vlt_pair_run run;
        vlt_pair_options options = {.seed = 3, .pairs = 600, .pairs_min = 1, .limit_s = 0.5};
        cr_assert_eq(measure(&fake, work, options, &run), VLT_OK);
        cr_assert_eq(run.pair_count, 1);
        cr_assert_eq(run.iterations, 1);
        cr_assert_eq(work[0].calls, 1);
        cr_assert_eq(work[1].calls, both ? 1 : 2);
        cr_assert_float_eq(run.log_ratio, both ? log(1.03) : log(0.025), 0.02);
        cr_assert_float_eq(run.call_ns[0], 2e9, 3e7);
        cr_assert(both || !run.pair[0].b_first, "the slow one ran first");
        vlt_pair_run_release(&run);
    }
}

static bool stop_now(void)
{
    return true;
}

/* What is long anyway is not called more often than its pairs need: once to warm up, and beyond
 * 20 ms, where both are the same code, one side alone. */
Test(pair, a_long_call_is_not_spent_on_calibration)
{
    const uint64_t call_ns[] = {5000000, 50000000};
    for (int c = 0; c < 2; c++) {
        for (uint64_t seed = 1; seed <= 8; seed++) {
            struct fake fake = {.tick_ns = 1, .reading_ns = 20};
            struct work work[2] = {{.call_ns = call_ns[c], .noise = {3}},
                                   {.call_ns = call_ns[c] / 100 * 103, .noise = {4}}};
            vlt_pair_run run;
            vlt_pair_options options = {
                .seed = seed, .pairs = 7, .pairs_min = 7, .same_code = seed % 2};
            cr_assert_eq(measure(&fake, work, options, &run), VLT_OK);
            cr_assert_eq(run.pair_count, 7);
            cr_assert_eq(work[0].calls + work[1].calls, 2 * 7 + (c == 1 && seed % 2 ? 1 : 2));
            cr_assert_float_eq(run.log_ratio, log(1.03), 0.01);
            vlt_pair_run_release(&run);
        }
    }
}

/* Two places in memory, of which one costs 5 % more; the sides begin as `turn` says. */
struct places {
    struct work work[2][2]; /* [side][place] */
    int turn, calls;
    vlt_status status;
};

static vlt_status exchange_places(void *user, vlt_subject subject[2], vlt_error *err)
{
    struct places *places = user;
    places->calls++;
    places->turn = !places->turn;
    for (int side = 0; side < 2; side++) {
        subject[side].state = &places->work[side][side ^ places->turn];
    }
    return places->status == VLT_OK ? VLT_OK : vlt_fail(err, places->status, "no exchange");
}

static vlt_status measure_places(struct places *places, uint64_t call_ns, vlt_pair_options options,
                                 vlt_pair_run *run)
{
    struct fake fake = {.tick_ns = 1, .reading_ns = 20};
    vlt_clock clock = clock_of(&fake);
    vlt_subject subject[2];
    for (int side = 0; side < 2; side++) {
        for (int place = 0; place < 2; place++) {
            uint64_t more = (side ? 103 : 100) * (place ? 105 : 100);
            places->work[side][place] = (struct work){.fake = &fake,
                                                      .call_ns = call_ns / 10000 * more,
                                                      .noise = {(uint64_t)(2 * side + place)}};
        }
        subject[side] = (vlt_subject){.run = work_run,
                                      .state = &places->work[side][side ^ places->turn]};
    }
    options.exchange = exchange_places;
    options.exchange_user = places;
    return vlt_pair_measure(&clock, subject, &options, run, NULL);
}

Test(pair, what_a_place_costs_cancels_when_the_sides_exchange_theirs)
{
    const uint64_t call_ns[] = {1000000, 5000000, 12000000};
    for (int turn = 0; turn < 2; turn++) {
        for (int c = 0; c < 3; c++) {
            struct places places = {.turn = turn};
            vlt_pair_run run;
            const vlt_pair_options options = {
                .seed = 5, .pairs = 100, .pairs_min = 1, .limit_s = 0.2};
            int exchanged = 0;
            cr_assert_eq(measure_places(&places, call_ns[c], options, &run), VLT_OK);
            cr_assert_eq(places.calls, 1);
            for (int i = 0; i < run.pair_count; i++) {
                exchanged += (run.pair[i].flags & VLT_PAIR_EXCHANGED) != 0;
            }
            cr_assert_geq(2 * exchanged, run.pair_count);
            cr_assert_leq(exchanged, run.pair_count / 2 + 1,
                          "the halves are equal, but for a rest");
            cr_assert_eq(run.used, run.pair_count);
            cr_assert_float_eq(run.log_ratio, log(1.03), 0.012, "%g", run.log_ratio);
            vlt_pair_run_release(&run);
        }
    }
}

Test(pair, an_exchange_may_be_useless_or_fail)
{
    vlt_pair_run run;
    vlt_pair_options options = {.seed = 5, .pairs = 100, .pairs_min = 1, .limit_s = 0.2};
    struct places few = {.turn = 0};
    cr_assert_eq(measure_places(&few, 100000000, options, &run), VLT_OK);
    cr_assert_eq(few.calls, 0, "one pair fits: half of it tells nothing");
    vlt_pair_run_release(&run);
    struct places failing = {.status = VLT_STATUS_NOMEM};
    cr_assert_eq(measure_places(&failing, 1000000, options, &run), VLT_STATUS_NOMEM);
    cr_assert_null(run.pair);
    struct places stopped = {.turn = 0};
    options.stop = stop_now;
    options.pairs_min = 0;
    measure_places(&stopped, 1000000, options, &run);
    cr_assert_eq(stopped.calls, 0, "whoever is stopped does not prepare anew");
    vlt_pair_run_release(&run);
}

/* Pairs of places that cost 2 % more by turns, with epochs that are late now and then. */
static void fill_late(uint64_t seed, vlt_pair *pairs, int count)
{
    vlt_random random = {seed};
    for (int i = 0; i < count; i++) {
        pairs[i] = (vlt_pair){.flags = i < count / 2 ? 0 : VLT_PAIR_EXCHANGED};
        for (int side = 0; side < 2; side++) {
            double late = vlt_random_unit(&random) < 0.2 ? 0.1 : 0;
            double place = (side == 1) == (i < count / 2) ? 1.02 : 1;
            double noise = 0.01 * vlt_random_unit(&random) + late;
            pairs[i].wall_ns[side] = (uint64_t)(1e6 * place * (side ? 1.03 : 1) * (1 + noise));
        }
    }
}

/* Identical code is slower as often as faster, also with an exchange and a rest. */
Test(pair, exchanging_the_sides_changes_the_sign_of_the_statistic_alone)
{
    vlt_pair pairs[41];
    vlt_pair_run run = {.pair = pairs, .pair_count = 41, .iterations = 1};
    fill_late(3, pairs, 41);
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    const double there = run.log_ratio;
    cr_assert_float_eq(there, log(1.03), 0.01, "%g", there);
    for (int i = 0; i < 41; i++) {
        uint64_t wall_ns = pairs[i].wall_ns[0];
        pairs[i].wall_ns[0] = pairs[i].wall_ns[1];
        pairs[i].wall_ns[1] = wall_ns;
    }
    cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
    cr_assert_float_eq(run.log_ratio, -there, 1e-12);
}

/* An epoch that is late spoils no other one. */
Test(pair, the_statistic_scatters_less_than_medians_of_pairs)
{
    enum { RUNS = 300, PAIRS = 40 };
    vlt_pair pairs[PAIRS];
    double log_ratio[PAIRS], squares[2] = {0};
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        vlt_pair_run run = {.pair = pairs, .pair_count = PAIRS, .iterations = 1};
        fill_late(1000 * seed, pairs, PAIRS);
        cr_assert_eq(vlt_pair_summarise(&run, NULL), VLT_OK);
        vlt_pair_log_ratios(&run, log_ratio);
        double median = 0.5 * (vlt_median(log_ratio, PAIRS / 2) +
                               vlt_median(log_ratio + PAIRS / 2, PAIRS / 2));
        squares[0] += (run.log_ratio - log(1.03)) * (run.log_ratio - log(1.03));
        squares[1] += (median - log(1.03)) * (median - log(1.03));
    }
    cr_assert_lt(squares[0], 0.85 * squares[1], "%g", squares[0] / squares[1]);
}

Test(pair, stopping_before_the_least_is_said)
{
    struct fake fake = {.tick_ns = 1, .reading_ns = 20};
    struct work work[2] = {{.call_ns = 1000}, {.call_ns = 1000}};
    vlt_pair_run run;
    vlt_pair_options options = {.seed = 3, .pairs = 60, .pairs_min = 3, .stop = stop_now};
    cr_assert_eq(measure(&fake, work, options, &run), VLT_STATUS_STOPPED);
}

Test(steady, tells_warm_up_from_steady_state)
{
    double falling[24], flat[24], jump[24];
    vlt_random noise = {8};
    for (int i = 0; i < 24; i++) {
        flat[i] = 1000 + 10 * vlt_random_unit(&noise);
        falling[i] = flat[i] * (2 - i / 24.0);
        jump[i] = flat[i] * (i < 12 ? 1 : 1.2);
    }
    cr_assert(vlt_steady(flat, 24));
    cr_assert(!vlt_steady(falling, 24));
    cr_assert(!vlt_steady(jump, 24));
}

static int burn(void *state, int64_t iterations)
{
    volatile uint64_t *sink = state;
    for (int64_t i = 0; i < iterations; i++) {
        for (uint64_t k = 0; k < sink[1]; k++) {
            sink[0] += k;
        }
    }
    return 0;
}

/* The whole of it on the real clock; a difference of two is beyond any disturbance. */
Test(measure, in_process_finds_a_large_difference)
{
    uint64_t sink[2][2] = {{0, 400}, {0, 200}};
    vlt_subject subject[2] = {{.run = burn, .state = sink[0]}, {.run = burn, .state = sink[1]}};
    vlt_measure_options options = vlt_measure_defaults();
    vlt_measure_result result;
    options.budget_s = 5;
    cr_assert_eq(vlt_measure_subjects(subject, false, &options, &result, NULL), VLT_OK);
    cr_assert_eq(result.judgement.verdict, VLT_VERDICT_FASTER);
    cr_assert(result.judgement.ratio > 0.3 && result.judgement.ratio < 0.8);
    cr_assert(result.judgement.low <= result.judgement.ratio);
    cr_assert(result.judgement.high >= result.judgement.ratio);
    cr_assert_eq(result.launches, 1);
    cr_assert_lt(result.pairs, 500); /* it stopped when it was clear */
    vlt_measure_result_release(&result);
}

static int nothing(void *state, int64_t iterations)
{
    for (volatile int64_t i = 0; i < iterations; i++) {
    }
    return state != NULL;
}

Test(measure, an_empty_kernel_reads_next_to_nothing)
{
    vlt_subject subject[2] = {{.run = nothing}, {.run = nothing}};
    vlt_measure_options options = vlt_measure_defaults();
    vlt_measure_result result;
    cr_assert_eq(vlt_measure_subjects(subject, false, &options, &result, NULL), VLT_OK);
    cr_assert_lt(result.call_ns[0], 100); /* a loop around nothing, whatever the load */
    vlt_measure_result_release(&result);
}

/* What decisions are worth, composed from parts. */
#include <criterion/criterion.h>
#include <math.h>

#include "tuner/tune_internal.h"

static vlt_tune_item leaf(double runs, double baseline_ns, double tuned_ns, double low, double high)
{
    vlt_tune_item item = {.met = {.runs = runs},
                          .default_ns = tuned_ns,
                          .baseline_ns = baseline_ns,
                          .tuned_ns = tuned_ns};
    item.over_baseline = (vlt_report_comparison){
        .ratio = tuned_ns / baseline_ns, .low = low, .high = high, .known = true};
    return item;
}

/* The whole over the baseline has an interval that holds whatever the parts' intervals allow. */
Test(tune_value, composed_over_baseline_has_an_interval)
{
    vlt_tune_item item[3] = {leaf(2, 1000, 100, 0.08, 0.125), leaf(1, 2000, 1000, 0.4, 0.625)};
    vlt_tuner tuner = {.item = item, .item_count = 2};
    vlt_report_comparison over = vlt_tuner_compose_baseline(&tuner);
    cr_assert(over.known && over.how == VLT_TUNE_COMPOSED);
    cr_expect_float_eq(over.ratio, 0.3, 1e-12);
    cr_expect_float_eq(over.low, 1200 / (2 * 1000 / 0.8 + 2000 / 0.8), 1e-12);
    cr_expect_float_eq(over.high, 1200 / (2 * 1000 * 0.8 + 2000 * 0.8), 1e-12);
    cr_expect_eq(over.verdict, VLT_VERDICT_FASTER);
    for (int i = 0; i <= 4; i++) { /* whatever the parts take within theirs */
        double first = 0.08 + (0.125 - 0.08) * i / 4, second = 0.4 + (0.625 - 0.4) * (4 - i) / 4;
        double ratio = 1200 / (200 / first + 1000 / second);
        cr_expect(over.low <= ratio && ratio <= over.high, "%g", ratio);
    }
}

/* Who has no interval may be far off; who was not compared may have gained nothing. */
Test(tune_value, what_is_not_known_widens_the_interval)
{
    vlt_tune_item item[3] = {leaf(2, 1000, 100, 0.08, 0.125), leaf(1, 2000, 1000, NAN, NAN)};
    vlt_tuner tuner = {.item = item, .item_count = 2};
    vlt_report_comparison one = vlt_tuner_compose_baseline(&tuner);
    cr_expect(one.low > 0 && one.low < 0.27 && one.high > 0.33 && isfinite(one.high));
    item[2] = leaf(1, NAN, 2000, NAN, NAN);
    item[2].over_baseline = vlt_comparison_unknown();
    tuner.item_count = 3;
    vlt_report_comparison two = vlt_tuner_compose_baseline(&tuner);
    cr_expect_float_eq(two.ratio, one.ratio, 1e-12);
    cr_expect_float_eq(two.low, one.low, 1e-12);
    cr_expect(two.high > one.high && two.high < 1);
    cr_expect_not(
        vlt_tuner_compose_baseline(&(vlt_tuner){.item = item + 2, .item_count = 1}).known);
}

/* Parts that take longer than their baselines are not called faster by those that are unknown. */
Test(tune_value, slower_parts_are_slower)
{
    vlt_tune_item item[2] = {leaf(1, 1000, 1300, 1.2, 1.4), leaf(1, NAN, 1000, NAN, NAN)};
    item[1].over_baseline = vlt_comparison_unknown();
    vlt_tuner tuner = {.item = item, .item_count = 2};
    vlt_report_comparison over = vlt_tuner_compose_baseline(&tuner);
    cr_expect_float_eq(over.low, 1.2, 1e-12);
    cr_expect_float_eq(over.high, 1.4, 1e-12);
    cr_expect_eq(over.verdict, VLT_VERDICT_SLOWER);
}

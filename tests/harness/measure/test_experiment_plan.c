/* How many processes would decide: nobody is promised what the launches seen do not promise. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "harness/measure/experiment.h"
#include "harness/measure/statistics.h"
#include "optimizations/core/random.h"

enum { LAUNCHES_MAX = VLT_EXPERIMENT_PLAN_MAX };

static vlt_pair_run runs[LAUNCHES_MAX];

/* As vlt_experiment_run leaves launches with these log-ratios. */
static vlt_experiment experiment_of(const double *log_ratio, int launches)
{
    const vlt_judge_options options = vlt_judge_defaults();
    vlt_experiment experiment = {.result = {.run = runs, .launches = launches}, .launch_s = 0.1};
    for (int i = 0; i < launches; i++) {
        runs[i] = (vlt_pair_run){.used = 50,
                                 .pair_count = 50,
                                 .iterations = 100,
                                 .log_ratio = log_ratio[i],
                                 .scatter = 0.01,
                                 .pressure = 0.5,
                                 .call_ns = {2000, 2000 * exp(log_ratio[i])}};
    }
    cr_assert_eq(vlt_experiment_judge(&experiment, &options, NULL), VLT_OK);
    vlt_experiment_plan(&experiment, &options);
    return experiment;
}

static double normal(vlt_random *random)
{
    double u = 1 - vlt_random_unit(random), v = vlt_random_unit(random);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Launches of two threads beside other work: `share` of them have both CPUs. */
static void draw_two(double *log_ratio, int launches, double share, vlt_random *random)
{
    for (int i = 0; i < launches; i++) {
        bool both = vlt_random_unit(random) < share;
        log_ratio[i] = (both ? log(0.52) : log(1.02)) + 0.004 * normal(random);
    }
}

Test(experiment_plan, two_groups_foretell_nothing)
{
    double log_ratio[24];
    for (int i = 0; i < 24; i++) { /* 14 and 10, each within one per cent */
        log_ratio[i] = log(i % 12 < 7 ? 0.52 : 1.02) + 0.00002 * i;
    }
    vlt_experiment experiment = experiment_of(log_ratio, 24);
    const char *reason = experiment.result.judgement.reason;
    cr_assert_eq(experiment.result.judgement.verdict, VLT_VERDICT_INCONCLUSIVE, "%s", reason);
    cr_expect_eq(experiment.launches_planned, 0);
    cr_expect(experiment.grouped[0] == 14 && experiment.grouped[1] == 10);
    cr_expect(strstr(reason, "two groups, 14 near a ratio of 0.52") &&
                  strstr(reason, "10 near 1.02") && strstr(reason, "cannot be foretold"),
              "%s", reason);
    cr_expect_not(strstr(reason, "would decide;") || strstr(reason, " about "), "%s", reason);
    cr_expect_gt(experiment.log_ratio_sigma, 0.25 * log(1.02 / 0.52), "%g",
                 experiment.log_ratio_sigma);
    cr_expect_lt(strlen(reason), sizeof experiment.result.judgement.reason - 1, "%s", reason);
}

/* Too few for a group, and yet what the verdict hangs on: they are counted. */
Test(experiment_plan, a_small_share_is_named_and_counts)
{
    double log_ratio[14];
    for (int i = 0; i < 14; i++) {
        log_ratio[i] = (i == 6 ? log(0.56) : i == 9 ? log(0.8) : 0.001) + 0.0003 * (i % 5);
    }
    vlt_experiment experiment = experiment_of(log_ratio, 14);
    const char *reason = experiment.result.judgement.reason;
    cr_assert_eq(experiment.result.judgement.verdict, VLT_VERDICT_INCONCLUSIVE, "%s", reason);
    cr_expect(strstr(reason, "; with 2 of 14 processes outside it about "), "%s", reason);
    cr_expect_gt(experiment.launches_planned, 14);
    cr_expect_gt(experiment.log_ratio_sigma, 0.1, "%g", experiment.log_ratio_sigma);
}

/* Where all say the same, what decides is the least number that can. */
Test(experiment_plan, launches_that_agree_need_few_more)
{
    double log_ratio[8];
    for (int i = 0; i < 8; i++) {
        log_ratio[i] = -1.0 - 0.001 * (i % 5);
    }
    vlt_experiment experiment = experiment_of(log_ratio, 8);
    cr_assert_eq(experiment.result.judgement.verdict, VLT_VERDICT_INCONCLUSIVE);
    cr_expect_eq(experiment.launches_planned, 11, "%d: %s", experiment.launches_planned,
                 experiment.result.judgement.reason);
}

/* On one side of the margin they do not matter to the verdict. */
Test(experiment_plan, groups_on_one_side_of_the_margin_are_no_matter)
{
    double log_ratio[9];
    for (int i = 0; i < 9; i++) {
        log_ratio[i] = log(i % 2 ? 1.5 : 2) + 0.001 * i;
    }
    vlt_experiment experiment = experiment_of(log_ratio, 9);
    cr_assert_eq(experiment.result.judgement.verdict, VLT_VERDICT_INCONCLUSIVE);
    cr_expect_eq(experiment.grouped[0], 0);
    cr_expect(experiment.launches_planned > 9 && experiment.launches_planned < 25, "%d",
              experiment.launches_planned);
}

/* What has not decided with m launches is never promised to decide with as few. */
Test(experiment_plan, more_are_asked_for_than_there_were)
{
    vlt_random random = {3};
    double log_ratio[LAUNCHES_MAX];
    int planned = 0, grouped = 0;
    for (int s = 0; s < 600; s++) {
        const int launches = 8 + s % 60;
        const double effect = 0.03 * vlt_random_unit(&random), share = vlt_random_unit(&random);
        if (s % 2) {
            draw_two(log_ratio, launches, share, &random);
        } else {
            for (int i = 0; i < launches; i++) {
                log_ratio[i] = effect + 0.03 * share * normal(&random);
            }
        }
        vlt_experiment experiment = experiment_of(log_ratio, launches);
        grouped += experiment.grouped[0] > 0;
        if (experiment.launches_planned > 0) {
            planned++;
            cr_assert_gt(experiment.launches_planned, launches, "sample %d: %s", s,
                         experiment.result.judgement.reason);
        }
    }
    cr_expect(planned > 100 && grouped > 50, "%d planned, %d in groups", planned, grouped);
}

/* As many as are foretold decide, where launches are in no groups and in wide ones: counted in a
 * simulation of the very launches. */
Test(experiment_plan, as_many_as_foretold_decide)
{
    enum { SEEN = 24, REPEATS = 300 };
    static const struct {
        double share, near, far, sigma; /* of the launches that are far */
    } cases[] = {{0, 0.016, 0, 0.01}, {0, 0.001, 0, 0.013}, {0.25, 0.04, -0.05, 0.02}};
    const vlt_judge_options options = vlt_judge_defaults();
    vlt_random random = {21};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double log_ratio[LAUNCHES_MAX];
        int decided = 0;
        for (int i = 0; i < SEEN; i++) { /* quantiles of what is drawn below: a fair sample */
            const double place = (i + 0.5) / SEEN;
            const bool far = place < cases[c].share;
            const double within = far ? place / cases[c].share
                                      : (place - cases[c].share) / (1 - cases[c].share);
            double z = -6;
            while (vlt_normal_cdf(z) < within) {
                z += 0.001;
            }
            log_ratio[i * 7 % SEEN] = (far ? cases[c].far : cases[c].near) + cases[c].sigma * z;
        }
        vlt_experiment experiment = experiment_of(log_ratio, SEEN);
        const int planned = experiment.launches_planned;
        cr_assert(planned > SEEN && planned <= LAUNCHES_MAX, "case %zu: %s", c,
                  experiment.result.judgement.reason);
        for (int r = 0; r < REPEATS; r++) {
            vlt_judgement judgement;
            for (int i = 0; i < planned; i++) {
                const bool far = vlt_random_unit(&random) < cases[c].share;
                log_ratio[i] = (far ? cases[c].far : cases[c].near) +
                               cases[c].sigma * normal(&random);
            }
            vlt_judge(log_ratio, planned, &options, &judgement);
            decided += judgement.verdict != VLT_VERDICT_INCONCLUSIVE;
        }
        cr_expect_geq(decided, REPEATS * 8 / 10, "case %zu: %d of %d with %d", c, decided, REPEATS,
                      planned);
    }
}

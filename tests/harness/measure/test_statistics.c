#include <criterion/criterion.h>
#include <math.h>

#include "harness/measure/statistics.h"
#include "harness/measure/unpaired.h"
#include "harness/measure/verdict.h"
#include "optimizations/core/random.h"

Test(statistics, medians_and_quantiles)
{
    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, scratch[5];
    const double spread[] = {1, 2, 3, 4, 100}, sorted[] = {0, 10, 20, 30};
    cr_assert_eq(vlt_median(odd, 3), 2);
    cr_assert_eq(vlt_median(even, 4), 2.5);
    cr_assert_eq(vlt_mad(spread, 5, scratch), 1);
    cr_assert_float_eq(vlt_quantile(sorted, 4, 0.25), 7.5, 1e-12);
    cr_assert_eq(vlt_quantile(sorted, 4, 1), 30);
}

/* P(Bin(n, p) >= s) against sums of whole-number binomial coefficients. */
static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Against all differences, written down; values with ties. */
Test(statistics, shift_is_the_median_difference)
{
    enum { MOST = 9 };
    vlt_random random = {5};
    for (int trial = 0; trial < 200; trial++) {
        size_t n = 1 + vlt_random_next(&random) % MOST, count = 0;
        double a[MOST], b[MOST], all[MOST * MOST];
        for (size_t i = 0; i < n; i++) {
            a[i] = (double)(vlt_random_next(&random) % 20) / 4;
            b[i] = (double)(vlt_random_next(&random) % 20) / 4 + 1;
        }
        qsort(a, n, sizeof *a, ascending);
        qsort(b, n, sizeof *b, ascending);
        for (size_t i = 0; i < n * n; i++) {
            all[count++] = b[i / n] - a[i % n];
        }
        cr_assert_float_eq(vlt_shift(a, b, n), vlt_median(all, count), 1e-9);
        cr_assert_float_eq(vlt_shift(b, a, n), -vlt_shift(a, b, n), 0);
    }
}

Test(statistics, binomial_tails_are_exact)
{
    for (int n = 1; n <= 40; n++) {
        double p_values[] = {0.5, 0.03, 0.9};
        for (int i = 0; i < 3; i++) {
            double p = p_values[i], sum = 0, choose = 1, tail[42] = {0};
            double c[41];
            for (int k = 0; k <= n; k++) {
                c[k] = choose;
                choose = choose * (n - k) / (k + 1);
            }
            for (int k = n; k >= 0; k--) {
                sum += c[k] * pow(p, k) * pow(1 - p, n - k);
                tail[k] = sum;
            }
            for (int s = 0; s <= n; s++) {
                cr_assert_float_eq(vlt_binomial_upper(n, s, p), tail[s], 1e-11, "n %d s %d p %g", n,
                                   s, p);
            }
        }
    }
    cr_assert_float_eq(vlt_binomial_upper(5000, 2500, 0.5), 0.5 + 0.5 * 0.01128354, 1e-6);
    cr_assert_eq(vlt_binomial_upper(7, 8, 0.5), 0);
    cr_assert_eq(vlt_binomial_upper(7, 0, 0.5), 1);
}

/* The known sizes from which an interval is finite: 6 for 95 %, 8 for 99 %, 11 for 99.9 %. */
Test(statistics, interval_ranks)
{
    const double alphas[] = {0.05, 0.01, 0.001};
    const int first[] = {6, 8, 11};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(vlt_interval_rank(first[i] - 1, alphas[i]), 0);
        cr_assert_eq(vlt_interval_rank(first[i], alphas[i]), 1);
        for (int m = 1; m < 200; m++) {
            int k = vlt_interval_rank(m, alphas[i]);
            double below = k ? vlt_binomial_upper(m, m - k + 1, 0.5) : 0;
            cr_assert_leq(below, alphas[i] / 2);
            cr_assert(k == m / 2 || vlt_binomial_upper(m, m - k, 0.5) > alphas[i] / 2);
            cr_assert_leq(vlt_anytime_rank(m, alphas[i]), k, "m %d", m);
        }
    }
}

/* The integral itself, by Simpson's rule. */
static double evalue_by_integral(int m, int s)
{
    enum { STEPS = 20000 };
    double sum = 0, h = 0.5 / STEPS;
    for (int i = 0; i <= STEPS; i++) {
        double p = 0.5 + i * h;
        double f = 2 * pow(p, s) * pow(1 - p, m - s);
        sum += f * (i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2);
    }
    return pow(2, m) * sum * h / 3;
}

Test(statistics, evalues_equal_their_integral)
{
    for (int m = 1; m <= 30; m++) {
        for (int s = 0; s <= m; s++) {
            double expected = evalue_by_integral(m, s);
            cr_assert_float_eq(exp(vlt_log_evalue(m, s)) / expected, 1, 1e-8, "m %d s %d", m, s);
        }
    }
    /* harness/measure/README.md#the-rules */
    cr_assert_float_eq(exp(vlt_log_evalue(13, 13)), 1170, 0.5);
}

/* The expectation of an e-value under the null is 1, for every m. */
Test(statistics, evalues_average_to_one)
{
    for (int m = 1; m <= 60; m++) {
        double mean = 0;
        for (int s = 0; s <= m; s++) {
            double p = vlt_binomial_upper(m, s, 0.5) - vlt_binomial_upper(m, s + 1, 0.5);
            mean += p * exp(vlt_log_evalue(m, s));
        }
        cr_assert_float_eq(mean, 1, 1e-8);
    }
}

Test(statistics, corrections_for_many_tests)
{
    const double p[] = {0.01, 0.04, 0.03, 0.005};
    const double holm[] = {0.03, 0.06, 0.06, 0.02}, bh[] = {0.02, 0.04, 0.04, 0.02};
    double adjusted[4];
    vlt_holm(p, 4, adjusted);
    for (int i = 0; i < 4; i++) {
        cr_assert_float_eq(adjusted[i], holm[i], 1e-12);
    }
    vlt_benjamini_hochberg(p, 4, adjusted);
    for (int i = 0; i < 4; i++) {
        cr_assert_float_eq(adjusted[i], bh[i], 1e-12);
    }
    const double equal[] = {0.5, 0.5, 0.9};
    vlt_holm(equal, 3, adjusted);
    cr_assert_eq(adjusted[0], 1);
}

/* harness/measure/README.md#the-rules: 0 in 299, at most 1 in 473 or 2 in 628 prove below 1 %. */
Test(statistics, proportion_bounds)
{
    const int failures[] = {0, 1, 2}, trials[] = {299, 473, 628};
    for (int i = 0; i < 3; i++) {
        cr_assert_lt(vlt_proportion_upper(failures[i], trials[i], 0.95), 0.01);
        cr_assert_geq(vlt_proportion_upper(failures[i], trials[i] - 1, 0.95), 0.01);
    }
    cr_assert_gt(vlt_proportion_lower(59, 59, 0.95), 0.95);
    cr_assert_gt(vlt_proportion_lower(92, 93, 0.95), 0.949);
    cr_assert_eq(vlt_proportion_upper(3, 3, 0.95), 1);
    cr_assert_eq(vlt_proportion_lower(0, 3, 0.95), 0);
}

Test(statistics, means_and_students_t)
{
    const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
    cr_assert_float_eq(vlt_mean(values, 8), 5, 1e-12);
    cr_assert_float_eq(vlt_variance(values, 8), 32.0 / 7, 1e-12);
    for (int freedom = 1; freedom <= VLT_STUDENT_MAX; freedom += 2) {
        cr_assert_float_eq(vlt_student_upper(vlt_student_quantile(freedom), freedom), 0.025, 2e-5);
    }
    for (int freedom = 2; freedom <= VLT_STUDENT_MAX; freedom++) {
        cr_assert_lt(vlt_student_quantile(freedom), vlt_student_quantile(freedom - 1));
    }
}

Test(statistics, normal_distribution)
{
    cr_assert_float_eq(vlt_normal_cdf(1.959963985), 0.975, 1e-9);
    cr_assert_float_eq(vlt_normal_cdf(0), 0.5, 1e-12);
}

Test(statistics, sample_sizes)
{
    int m = vlt_plan_launches(1, 0.001, 0.95, false, 100);
    cr_assert_eq(m, 10, "unanimous launches need 2^-m <= 0.001, got %d", m);
    int quiet = vlt_plan_launches(0.98, 0.001, 0.95, false, 400);
    int noisy = vlt_plan_launches(0.75, 0.001, 0.95, false, 400);
    cr_assert(quiet >= 10 && quiet < noisy && noisy <= 400);
    cr_assert_eq(vlt_plan_launches(0.5, 0.001, 0.95, false, 50), 51);
    cr_assert_eq(vlt_plan_launches(0.5, 0.001, 0.95, true, 400), 401, "half of them say nothing");
    cr_assert_eq(vlt_plan_pairs(0.02, 0.0005, 0.02, 0.001, 5, 400), 126);
    cr_assert_eq(vlt_plan_pairs(0.02, 0.0005, 0.0, 0.0, 5, 400), 5);
}

static double normal(vlt_random *random);

/* As many launches as planned decide about as often as promised, in a simulation of them. */
Test(statistics, planned_launches_decide_as_often_as_promised)
{
    enum { REPEATS = 400 };
    const struct {
        double effect, sigma;
        bool anytime;
    } cases[] = {
        {0.02, 0.008, true}, {0.02, 0.008, false}, {0.0, 0.012, true}, {0.004, 0.008, false}};
    vlt_random random = {77};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const double margin = log1p(0.01);
        vlt_judge_options judge = vlt_judge_defaults();
        bool larger = cases[c].effect > margin;
        double above = vlt_normal_cdf((cases[c].effect - margin) / cases[c].sigma);
        double below = vlt_normal_cdf((-margin - cases[c].effect) / cases[c].sigma);
        int m = larger ? vlt_plan_launches(above, judge.alpha, 0.9, cases[c].anytime, 400)
                       : vlt_plan_equal(below, above, judge.coverage, 0.9, cases[c].anytime, 400);
        int decided = 0;
        cr_assert(m > 5 && m <= 400, "case %zu: %d", c, m);
        judge.anytime = cases[c].anytime;
        for (int r = 0; r < REPEATS; r++) {
            double x[400];
            vlt_judgement judgement;
            for (int i = 0; i < m; i++) {
                x[i] = cases[c].effect + cases[c].sigma * normal(&random);
            }
            vlt_judge(x, m, &judge, &judgement);
            decided += judgement.verdict == (larger ? VLT_VERDICT_SLOWER : VLT_VERDICT_SAME);
        }
        cr_assert_geq(decided, (int)(0.85 * REPEATS), "case %zu: %d of %d with %d", c, decided,
                      REPEATS, m);
    }
    cr_assert_eq(vlt_plan_equal(0.49, 0.49, 0.95, 0.9, true, 40), 41);
}

/* Of a normal distribution as much as its standard deviation, of two groups what lies between. */
Test(statistics, scatter_sees_both_groups)
{
    enum { N = 1000 };
    double x[N], scratch[N];
    vlt_random random = {5};
    for (int i = 0; i < N; i++) {
        x[i] = 0.3 + 0.02 * normal(&random);
    }
    vlt_sort(x, N);
    cr_expect_float_eq(vlt_scatter(x, N), 0.02, 0.002);
    for (int i = 0; i < N; i++) {
        x[i] = (i % 10 < 4 ? 0.5 : 0.0) + 0.001 * normal(&random);
    }
    vlt_sort(x, N);
    cr_expect_gt(vlt_scatter(x, N), 0.24);
    for (int i = 0; i < N; i++) {
        scratch[i] = (i % 10 < 1 ? 0.5 : 0.0) + 0.001 * normal(&random);
    }
    vlt_sort(scratch, N);
    cr_expect_gt(vlt_scatter(scratch, N), 0.15, "a tenth of them is not nothing");
    cr_expect_lt(1.4826 * vlt_mad(x, N, scratch), 0.01, "a robust one sees the larger group");
    cr_expect_float_eq(vlt_scatter((const double[]){1, 2}, 2), 0.5 * 0.68269, 1e-5);
    cr_expect_float_eq(vlt_scatter((const double[]){7}, 1), 0, 0);
}

static int count_grouped(double share, double apart, int n, int samples, vlt_random *random)
{
    double x[100];
    int grouped = 0;
    size_t low;
    for (int s = 0; s < samples; s++) {
        for (int i = 0; i < n; i++) {
            x[i] = normal(random) + (vlt_random_unit(random) < share ? apart : 0);
        }
        vlt_sort(x, (size_t)n);
        grouped += vlt_two_groups(x, (size_t)n, &low);
    }
    return grouped;
}

Test(statistics, two_groups_are_told_from_one)
{
    enum { SAMPLES = 4000 };
    vlt_random random = {9};
    size_t low;
    for (int n = 8; n <= 100; n += 23) {
        int alike = count_grouped(0, 0, n, SAMPLES, &random);
        int apart = count_grouped(0.4, 30, n, SAMPLES, &random);
        cr_expect_leq(alike, SAMPLES * 2 / 100, "%d of %d samples of %d", alike, SAMPLES, n);
        cr_expect_geq(apart, SAMPLES * 80 / 100, "%d of %d samples of %d", apart, SAMPLES, n);
    }
    cr_expect(vlt_two_groups((const double[]){0, 0.1, 1, 1.1, 1.2}, 5, &low));
    cr_expect_eq(low, 2);
    cr_expect_not(vlt_two_groups((const double[]){0, 1, 1.1, 1.2, 1.3}, 5, &low), "one outlier");
    cr_expect_not(vlt_two_groups((const double[]){0, 1, 2, 3, 4, 5}, 6, &low));
    cr_expect_not(vlt_two_groups((const double[]){2, 2, 2, 2}, 4, &low));
    cr_expect_not(vlt_two_groups((const double[]){1, 9}, 2, &low));
}

static double normal(vlt_random *random)
{
    double u = 1 - vlt_random_unit(random), v = vlt_random_unit(random);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Looking after every launch: under no difference the verdict slower or faster must stay below
 * alpha; an effect well beyond the margin must be found. */
Test(verdict, anytime_by_simulation)
{
    enum { RUNS = 4000, LAUNCHES = 40 };
    vlt_judge_options options = vlt_judge_defaults();
    options.alpha = 0.01;
    const double effect[] = {log(1.01), log(1.03)}; /* at the border of the null, and beyond */
    int decided[2] = {0};
    for (int e = 0; e < 2; e++) {
        vlt_random random = {77 + (uint64_t)e};
        for (int run = 0; run < RUNS; run++) {
            double x[LAUNCHES];
            for (int m = 0; m < LAUNCHES; m++) {
                x[m] = effect[e] + 0.008 * normal(&random);
            }
            vlt_judgement judgement; /* judges every prefix by itself */
            vlt_judge(x, LAUNCHES, &options, &judgement);
            decided[e] += judgement.verdict == VLT_VERDICT_SLOWER;
        }
    }
    cr_assert_leq(decided[0], (int)(0.01 * RUNS), "%d of %d", decided[0], RUNS);
    cr_assert_geq(decided[1], (int)(0.99 * RUNS), "%d of %d", decided[1], RUNS);
}

Test(verdict, anytime_intervals_cover_by_simulation)
{
    enum { RUNS = 2000, LAUNCHES = 30 };
    vlt_judge_options options = vlt_judge_defaults();
    vlt_random random = {5};
    int missed = 0;
    for (int run = 0; run < RUNS; run++) {
        double x[LAUNCHES];
        bool miss = false;
        for (int m = 0; m < LAUNCHES; m++) {
            x[m] = 0.2 + 0.1 * normal(&random);
            vlt_judgement judgement;
            vlt_judge(x, m + 1, &options, &judgement);
            miss |= judgement.low > exp(0.2) || judgement.high < exp(0.2);
        }
        missed += miss;
    }
    cr_assert_leq(missed, (int)(0.05 * RUNS), "%d of %d", missed, RUNS);
}

Test(verdict, names_and_reasons)
{
    double x[20];
    vlt_judgement judgement;
    vlt_judge_options options = vlt_judge_defaults();
    const struct {
        double log_ratio;
        int launches;
        vlt_verdict verdict;
    } cases[] = {{0.05, 20, VLT_VERDICT_SLOWER},
                 {-0.05, 20, VLT_VERDICT_FASTER},
                 {0.001, 20, VLT_VERDICT_SAME},
                 {0.05, 4, VLT_VERDICT_INCONCLUSIVE},
                 {0.0, 0, VLT_VERDICT_INCONCLUSIVE}};
    for (int c = 0; c < 5; c++) {
        for (int i = 0; i < cases[c].launches; i++) {
            x[i] = cases[c].log_ratio + 1e-4 * (i % 5);
        }
        for (int anytime = 0; anytime < 2; anytime++) {
            options.anytime = anytime;
            vlt_judge(x, cases[c].launches, &options, &judgement);
            cr_assert_eq(judgement.verdict, cases[c].verdict, "case %d: %s", c,
                         vlt_verdict_name(judgement.verdict));
            cr_assert(judgement.reason[0]);
        }
    }
    cr_assert(isnan(judgement.ratio));
    cr_assert_eq(judgement.low, 0);
}

/* Against counting all arrangements of small samples. */
static double count_arrangements(int n, int m, int u_max)
{
    int hits = 0, all = 0;
    for (unsigned set = 0; set < 1u << (n + m); set++) {
        int members = 0, u = 0, others = 0;
        for (int i = 0; i < n + m; i++) {
            bool first = set >> i & 1;
            members += first;
            u += first ? others : 0;
            others += !first;
        }
        if (members == n) {
            all++;
            hits += u <= u_max;
        }
    }
    return (double)hits / all;
}

Test(unpaired, distribution_is_exact)
{
    for (int n = 1; n <= 6; n++) {
        for (int m = 1; m <= 6; m++) {
            for (int u = 0; u <= n * m; u++) {
                cr_assert_float_eq(vlt_mann_whitney_cdf(n, m, u), count_arrangements(n, m, u),
                                   1e-12, "n %d m %d u %d", n, m, u);
            }
        }
    }
    cr_assert_eq(vlt_mann_whitney_cdf(5, 5, -1), 0);
}

Test(unpaired, verdicts_and_coverage)
{
    enum { RUNS = 1000, LAUNCHES = 12 };
    vlt_judge_options options = vlt_judge_defaults();
    vlt_random random = {21};
    int missed = 0, slower = 0, found = 0;
    for (int run = 0; run < RUNS; run++) {
        double a[LAUNCHES], b[LAUNCHES], c[LAUNCHES];
        vlt_judgement judgement;
        for (int i = 0; i < LAUNCHES; i++) {
            a[i] = -0.5 + 0.005 * normal(&random);
            b[i] = -0.5 + 0.005 * normal(&random);
            c[i] = -0.5 + log(1.03) + 0.005 * normal(&random);
        }
        cr_assert_eq(vlt_judge_unpaired(a, LAUNCHES, b, LAUNCHES, &options, &judgement, NULL),
                     VLT_OK);
        missed += judgement.low > 1 || judgement.high < 1;
        slower += judgement.verdict == VLT_VERDICT_SLOWER;
        vlt_judge_unpaired(a, LAUNCHES, c, LAUNCHES, &options, &judgement, NULL);
        found += judgement.verdict == VLT_VERDICT_SLOWER;
    }
    cr_assert_leq(missed, (int)(0.065 * RUNS), "%d", missed);
    cr_assert_eq(slower, 0);
    cr_assert_geq(found, (int)(0.95 * RUNS), "%d", found);
    vlt_judgement judgement;
    cr_assert_eq(vlt_judge_unpaired(NULL, 0, NULL, 0, &options, &judgement, NULL), VLT_OK);
    cr_assert_eq(judgement.verdict, VLT_VERDICT_INCONCLUSIVE);
    double tiny[1] = {0};
    vlt_judge_unpaired(tiny, 1, tiny, 1, &options, &judgement, NULL);
    cr_assert_eq(judgement.low, 0);
}

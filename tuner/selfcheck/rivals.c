#include "tuner/selfcheck/rivals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/statistics.h"
#include "optimizations/core/random.h"

enum { REPETITIONS = 9, RESAMPLES = 2000, EPOCHS_MAX = 512 };

/* Rank of value among both samples, ties sharing the mean rank. */
static double rank_in(double value, const double *a, int n_a, const double *b, int n_b)
{
    double below = 0, equal = 0;
    for (int i = 0; i < n_a + n_b; i++) {
        double other = i < n_a ? a[i] : b[i - n_a];
        below += other < value;
        equal += other == value;
    }
    return below + (equal + 1) / 2;
}

/* Sum of t^3 - t over groups of t equal values. */
static double tie_term(const double *a, int n_a, const double *b, int n_b)
{
    double sum = 0;
    for (int i = 0; i < n_a + n_b; i++) {
        double value = i < n_a ? a[i] : b[i - n_a], equal = 0;
        for (int k = 0; k < n_a + n_b; k++) {
            equal += (k < n_a ? a[k] : b[k - n_a]) == value;
        }
        sum += equal * equal - 1; /* (t^3 - t) / t for each of the t members */
    }
    return sum;
}

double vlt_mann_whitney_p(const double *a, int n_a, const double *b, int n_b)
{
    double ranks = 0, n = n_a + n_b;
    for (int i = 0; i < n_a; i++) {
        ranks += rank_in(a[i], a, n_a, b, n_b);
    }
    double u = ranks - n_a * (n_a + 1) / 2.0, mean = n_a * (double)n_b / 2;
    double variance = n_a * (double)n_b / 12 * (n + 1 - tie_term(a, n_a, b, n_b) / (n * (n - 1)));
    if (variance <= 0) {
        return 1; /* everything is equal */
    }
    double z = fmax(0, fabs(u - mean) - 0.5) / sqrt(variance);
    return 2 * (1 - vlt_normal_cdf(z));
}

static double median_of(const double *x, int n)
{
    double copy[EPOCHS_MAX];
    memcpy(copy, x, (size_t)n * sizeof *x);
    return vlt_median(copy, (size_t)n);
}

bool vlt_rival_google_benchmark(const double *a, const double *b, int count)
{
    return vlt_mann_whitney_p(a, count, b, count) < 0.05 &&
           median_of(b, count) > median_of(a, count);
}

static double t_of(const double *a, const double *b, int n)
{
    return (vlt_mean(b, n) - vlt_mean(a, n)) / sqrt((vlt_variance(a, n) + vlt_variance(b, n)) / n);
}

static void resample(const double *from, int n_from, double *to, int n, vlt_random *random)
{
    for (int i = 0; i < n; i++) {
        to[i] = from[vlt_random_range(random, 0, n_from - 1)];
    }
}

/* Share of resamples of the mixed data whose |t| is at least the observed one. */
static double bootstrap_p(const double *a, const double *b, int n, vlt_random *random)
{
    double mixed[2 * EPOCHS_MAX], x[EPOCHS_MAX], y[EPOCHS_MAX], observed = fabs(t_of(a, b, n));
    int hits = 0;
    memcpy(mixed, a, (size_t)n * sizeof *a);
    memcpy(mixed + n, b, (size_t)n * sizeof *b);
    for (int i = 0; i < RESAMPLES; i++) {
        resample(mixed, 2 * n, x, n, random);
        resample(mixed, 2 * n, y, n, random);
        hits += fabs(t_of(x, y, n)) >= observed;
    }
    return (double)hits / RESAMPLES;
}

bool vlt_rival_criterion(const double *a, const double *b, int count, uint64_t seed)
{
    double x[EPOCHS_MAX], y[EPOCHS_MAX], change[RESAMPLES];
    vlt_random random = {seed};
    if (vlt_mean(b, count) <= vlt_mean(a, count) || bootstrap_p(a, b, count, &random) >= 0.05) {
        return false;
    }
    for (int i = 0; i < RESAMPLES; i++) {
        resample(a, count, x, count, &random);
        resample(b, count, y, count, &random);
        change[i] = vlt_mean(y, count) / vlt_mean(x, count) - 1;
    }
    vlt_sort(change, RESAMPLES);
    return vlt_quantile(change, RESAMPLES, 0.025) > 0.01;
}

bool vlt_rival_threshold(const double *a, const double *b, int count)
{
    return vlt_mean(b, count) > 1.05 * vlt_mean(a, count);
}

/* Means of `count` / REPETITIONS epochs each, as repetitions of a longer run would be. */
static void repetitions(const double *epochs, int count, double *out)
{
    int each = count / REPETITIONS;
    for (int r = 0; r < REPETITIONS; r++) {
        out[r] = vlt_mean(epochs + r * each, each);
    }
}

void vlt_rivals_replay(const vlt_pair_run *run, uint64_t seed, vlt_rivals *rivals)
{
    double a[EPOCHS_MAX], b[EPOCHS_MAX], a_rep[REPETITIONS], b_rep[REPETITIONS];
    int half = run->pair_count / 2 < EPOCHS_MAX ? run->pair_count / 2 : EPOCHS_MAX;
    if (half < 2 * REPETITIONS) {
        return;
    }
    for (int i = 0; i < half; i++) {
        a[i] = (double)run->pair[i].wall_ns[0];
        b[i] = (double)run->pair[half + i].wall_ns[1];
    }
    repetitions(a, half, a_rep);
    repetitions(b, half, b_rep);
    rivals->replays++;
    rivals->google_benchmark += vlt_rival_google_benchmark(a_rep, b_rep, REPETITIONS);
    rivals->criterion += vlt_rival_criterion(a, b, half, seed);
    rivals->threshold += vlt_rival_threshold(a, b, half);
}

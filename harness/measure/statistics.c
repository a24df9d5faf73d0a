#include "harness/measure/statistics.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void vlt_sort(double *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
}

double vlt_median(double *values, size_t n)
{
    vlt_sort(values, n);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

double vlt_quantile(const double *sorted, size_t n, double q)
{
    double position = q * (double)(n - 1);
    size_t below = (size_t)position;
    size_t above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (position - (double)below) * (sorted[above] - sorted[below]);
}

double vlt_mad(const double *values, size_t n, double *scratch)
{
    for (size_t i = 0; i < n; i++) {
        scratch[i] = values[i];
    }
    double median = vlt_median(scratch, n);
    for (size_t i = 0; i < n; i++) {
        scratch[i] = fabs(values[i] - median);
    }
    return vlt_median(scratch, n);
}

static double central_width(const double *sorted, size_t n, double beyond)
{
    return vlt_quantile(sorted, n, 1 - beyond) - vlt_quantile(sorted, n, beyond);
}

double vlt_scatter(const double *sorted, size_t n)
{
    /* of a normal distribution one standard deviation to either side, and 1.645 */
    return fmax(central_width(sorted, n, 0.158655) / 2, central_width(sorted, n, 0.05) / 3.28971);
}

bool vlt_two_groups(const double *sorted, size_t n, size_t *low)
{
    enum { SHARE = 8, LEAST = 2 };
    const size_t least = (n + SHARE - 1) / SHARE > LEAST ? (n + SHARE - 1) / SHARE : LEAST;
    double gap = 0;
    *low = 0;
    for (size_t i = least; i + least <= n; i++) {
        if (sorted[i] - sorted[i - 1] > gap) {
            gap = sorted[i] - sorted[i - 1];
            *low = i;
        }
    }
    return *low && gap > 2 * (sorted[*low - 1] - sorted[0]) &&
           gap > 2 * (sorted[n - 1] - sorted[*low]);
}

/* How many of the differences b_j - a_i are at most x. */
static size_t differences_up_to(const double *a, const double *b, size_t n, double x)
{
    size_t count = 0, j = 0;
    for (size_t i = 0; i < n; i++) { /* a rises, and with it how far b may reach */
        while (j < n && b[j] - a[i] <= x) {
            j++;
        }
        count += j;
    }
    return count;
}

/* The smallest x that at least half of the differences do not exceed, by bisection. */
static double half_of_differences(const double *a, const double *b, size_t n)
{
    double low = b[0] - a[n - 1], high = b[n - 1] - a[0];
    for (int i = 0; i < 64 && low < high; i++) {
        double middle = low + 0.5 * (high - low);
        if (2 * differences_up_to(a, b, n, middle) >= n * n) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

double vlt_shift(const double *a, const double *b, size_t n)
{
    return 0.5 * (half_of_differences(a, b, n) - half_of_differences(b, a, n));
}

static double log_choose(int n, int k)
{
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

/* Sum of the terms j >= s, for s at or above the mean, where they only shrink. */
static double upper_tail(int n, int s, double p)
{
    double term = exp(log_choose(n, s) + s * log(p) + (n - s) * log1p(-p)), sum = 0;
    for (int j = s; j <= n && term > 1e-18 * sum; j++) {
        sum += term;
        term *= (double)(n - j) / (j + 1) * (p / (1 - p));
    }
    return fmin(1, sum);
}

double vlt_binomial_upper(int n, int s, double p)
{
    if (s <= 0) {
        return 1;
    }
    if (s > n || p <= 0) {
        return 0;
    }
    if (p >= 1) {
        return 1;
    }
    return s >= n * p ? upper_tail(n, s, p) : 1 - upper_tail(n, n - s + 1, 1 - p);
}

int vlt_interval_rank(int m, double alpha)
{
    int k = 0;
    while (k < m / 2 && vlt_binomial_upper(m, m - k, 0.5) <= alpha / 2) {
        k++; /* P(Bin < k + 1) = P(Bin >= m - k) by symmetry */
    }
    return k;
}

double vlt_log_evalue(int m, int s)
{
    /* The integral is an incomplete beta function, which for whole numbers is a binomial tail:
     * 2^(m+1) B(s+1, m-s+1) P(Bin(m+1, 1/2) <= s). */
    double tail = vlt_binomial_upper(m + 1, m + 1 - s, 0.5);
    double log_beta = lgamma(s + 1.0) + lgamma(m - s + 1.0) - lgamma(m + 2.0);
    return (m + 1) * log(2) + log_beta + log(tail);
}

int vlt_anytime_rank(int m, double alpha)
{
    int k = 0;
    while (k < m / 2 && vlt_log_evalue(m, m - k) >= log(2 / alpha)) {
        k++;
    }
    return k;
}

double vlt_mean(const double *values, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum / n;
}

double vlt_variance(const double *values, int n)
{
    double mean = vlt_mean(values, n), squares = 0;
    for (int i = 0; i < n; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    return squares / (n - 1);
}

double vlt_student_quantile(int freedom)
{
    static const double t[VLT_STUDENT_MAX + 1] = {INFINITY, 12.706, 4.303, 3.182, 2.776, 2.571,
                                                  2.447,    2.365,  2.306, 2.262, 2.228, 2.201};
    return t[freedom];
}

double vlt_student_upper(double t, int freedom)
{
    double angle = atan(t / sqrt(freedom)), cosine = cos(angle), sum = 0, term = cosine;
    for (int k = 1; k < freedom; k += 2) {
        sum += term;
        term *= cosine * cosine * (k + 1) / (k + 2);
    }
    return 0.5 - (angle + sin(angle) * sum) / acos(-1);
}

double vlt_normal_cdf(double z)
{
    return 0.5 * erfc(-z / sqrt(2));
}

double vlt_proportion_upper(int successes, int trials, double confidence)
{
    if (successes >= trials) {
        return 1;
    }
    /* the p at which as few successes as these have probability 1 - confidence */
    double low = 0, high = 1;
    for (int i = 0; i < 60; i++) {
        double p = 0.5 * (low + high);
        if (1 - vlt_binomial_upper(trials, successes + 1, p) > 1 - confidence) {
            low = p;
        } else {
            high = p;
        }
    }
    return high;
}

double vlt_proportion_lower(int successes, int trials, double confidence)
{
    return trials <= 0 ? 0 : 1 - vlt_proportion_upper(trials - successes, trials, confidence);
}

int vlt_sign_threshold(int m, double alpha)
{
    int s = m + 1;
    while (s > 0 && vlt_binomial_upper(m, s - 1, 0.5) <= alpha) {
        s--;
    }
    return s;
}

/* Smallest s whose e-value among m reaches 1 / alpha; m + 1 when there is none. */
static int anytime_threshold(int m, double alpha)
{
    int s = m + 1;
    while (s > 0 && vlt_log_evalue(m, s - 1) >= -log(alpha)) {
        s--;
    }
    return s;
}

int vlt_plan_launches(double hit, double alpha, double power, bool anytime, int limit)
{
    for (int m = 1; m <= limit; m++) {
        int s = anytime ? anytime_threshold(m, alpha) : vlt_sign_threshold(m, alpha);
        if (s <= m && vlt_binomial_upper(m, s, hit) >= power) {
            return m;
        }
    }
    return limit + 1;
}

int vlt_plan_equal(double below, double above, double coverage, double power, bool anytime,
                   int limit)
{
    for (int m = 1; m <= limit; m++) {
        int k = anytime ? vlt_anytime_rank(m, 1 - coverage) : vlt_interval_rank(m, 1 - coverage);
        /* the k-th value from either end is inside when fewer than k launches are outside there */
        double outside = vlt_binomial_upper(m, k, below) + vlt_binomial_upper(m, k, above);
        if (k > 0 && 1 - outside >= power) {
            return m;
        }
    }
    return limit + 1;
}

int vlt_plan_pairs(double launch_cost, double pair_cost, double pair_sigma, double launch_sigma,
                   int low, int high)
{
    double n = sqrt(launch_cost / pair_cost) * (pair_sigma / launch_sigma);
    if (!(n > low)) {
        return low; /* also when a cost or a sigma is 0 and n is no number */
    }
    return n < high ? (int)n : high;
}

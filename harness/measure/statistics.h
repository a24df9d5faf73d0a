/* statistics.h: the arithmetic behind every verdict. Pure functions, any thread.
 *
 * No verdict on launches assumes a distribution: intervals come from order statistics, tests from
 * signs. What does (normal, Student's t) says so by its name.
 * Sources are named at each function; all are tested against exact values.
 */
#ifndef VLT_HARNESS_STATISTICS_H
#define VLT_HARNESS_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

/* Median of values[n], n >= 1; reorders them. Mean of the middle two when n is even. */
double vlt_median(double *values, size_t n);

void vlt_sort(double *values, size_t n); /* ascending */

/* Quantile q in [0, 1] of sorted[n] by linear interpolation (type 7 of Hyndman and Fan). */
double vlt_quantile(const double *sorted, size_t n, double q);

/* Median absolute deviation from the median, unscaled; values[n] are left alone, scratch[n] is
 * overwritten. */
double vlt_mad(const double *values, size_t n, double *scratch);

/* Scatter of sorted[n], n >= 1, from the width of the central 68.27 % or 90 %, whichever says more:
 * of a normal distribution its standard deviation; of values in two groups, the smaller of a tenth
 * of them at least, a third to a half of what lies between, where vlt_mad sees the larger alone. */
double vlt_scatter(const double *sorted, size_t n);

/* Do sorted[n] fall into two groups that stand apart? Each of an eighth of them and two at least,
 * and more than twice as far apart as either is wide. *low: how many are in the lower one. Of 8
 * values of a normal distribution one sample in a hundred does, of more fewer. */
bool vlt_two_groups(const double *sorted, size_t n, size_t *low);

/* By how much b[n] lies above a[n], n >= 1, both sorted: the median of all differences b_j - a_i
 * (Hodges and Lehmann, 1963). Exchanging a and b changes its sign alone. */
double vlt_shift(const double *a, const double *b, size_t n);

/* P(Bin(n, p) >= s). */
double vlt_binomial_upper(int n, int s, double p);

/* Largest k >= 1 with P(Bin(m, 1/2) < k) <= alpha / 2: [x(k), x(m+1-k)] covers the median with
 * 1 - alpha. 0 when m is too small (below 6 for 95 %). */
int vlt_interval_rank(int m, double alpha);

/* Natural logarithm of the e-value of s successes among m under "success has at most one chance
 * in two": E = 2^m * integral over p in [1/2, 1] of 2 p^s (1-p)^(m-s) dp. By Ville's inequality
 * it exceeds 1/alpha ever, at any time of looking, with probability at most alpha. */
double vlt_log_evalue(int m, int s);

/* As vlt_interval_rank, but the interval holds however often one looks: k counts from e-values. */
int vlt_anytime_rank(int m, double alpha);

/* adjusted[i] of p[i]: Holm (family-wise), Benjamini-Hochberg (false discovery rate). */
void vlt_holm(const double *p, int n, double *adjusted);
void vlt_benjamini_hochberg(const double *p, int n, double *adjusted);

/* Clopper-Pearson bounds of a proportion, one-sided at `confidence`. */
double vlt_proportion_upper(int successes, int trials, double confidence);
double vlt_proportion_lower(int successes, int trials, double confidence);

double vlt_mean(const double *values, int n);     /* n >= 1 */
double vlt_variance(const double *values, int n); /* of a sample, n >= 2 */

/* Student's t: half of the width of a 95 % interval of a mean in standard errors, for 1 to
 * VLT_STUDENT_MAX degrees of freedom; and P(T > t), for odd ones. */
enum { VLT_STUDENT_MAX = 11 };
double vlt_student_quantile(int freedom);
double vlt_student_upper(double t, int freedom);

double vlt_normal_cdf(double z);

/* Smallest s with P(Bin(m, 1/2) >= s) <= alpha; m + 1 when there is none. */
int vlt_sign_threshold(int m, double alpha);

/* Launches needed to say that the median lies beyond a margin, with `power`, when a share `hit` of
 * all launches does: the smallest m <= limit whose sign test has that power, or whose e-value when
 * it is looked at repeatedly; limit + 1 when none has, and wherever hit is half of them or less. */
int vlt_plan_launches(double hit, double alpha, double power, bool anytime, int limit);

/* Launches needed until the interval lies within the margin on both sides, with `power`, when the
 * shares `below` and `above` of all launches lie outside it; likewise. */
int vlt_plan_equal(double below, double above, double coverage, double power, bool anytime,
                   int limit);

/* Pairs per launch that make best use of time: sqrt((launch cost / pair cost) * (pair variance /
 * launch variance)), Kalibera and Jones, ISMM 2013; within [low, high]. */
int vlt_plan_pairs(double launch_cost, double pair_cost, double pair_sigma, double launch_sigma,
                   int low, int high);

#endif

/* unpaired.h: two samples of launches that were not made together, as when stored runs are
 * compared.
 *
 * Both hold log-ratios against the same baseline, so the baseline takes away what the machine did
 * in between. Estimate: the median of all differences (Hodges and Lehmann); interval and tests: the
 * exact distribution of the Mann-Whitney statistic.
 */
#ifndef VLT_HARNESS_UNPAIRED_H
#define VLT_HARNESS_UNPAIRED_H

#include "harness/measure/verdict.h"
#include "optimizations/core/status.h"

enum { VLT_UNPAIRED_MAX = 200 }; /* launches of one sample that take part */

/* P(U <= u) under equal distributions, for samples of n and m; exact. */
double vlt_mann_whitney_cdf(int n, int m, int u);

/* Judges b[m] against a[n]; anytime is not possible here, options->anytime is ignored. Samples
 * beyond VLT_UNPAIRED_MAX are cut. NOMEM. */
vlt_status vlt_judge_unpaired(const double *a, int n, const double *b, int m,
                              const vlt_judge_options *options, vlt_judgement *judgement,
                              vlt_error *err);

#endif

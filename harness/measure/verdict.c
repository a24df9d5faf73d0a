#include "harness/measure/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/statistics.h"
#include "optimizations/core/utf8_text.h"

const char *vlt_verdict_name(vlt_verdict verdict)
{
    static const char *const names[] = {"inconclusive", "faster", "slower", "same"};
    return names[verdict];
}

vlt_judge_options vlt_judge_defaults(void)
{
    return (vlt_judge_options){.margin = 0.01, .alpha = 0.005, .coverage = 0.95, .anytime = true};
}

/* p of "the median is at most `bound`" against larger, or of "at least" when sign is -1. */
static double sign_test(const double *x, int m, double bound, int sign, bool anytime)
{
    double best = 0;
    int hits = 0;
    for (int i = 0; i < m; i++) {
        hits += sign > 0 ? x[i] > bound : x[i] < bound;
        if (anytime) {
            best = fmax(best, vlt_log_evalue(i + 1, hits));
        }
    }
    return anytime ? exp(-best) : vlt_binomial_upper(m, hits, 0.5);
}

static void explain(const vlt_judge_options *options, int m, vlt_judgement *j)
{
    double margin = options->margin * 100;
    switch (j->verdict) {
    case VLT_VERDICT_SLOWER:
        snprintf(j->reason, sizeof j->reason, "beyond the margin of %.3g %% (p = %.2g)", margin,
                 j->p_slower);
        break;
    case VLT_VERDICT_FASTER:
        snprintf(j->reason, sizeof j->reason, "beyond the margin of %.3g %% (p = %.2g)", margin,
                 j->p_faster);
        break;
    case VLT_VERDICT_SAME:
        snprintf(j->reason, sizeof j->reason, "the interval lies within the margin of %.3g %%",
                 margin);
        break;
    case VLT_VERDICT_INCONCLUSIVE:
        if (!isfinite(j->high)) {
            vlt_utf8_format(j->reason, sizeof j->reason, "%d process%s cannot bound the ratio", m,
                            m == 1 ? "" : "es");
        } else if (j->low > 1 + options->margin || j->high < 1 / (1 + options->margin)) {
            snprintf(
                j->reason, sizeof j->reason,
                "beyond the margin of %.3g %%, but %d processes cannot say so with an error of "
                "%.2g %%",
                margin, m, 100 * options->alpha);
        } else {
            snprintf(j->reason, sizeof j->reason, "the interval crosses the margin of %.3g %%",
                     margin);
        }
        break;
    }
}

void vlt_judge(const double *log_ratio, int m, const vlt_judge_options *options,
               vlt_judgement *judgement)
{
    vlt_judgement j = {.ratio = NAN, .low = 0, .high = INFINITY, .p_slower = 1, .p_faster = 1};
    double bound = log1p(options->margin), alpha = 1 - options->coverage;
    double *sorted = m > 0 ? malloc((size_t)m * sizeof *sorted) : NULL;
    if (sorted) {
        memcpy(sorted, log_ratio, (size_t)m * sizeof *sorted);
        j.ratio = exp(vlt_median(sorted, (size_t)m));
        int k = options->anytime ? vlt_anytime_rank(m, alpha) : vlt_interval_rank(m, alpha);
        if (k > 0) {
            j.low = exp(sorted[k - 1]);
            j.high = exp(sorted[m - k]);
        }
        j.p_slower = sign_test(log_ratio, m, bound, 1, options->anytime);
        j.p_faster = sign_test(log_ratio, m, -bound, -1, options->anytime);
    }
    free(sorted);
    if (j.p_slower <= options->alpha && j.ratio > 1) {
        j.verdict = VLT_VERDICT_SLOWER;
    } else if (j.p_faster <= options->alpha && j.ratio < 1) {
        j.verdict = VLT_VERDICT_FASTER;
    } else if (j.low >= exp(-bound) && j.high <= exp(bound)) {
        j.verdict = VLT_VERDICT_SAME;
    }
    explain(options, m, &j);
    *judgement = j;
}

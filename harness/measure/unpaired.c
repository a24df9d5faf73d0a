#include "harness/measure/unpaired.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/measure/statistics.h"
#include "optimizations/core/memory.h"

/* chance[j * (n * m + 1) + u] = P(U = u) for samples of i and j, i growing in place: the largest of
 * all values belongs to the first sample (then it beats j others) or to the second. */
static vlt_status distribution(int n, int m, double **out, vlt_error *err)
{
    size_t width = (size_t)n * (size_t)m + 1;
    void *block;
    vlt_status status = vlt_alloc(width * ((size_t)m + 1) * sizeof(double), &block, err);
    if (status != VLT_OK) {
        return status;
    }
    double *chance = block;
    for (int j = 0; j <= m; j++) {
        chance[(size_t)j * width] = 1; /* i = 0: U is 0 for certain */
    }
    for (int i = 1; i <= n; i++) {
        for (int j = 1; j <= m; j++) {
            double first = (double)i / (i + j);
            double *row = chance + (size_t)j * width, *shorter = row - width;
            for (int u = i * j; u >= 0; u--) {
                double beats = u >= j ? row[u - j] : 0; /* still that of i - 1 */
                row[u] = first * beats + (1 - first) * shorter[u];
            }
        }
    }
    *out = chance;
    return VLT_OK;
}

double vlt_mann_whitney_cdf(int n, int m, int u)
{
    double *chance, sum = 0;
    if (u < 0) {
        return 0;
    }
    if (distribution(n, m, &chance, NULL) != VLT_OK) {
        return 1; /* without memory nothing is significant */
    }
    const double *last = chance + (size_t)m * ((size_t)n * (size_t)m + 1);
    for (int i = 0; i <= u && i <= n * m; i++) {
        sum += last[i];
    }
    vlt_free(chance);
    return fmin(1, sum);
}

/* P of as few pairs at or below `bound` as these, if the true shift were `bound`: small when B is
 * larger by more. */
static double shift_p(const double *difference, int count, int n, int m, double bound, int sign)
{
    int against = 0;
    for (int i = 0; i < count; i++) {
        against += sign > 0 ? difference[i] <= bound : difference[i] >= bound;
    }
    return vlt_mann_whitney_cdf(n, m, against);
}

static void judge_differences(const double *sorted, int n, int m, const vlt_judge_options *options,
                              vlt_judgement *j)
{
    int count = n * m, k = 0;
    double bound = log1p(options->margin), alpha = 1 - options->coverage, sum = 0, *chance;
    j->ratio = exp(count % 2 ? sorted[count / 2]
                             : 0.5 * (sorted[count / 2 - 1] + sorted[count / 2]));
    j->p_slower = shift_p(sorted, count, n, m, bound, 1);
    j->p_faster = shift_p(sorted, count, n, m, -bound, -1);
    if (distribution(n, m, &chance, NULL) == VLT_OK) {
        const double *last = chance + (size_t)m * ((size_t)count + 1);
        for (sum = last[0]; k < count / 2 && sum <= alpha / 2; k++) {
            sum += last[k + 1];
        }
        vlt_free(chance);
    }
    if (k > 0) {
        j->low = exp(sorted[k - 1]);
        j->high = exp(sorted[count - k]);
    }
    if (j->p_slower <= options->alpha) {
        j->verdict = VLT_VERDICT_SLOWER;
    } else if (j->p_faster <= options->alpha) {
        j->verdict = VLT_VERDICT_FASTER;
    } else if (j->low >= exp(-bound) && j->high <= exp(bound)) {
        j->verdict = VLT_VERDICT_SAME;
    }
}

vlt_status vlt_judge_unpaired(const double *a, int n, const double *b, int m,
                              const vlt_judge_options *options, vlt_judgement *judgement,
                              vlt_error *err)
{
    vlt_judgement j = {.ratio = NAN, .low = 0, .high = INFINITY, .p_slower = 1, .p_faster = 1};
    void *block = NULL;
    n = n < VLT_UNPAIRED_MAX ? n : VLT_UNPAIRED_MAX;
    m = m < VLT_UNPAIRED_MAX ? m : VLT_UNPAIRED_MAX;
    if (n > 0 && m > 0) {
        vlt_status status = vlt_alloc((size_t)n * (size_t)m * sizeof(double), &block, err);
        if (status != VLT_OK) {
            return status;
        }
        double *difference = block;
        for (int i = 0; i < n * m; i++) {
            difference[i] = b[i % m] - a[i / m];
        }
        vlt_sort(difference, (size_t)n * (size_t)m);
        judge_differences(difference, n, m, options, &j);
        vlt_free(block);
    }
    snprintf(j.reason, sizeof j.reason,
             j.verdict == VLT_VERDICT_SAME ? "%d against %d launches, the interval lies within the "
                                             "margin of %.3g %%"
             : j.verdict == VLT_VERDICT_INCONCLUSIVE
                 ? "%d against %d launches do not decide at a margin of %.3g %%"
                 : "%d against %d launches, beyond the margin of %.3g %%",
             m, n, 100 * options->margin);
    *judgement = j;
    return VLT_OK;
}

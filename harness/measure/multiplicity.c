/* Corrections for many tests at once; declared in statistics.h. */
#include <math.h>
#include <stdbool.h>

#include "harness/measure/statistics.h"

/* Rank of p[i] among p[n] from 1, ties in order of position: no scratch memory, and n is small. */
static int rank_of(const double *p, int n, int i)
{
    int rank = 1;
    for (int j = 0; j < n; j++) {
        rank += p[j] < p[i] || (p[j] == p[i] && j < i);
    }
    return rank;
}

/* Holm: running maximum of (n - rank + 1) p over smaller ranks. Benjamini-Hochberg: running minimum
 * of n p / rank over larger ones. */
static void adjust(const double *p, int n, double *adjusted, bool step_down)
{
    for (int i = 0; i < n; i++) {
        int rank = rank_of(p, n, i);
        double worst = step_down ? 0 : 1;
        for (int j = 0; j < n; j++) {
            int other = rank_of(p, n, j);
            if (step_down && other <= rank) {
                worst = fmax(worst, (n - other + 1) * p[j]);
            } else if (!step_down && other >= rank) {
                worst = fmin(worst, n * p[j] / other);
            }
        }
        adjusted[i] = fmin(1, worst);
    }
}

void vlt_holm(const double *p, int n, double *adjusted)
{
    adjust(p, n, adjusted, true);
}

void vlt_benjamini_hochberg(const double *p, int n, double *adjusted)
{
    adjust(p, n, adjusted, false);
}

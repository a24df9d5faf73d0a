/* Certainty about settings that are far faster. A sign test learns one bit a launch, whether a
 * setting takes half of the time or 0.98 of it. No luck of layouts gives 15 %, so where launches
 * lie beyond that, their mean decides by Student's t: three looks, a third of the error each. */
#include <math.h>

#include "tuner/tune_internal.h"

enum { LOOKS = 3 };

static const int looks[LOOKS] = {4, 6, 8};
static const double far_log = -0.15;

/* Quantiles of Student's t for a 95 % interval at those looks: 3, 5, 7 degrees of freedom. */
static const double quantile[LOOKS] = {3.182, 2.571, 2.365};

double vlt_student_upper(double t, int freedom)
{
    double angle = atan(t / sqrt(freedom)), cosine = cos(angle), sum = 0, term = cosine;
    for (int k = 1; k < freedom; k += 2) { /* odd degrees of freedom */
        sum += term;
        term *= cosine * cosine * (k + 1) / (k + 2);
    }
    return 0.5 - (angle + sin(angle) * sum) / acos(-1);
}

bool vlt_far_faster(const double *log_ratio, int launches, double alpha, vlt_judgement *judgement)
{
    for (int look = 0; look < LOOKS && looks[look] <= launches; look++) {
        int n = looks[look];
        double mean = 0, squares = 0;
        for (int i = 0; i < n; i++) {
            mean += log_ratio[i] / n;
        }
        for (int i = 0; i < n; i++) {
            squares += (log_ratio[i] - mean) * (log_ratio[i] - mean);
        }
        double error = fmax(sqrt(squares / (n - 1) / n), 1e-6);
        double p = LOOKS * vlt_student_upper((far_log - mean) / error, n - 1);
        if (mean < far_log && p <= alpha) {
            judgement->verdict = VLT_VERDICT_FASTER;
            judgement->p_faster = fmin(judgement->p_faster, fmax(p, 1e-12));
            judgement->low = exp(fmin(log(judgement->ratio), mean) - quantile[look] * error);
            judgement->high = exp(fmax(log(judgement->ratio), mean) + quantile[look] * error);
            return true;
        }
    }
    return false;
}

/* Certainty about settings that are far faster. A sign test learns one bit a launch, whether a
 * setting takes half of the time or 0.98 of it. No luck of layouts gives 15 %, so where launches
 * lie beyond that, their mean decides by Student's t: three looks, a third of the error each. */
#include <math.h>

#include "harness/measure/statistics.h"
#include "tuner/tune_internal.h"

enum { LOOKS = 3 };

static const int looks[LOOKS] = {4, 6, 8};
static const double far_log = -0.15;

bool vlt_far_faster(const double *log_ratio, int launches, double alpha, vlt_judgement *judgement)
{
    for (int look = 0; look < LOOKS && looks[look] <= launches; look++) {
        int n = looks[look];
        double mean = vlt_mean(log_ratio, n), quantile = vlt_student_quantile(n - 1);
        double error = fmax(sqrt(vlt_variance(log_ratio, n) / n), 1e-6);
        double p = LOOKS * vlt_student_upper((far_log - mean) / error, n - 1);
        if (mean < far_log && p <= alpha) {
            judgement->verdict = VLT_VERDICT_FASTER;
            judgement->p_faster = fmin(judgement->p_faster, fmax(p, 1e-12));
            judgement->low = exp(fmin(log(judgement->ratio), mean) - quantile * error);
            judgement->high = exp(fmax(log(judgement->ratio), mean) + quantile * error);
            return true;
        }
    }
    return false;
}

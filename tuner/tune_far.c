/* Certainty about settings that are far faster. A sign test learns one bit a launch, whether a
 * setting takes half of the time or 0.98 of it. No luck of layouts gives 15 %, so where launches
 * lie beyond that, their mean decides by Student's t: three looks, a third of the error each. */
#include <math.h>

#include "harness/measure/statistics.h"
#include "tuner/tune_internal.h"

enum { LOOKS = 3 };

static const int looks[LOOKS] = {4, 6, 8};
static const double far_log = -0.15;

/* Whether a launch shows a tenth of the time or a fifteenth is no doubt about it: more than this
 * does not count, so that such launches agree. */
static const double most_log = -1;

/* Of the mean being no better than far_log. */
static double doubt(const double *log_ratio, int n)
{
    double shown[VLT_CONFIRM_LAUNCHES];
    for (int i = 0; i < n; i++) {
        shown[i] = fmax(log_ratio[i], most_log);
    }
    double error = fmax(sqrt(vlt_variance(shown, n) / n), 1e-6);
    return vlt_student_upper((far_log - vlt_mean(shown, n)) / error, n - 1);
}

bool vlt_far_faster(const double *log_ratio, int launches, double alpha, vlt_judgement *judgement)
{
    for (int look = 0; look < LOOKS && looks[look] <= launches; look++) {
        int n = looks[look];
        double mean = vlt_mean(log_ratio, n), quantile = vlt_student_quantile(n - 1);
        double error = fmax(sqrt(vlt_variance(log_ratio, n) / n), 1e-6);
        double p = LOOKS * doubt(log_ratio, n);
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

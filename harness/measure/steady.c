#include "harness/measure/steady.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "harness/measure/statistics.h"

const char *vlt_steadiness_name(vlt_steadiness steadiness)
{
    static const char *const names[] = {"steadiness not tested", "steady", "no steady state"};
    return names[steadiness];
}

static bool near(double a, double b, double share, double scale)
{
    return fabs(a - b) <= share * scale;
}

bool vlt_steady(const double *time_ns, size_t n)
{
    double half[2][VLT_STEADY_WINDOW], scratch[VLT_STEADY_WINDOW], mad[2];
    size_t count = n / 2;
    assert(n % 2 == 0 && n >= 8 && n <= VLT_STEADY_WINDOW);
    for (int h = 0; h < 2; h++) {
        memcpy(half[h], time_ns + (size_t)h * count, count * sizeof *time_ns);
        mad[h] = vlt_mad(half[h], count, scratch);
        vlt_sort(half[h], count);
    }
    double q1[2], q3[2];
    for (int h = 0; h < 2; h++) {
        q1[h] = vlt_quantile(half[h], count, 0.25);
        q3[h] = vlt_quantile(half[h], count, 0.75);
    }
    double median = vlt_quantile(half[0], count, 0.5);
    return near(q1[0], q1[1], 0.05, q1[0]) && near(q3[0], q3[1], 0.05, q3[0]) &&
           near(mad[0], mad[1], 0.10, median);
}

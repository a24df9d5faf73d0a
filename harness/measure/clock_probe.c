#include "harness/measure/clock_probe.h"

#include <math.h>

#include "harness/measure/statistics.h"

enum { READINGS = 401 };

void vlt_clock_probe(const vlt_clock *clock, vlt_clock_info *info)
{
    double gap[READINGS], thread[READINGS], tick = INFINITY;
    for (int i = 0; i < READINGS; i++) {
        uint64_t begin = vlt_clock_wall(clock);
        uint64_t end = vlt_clock_wall(clock);
        vlt_clock_thread(clock);
        uint64_t after = vlt_clock_wall(clock);
        gap[i] = (double)(end - begin);
        thread[i] = (double)(after - end) - gap[i];
        if (end > begin) {
            tick = fmin(tick, gap[i]);
        }
    }
    /* A clock with a tick shorter than its own reading cannot show the tick; then the reading
     * bounds it from above, which only makes epochs longer than they must be. */
    info->overhead_ns = vlt_median(gap, READINGS);
    info->thread_ns = fmax(0, vlt_median(thread, READINGS));
    info->tick_ns = isfinite(tick) ? fmax(1, tick) : 1;
}

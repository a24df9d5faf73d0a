#include "harness/measure/epoch.h"

#include <math.h>

enum { ITERATIONS_MAX = 1 << 30, REPEATS = 3 };

vlt_status vlt_epoch_time(const vlt_clock *clock, const vlt_subject *subject, int64_t iterations,
                          uint64_t *wall_ns, vlt_error *err)
{
    uint64_t begin = vlt_clock_wall(clock);
    int result = subject->run(subject->state, iterations);
    uint64_t end = vlt_clock_wall(clock);
    if (result != 0) {
        return vlt_fail(err, (vlt_status)result, "the measured code failed: %s",
                        vlt_status_text((vlt_status)result));
    }
    *wall_ns = end > begin ? end - begin : 0; /* a clock that stepped back has measured nothing */
    return VLT_OK;
}

static double floor_of(const vlt_clock_info *info)
{
    return fmax(VLT_EPOCH_FLOOR_NS, VLT_EPOCH_FLOOR_TICKS * info->tick_ns);
}

/* Doubles the count until an epoch reaches the floor, then takes the best of a few, since
 * interruptions only ever add. */
vlt_status vlt_epoch_time_call(const vlt_clock *clock, const vlt_clock_info *info,
                               const vlt_subject *subject, double *call_ns, vlt_error *err)
{
    const double floor_ns = floor_of(info);
    int64_t iterations = 1;
    uint64_t wall_ns = 0;
    vlt_status status = vlt_epoch_time(clock, subject, 1, &wall_ns, err);
    while (status == VLT_OK && (double)wall_ns < floor_ns) {
        double growth = wall_ns > 0 ? floor_ns * 1.2 / (double)wall_ns : 10;
        growth = fmin(10, fmax(2, growth));
        iterations = (int64_t)ceil((double)iterations * growth);
        if (iterations > ITERATIONS_MAX) {
            return vlt_fail(err, VLT_STATUS_INTERNAL,
                            "clock: %lld iterations last %llu ns, expected at least %.0f ns",
                            (long long)iterations, (unsigned long long)wall_ns, floor_ns);
        }
        status = vlt_epoch_time(clock, subject, iterations, &wall_ns, err);
    }
    double best = (double)wall_ns;
    /* one long call is not repeated: its cost is known well enough to plan with, and three of each
     * side would be a third of what a launch may take */
    for (int i = 1; i < REPEATS && status == VLT_OK && best < VLT_EPOCH_REPEATED_NS; i++) {
        status = vlt_epoch_time(clock, subject, iterations, &wall_ns, err);
        if (wall_ns > 0) {
            best = fmin(best, (double)wall_ns);
        }
    }
    *call_ns = best / (double)iterations;
    return status;
}

void vlt_epoch_plan(const vlt_clock_info *info, const double *call_ns, int count, vlt_epoch *epoch)
{
    double fastest = INFINITY, slowest = 0;
    *epoch = (vlt_epoch){.floor_ns = floor_of(info)};
    for (int i = 0; i < count; i++) {
        epoch->call_ns[i] = call_ns[i];
        fastest = fmin(fastest, call_ns[i]);
        slowest = fmax(slowest, call_ns[i]);
    }
    /* The slower side aims at the target, unless the faster one would then fall below the floor;
     * a tenth of reserve, because calibration saw the best case of a few. */
    double wanted = fmax(VLT_EPOCH_TARGET_NS / slowest, 1.1 * epoch->floor_ns / fastest);
    epoch->iterations = (int64_t)fmin(ITERATIONS_MAX, fmax(1, ceil(wanted)));
    epoch->longest_ns = (double)epoch->iterations * slowest;
}

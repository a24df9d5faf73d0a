/* epoch.h: how many iterations make one timed epoch.
 *
 * An epoch aims at 200 us: long against the clock, short against the time slice of the scheduler,
 * because the risk of being preempted grows with its length. It is never below 50 us or 1,000
 * clock ticks, and both sides of a comparison run the same number of iterations: unequal counts
 * bias the ratio (nanobench measured 1.2 %).
 */
#ifndef VLT_HARNESS_EPOCH_H
#define VLT_HARNESS_EPOCH_H

#include "harness/measure/clock_probe.h"
#include "harness/measure/subject.h"
#include "optimizations/core/status.h"

enum { VLT_EPOCH_TARGET_NS = 200000, VLT_EPOCH_FLOOR_NS = 50000, VLT_EPOCH_FLOOR_TICKS = 1000 };
enum {
    VLT_EPOCH_REPEATED_NS = 10 * VLT_EPOCH_TARGET_NS
}; /* calls below are timed more than once */

typedef struct vlt_epoch {
    int64_t iterations; /* >= 1, of every epoch of both subjects */
    double floor_ns;    /* the shorter epoch is at least this, one call excepted */
    double call_ns[2];  /* one iteration, as calibration saw it */
    double longest_ns;  /* the longer of the two epochs */
} vlt_epoch;

/* Time of one iteration of the subject, by running it: once when that takes 2 ms or more. Fails
 * with the subject's own status, or INTERNAL when the clock does not advance. */
vlt_status vlt_epoch_time_call(const vlt_clock *clock, const vlt_clock_info *info,
                               const vlt_subject *subject, double *call_ns, vlt_error *err);

/* The epoch for iterations that take call_ns[count], count 1 or 2. */
void vlt_epoch_plan(const vlt_clock_info *info, const double *call_ns, int count, vlt_epoch *epoch);

/* Wall time of one epoch, clock overhead included. */
vlt_status vlt_epoch_time(const vlt_clock *clock, const vlt_subject *subject, int64_t iterations,
                          uint64_t *wall_ns, vlt_error *err);

#endif

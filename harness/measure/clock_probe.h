/* clock_probe.h: what reading a clock costs, and how finely it ticks. */
#ifndef VLT_HARNESS_CLOCK_PROBE_H
#define VLT_HARNESS_CLOCK_PROBE_H

#include "optimizations/core/clock.h"

typedef struct vlt_clock_info {
    double overhead_ns; /* what a timed interval contains when nothing is timed: median */
    double tick_ns;     /* smallest difference that the wall clock can show, at least 1 */
    double thread_ns;   /* cost of one reading of the thread clock: median */
} vlt_clock_info;

/* Measures the clock; takes well below a millisecond. */
void vlt_clock_probe(const vlt_clock *clock, vlt_clock_info *info);

#endif

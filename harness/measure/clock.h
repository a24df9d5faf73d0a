/* clock.h: the two clocks of every measurement, and what they cost.
 *
 * Wall time is CLOCK_MONOTONIC, thread time CLOCK_THREAD_CPUTIME_ID. Everything that measures
 * takes the clock as an argument, so that tests replace it by one that they move by hand.
 */
#ifndef VLT_HARNESS_CLOCK_H
#define VLT_HARNESS_CLOCK_H

#include <stdint.h>

typedef struct vlt_clock {
    uint64_t (*wall_ns)(void *user);
    uint64_t (*thread_ns)(void *user); /* CPU time of the calling thread */
    void *user;
} vlt_clock;

/* The system's clocks; static, any thread. */
const vlt_clock *vlt_clock_system(void);

typedef struct vlt_clock_info {
    double overhead_ns; /* what a timed interval contains when nothing is timed: median */
    double tick_ns;     /* smallest difference that the wall clock can show, at least 1 */
    double thread_ns;   /* cost of one reading of the thread clock: median */
} vlt_clock_info;

/* Measures the clock; takes well below a millisecond. */
void vlt_clock_probe(const vlt_clock *clock, vlt_clock_info *info);

static inline uint64_t vlt_clock_wall(const vlt_clock *clock)
{
    return clock->wall_ns(clock->user);
}

static inline uint64_t vlt_clock_thread(const vlt_clock *clock)
{
    return clock->thread_ns(clock->user);
}

#endif

/* clock.h: the two clocks of every measurement.
 *
 * Wall time is CLOCK_MONOTONIC, thread time CLOCK_THREAD_CPUTIME_ID. Everything that measures
 * takes the clock as an argument, so that tests replace it by one that they move by hand; what only
 * reports how long something took asks vlt_now_ns or vlt_now_ms.
 */
#ifndef VLT_CORE_CLOCK_H
#define VLT_CORE_CLOCK_H

#include <stdint.h>

typedef struct vlt_clock {
    uint64_t (*wall_ns)(void *user);
    uint64_t (*thread_ns)(void *user); /* CPU time of the calling thread */
    void *user;
} vlt_clock;

/* CLOCK_MONOTONIC. */
int64_t vlt_now_ns(void);
double vlt_now_ms(void);

/* The system's clocks; static, any thread. */
const vlt_clock *vlt_clock_system(void);

static inline uint64_t vlt_clock_wall(const vlt_clock *clock)
{
    return clock->wall_ns(clock->user);
}

static inline uint64_t vlt_clock_thread(const vlt_clock *clock)
{
    return clock->thread_ns(clock->user);
}

#endif

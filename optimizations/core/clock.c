#include "optimizations/core/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t system_wall_ns(void *user)
{
    (void)user;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t system_thread_ns(void *user)
{
    (void)user;
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

int64_t vlt_now_ns(void)
{
    return (int64_t)read_clock(CLOCK_MONOTONIC);
}

double vlt_now_ms(void)
{
    return (double)vlt_now_ns() * 1e-6;
}

const vlt_clock *vlt_clock_system(void)
{
    static const vlt_clock clock = {.wall_ns = system_wall_ns, .thread_ns = system_thread_ns};
    return &clock;
}

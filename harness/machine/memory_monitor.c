#include "harness/machine/memory_monitor.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How far a reading must come back before a level is left. */
#define CLEARED 1.25

struct vlt_memory_monitor {
    vlt_memory_monitor_options options;
    _Atomic int level;
    int stop_fd;
    int trigger_fd; /* PSI trigger, or -1 */
    pthread_t thread;
    bool running;
};

const char *vlt_memory_level_name(vlt_memory_level level)
{
    static const char *const names[] = {"easy", "tight", "critical"};
    return (unsigned)level <= VLT_MEMORY_CRITICAL ? names[level] : "?";
}

vlt_memory_thresholds vlt_memory_thresholds_default(void)
{
    return (vlt_memory_thresholds){
        .tight_left = 0.10, .critical_left = 0.04, .tight_stall = 5, .critical_stall = 25};
}

vlt_memory_monitor_options vlt_memory_monitor_defaults(void)
{
    return (vlt_memory_monitor_options){.thresholds = vlt_memory_thresholds_default(),
                                        .period_ms = 100};
}

/* Unknown readings (NAN) compare false and thus never raise a level. */
static bool reached(double left, double left_threshold, double stall, double stall_threshold,
                    bool inside)
{
    double slack = inside ? CLEARED : 1;
    return left < left_threshold * slack || stall > stall_threshold / slack;
}

vlt_memory_level vlt_memory_level_of(const vlt_limits *limits, const vlt_pressure *pressure,
                                     const vlt_memory_thresholds *thresholds, vlt_memory_level now)
{
    double whole = NAN, left = NAN;
    if (limits->memory_limit_bytes != VLT_LIMIT_NONE &&
        (!limits->ram_bytes || limits->memory_limit_bytes < limits->ram_bytes)) {
        whole = (double)limits->memory_limit_bytes;
    } else if (limits->ram_bytes) {
        whole = (double)limits->ram_bytes;
    }
    if (limits->memory_budget_bytes != VLT_LIMIT_NONE && whole > 0) {
        left = (double)limits->memory_budget_bytes / whole;
    }
    double stall = fmax(pressure->memory.some_avg10, pressure->own_memory.some_avg10);
    if (reached(left, thresholds->critical_left, stall, thresholds->critical_stall,
                now == VLT_MEMORY_CRITICAL)) {
        return VLT_MEMORY_CRITICAL;
    }
    return reached(left, thresholds->tight_left, stall, thresholds->tight_stall,
                   now >= VLT_MEMORY_TIGHT)
               ? VLT_MEMORY_TIGHT
               : VLT_MEMORY_EASY;
}

static void look(vlt_memory_monitor *monitor)
{
    vlt_limits limits;
    vlt_pressure pressure;
    vlt_memory_level before = (vlt_memory_level)atomic_load(&monitor->level);
    vlt_limits_read(monitor->options.root, &limits);
    vlt_pressure_read(monitor->options.root, &pressure);
    vlt_memory_level level = vlt_memory_level_of(&limits, &pressure, &monitor->options.thresholds,
                                                 before);
    atomic_store(&monitor->level, (int)level);
    if (level != before && monitor->options.notice) {
        monitor->options.notice(monitor->options.user, level);
    }
}

static void *watch(void *argument)
{
    vlt_memory_monitor *monitor = argument;
    struct pollfd files[2] = {{.fd = monitor->stop_fd, .events = POLLIN},
                              {.fd = monitor->trigger_fd, .events = POLLPRI}};
    for (;;) {
        look(monitor);
        int ready = poll(files, 2, monitor->options.period_ms);
        if (ready > 0 && (files[0].revents & POLLIN)) {
            return NULL;
        }
        if (ready > 0 && (files[1].revents & (POLLERR | POLLNVAL))) {
            files[1].fd = -1; /* the trigger died with its cgroup; the period is enough */
        }
    }
}

/* 100 ms of stall in 2 s: unprivileged processes may only ask for windows of whole 2 s. */
static int open_trigger(const char *root)
{
    static const char trigger[] = "some 100000 2000000";
    if (root) {
        return -1;
    }
    int fd = open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && write(fd, trigger, sizeof trigger) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

vlt_status vlt_memory_monitor_create(const vlt_memory_monitor_options *options,
                                     vlt_memory_monitor **out, vlt_error *err)
{
    *out = NULL;
    if (options->period_ms < 10 || options->period_ms > 60000) {
        return vlt_fail(err, VLT_STATUS_USAGE, "memory monitor: period %d ms, expected 10 to 60000",
                        options->period_ms);
    }
    vlt_memory_monitor *monitor = calloc(1, sizeof *monitor);
    if (!monitor) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "memory monitor: out of memory");
    }
    monitor->options = *options;
    monitor->stop_fd = eventfd(0, EFD_CLOEXEC);
    monitor->trigger_fd = open_trigger(options->root);
    look(monitor); /* the level is known before anyone asks */
    if (monitor->stop_fd < 0 || pthread_create(&monitor->thread, NULL, watch, monitor)) {
        vlt_memory_monitor_destroy(monitor);
        return vlt_fail(err, VLT_STATUS_INTERNAL, "memory monitor: its thread was not started");
    }
    monitor->running = true;
    *out = monitor;
    return VLT_OK;
}

void vlt_memory_monitor_destroy(vlt_memory_monitor *monitor)
{
    if (!monitor) {
        return;
    }
    if (monitor->running) {
        uint64_t one = 1;
        while (write(monitor->stop_fd, &one, sizeof one) < 0) {
        }
        pthread_join(monitor->thread, NULL);
    }
    if (monitor->trigger_fd >= 0) {
        close(monitor->trigger_fd);
    }
    if (monitor->stop_fd >= 0) {
        close(monitor->stop_fd);
    }
    free(monitor);
}

vlt_memory_level vlt_memory_monitor_level(const vlt_memory_monitor *monitor)
{
    return monitor ? (vlt_memory_level)atomic_load(&monitor->level) : VLT_MEMORY_EASY;
}

vlt_memory_level vlt_memory_monitor_relieve(const vlt_memory_monitor *monitor,
                                            const vlt_tensor_pool *pool)
{
    vlt_memory_level level = vlt_memory_monitor_level(monitor);
    if (level == VLT_MEMORY_CRITICAL) {
        pool->trim(pool->self, 0);
    } else if (level == VLT_MEMORY_TIGHT) {
        vlt_tensor_pool_stats stats;
        pool->stats(pool->self, &stats);
        if (stats.kept_bytes > stats.live_bytes) {
            pool->trim(pool->self, stats.live_bytes);
        }
    }
    return level;
}

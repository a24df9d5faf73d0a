#include "harness/services/governor.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness/machine/memory_room.h"
#include "harness/machine/pressure.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/threads.h"
#include "optimizations/core/utf8_text.h"

/* How far a reading must come back before a level is left. */
#define CLEARED 1.25

/* Percent of 10 s in which some task waited for memory, per level. */
#define TIGHT_STALL    5
#define CRITICAL_STALL 25
#define STALL_COUNTS   3 /* times the level's share of memory, below which stalls count */

/* What a clean-up must be good for. */
#define SLACK_BYTES (UINT64_C(8) << 20)

struct vlt_governor {
    vlt_governor_options options;
    double start_ms, cleaned_ms;
    uint64_t slack_left; /* resident beyond what is live, behind the last clean-up */
    _Atomic int level;
    int stop_fd, trigger_fd; /* or -1 */
    pthread_t thread;
    bool running;

    pthread_mutex_t lock; /* of the rest */
    char cause[sizeof(((vlt_governor_event *)0)->cause)];
    vlt_governor_event event[VLT_GOVERNOR_EVENTS_MAX]; /* a ring */
    vlt_governor_stats stats;
};

const char *vlt_memory_level_name(vlt_memory_level level)
{
    static const char *const names[] = {"easy", "tight", "critical"};
    return (unsigned)level <= VLT_MEMORY_CRITICAL ? names[level] : "?";
}

static bool reached(double left, double threshold, double stall, double stall_threshold,
                    bool inside)
{
    const double slack = inside ? CLEARED : 1;
    return left < threshold * slack ||
           (left < threshold * STALL_COUNTS && stall > stall_threshold / slack);
}

vlt_memory_level vlt_governor_level_of(const vlt_governor_options *options, uint64_t left,
                                       uint64_t whole, double stall, vlt_memory_level now)
{
    const double percent = whole ? 100 * (double)left / (double)whole : 100;
    if (reached(percent, options->critical_percent, stall, CRITICAL_STALL,
                now == VLT_MEMORY_CRITICAL)) {
        return VLT_MEMORY_CRITICAL;
    }
    return reached(percent, options->low_percent, stall, TIGHT_STALL, now >= VLT_MEMORY_TIGHT)
               ? VLT_MEMORY_TIGHT
               : VLT_MEMORY_EASY;
}

vlt_memory_level vlt_governor_level(const vlt_governor *governor)
{
    return governor ? (vlt_memory_level)atomic_load(&governor->level) : VLT_MEMORY_EASY;
}

void vlt_governor_note(vlt_governor *governor, const char *format, ...)
{
    char message[sizeof governor->cause + sizeof governor->event->action + 32];
    if (!governor) {
        return;
    }
    pthread_mutex_lock(&governor->lock);
    vlt_governor_event *event =
        &governor->event[governor->stats.events++ % VLT_GOVERNOR_EVENTS_MAX];
    event->at_ms = vlt_now_ms() - governor->start_ms;
    memcpy(event->cause, governor->cause, sizeof event->cause);
    va_list args;
    va_start(args, format);
    vlt_utf8_vformat(event->action, sizeof event->action, format, args);
    va_end(args);
    vlt_utf8_format(message, sizeof message, "memory: %s: %s", event->cause, event->action);
    pthread_mutex_unlock(&governor->lock);
    if (governor->options.say) {
        governor->options.say(governor->options.user, message);
    }
}

int vlt_governor_events(vlt_governor *governor, vlt_governor_event *out, vlt_governor_stats *stats)
{
    *stats = (vlt_governor_stats){0};
    if (!governor) {
        return 0;
    }
    pthread_mutex_lock(&governor->lock);
    const uint64_t events = governor->stats.events;
    const uint64_t first = events > VLT_GOVERNOR_EVENTS_MAX ? events - VLT_GOVERNOR_EVENTS_MAX : 0;
    for (uint64_t i = first; i < events; i++) {
        out[i - first] = governor->event[i % VLT_GOVERNOR_EVENTS_MAX];
    }
    *stats = governor->stats;
    pthread_mutex_unlock(&governor->lock);
    return (int)(events - first);
}

static void look(vlt_governor *governor)
{
    vlt_memory_room room;
    vlt_pressure pressure;
    const vlt_memory_level before = vlt_governor_level(governor);
    vlt_memory_room_read_within(governor->options.root, governor->options.limit_bytes, &room);
    vlt_pressure_read(governor->options.root, &pressure);
    const double stall = fmax(pressure.memory.some_avg10, pressure.own_memory.some_avg10);
    const vlt_memory_level level = vlt_governor_level_of(&governor->options, room.left_bytes,
                                                         room.limit_bytes, stall, before);
    pthread_mutex_lock(&governor->lock);
    vlt_utf8_format(governor->cause, sizeof governor->cause, "%s leaves %.1f of %.1f MB%s",
                    room.limit, (double)room.left_bytes / 1e6, (double)room.limit_bytes / 1e6,
                    stall > TIGHT_STALL ? ", tasks wait for memory" : "");
    pthread_mutex_unlock(&governor->lock);
    atomic_store(&governor->level, (int)level);
    if (governor->options.act && (level != before || level == VLT_MEMORY_CRITICAL)) {
        governor->options.act(governor->options.user, governor, level);
    }
}

/* Freed blocks that the allocator still holds, as far as the numbers tell. */
static uint64_t slack_now(void)
{
    const struct mallinfo2 info = mallinfo2();
    const uint64_t live = info.uordblks + info.hblkhd;
    const uint64_t resident = vlt_memory_own_bytes(NULL);
    return resident > live ? resident - live : 0;
}

static void clean_up(vlt_governor *governor)
{
    if (vlt_now_ms() - governor->cleaned_ms < governor->options.cleanup_ms) {
        return;
    }
    governor->cleaned_ms = vlt_now_ms();
    if (governor->options.tidy) {
        governor->options.tidy(governor->options.user);
    }
    if (slack_now() > governor->slack_left + SLACK_BYTES / 2) {
        malloc_trim(0);
        governor->slack_left = slack_now();
        pthread_mutex_lock(&governor->lock);
        governor->stats.cleanups++;
        pthread_mutex_unlock(&governor->lock);
    }
}

static void *watch(void *argument)
{
    vlt_governor *governor = argument;
    const vlt_governor_options *options = &governor->options;
    struct pollfd files[2] = {{.fd = governor->stop_fd, .events = POLLIN},
                              {.fd = governor->trigger_fd, .events = POLLPRI}};
    const int period = options->monitor_ms < options->cleanup_ms ? options->monitor_ms
                                                                 : options->cleanup_ms;
    for (double looked_ms = 0;;) {
        const int ready = poll(files, 2, period);
        if (ready > 0 && (files[0].revents & POLLIN)) {
            return NULL;
        }
        if (ready > 0 && (files[1].revents & (POLLERR | POLLNVAL))) {
            files[1].fd = -1; /* the trigger died with its cgroup; the period is enough */
        }
        if (ready > 0 || vlt_now_ms() - looked_ms >= options->monitor_ms) {
            looked_ms = vlt_now_ms();
            look(governor);
        }
        clean_up(governor);
    }
}

/* 100 ms of stall in 2 s: unprivileged processes may only ask for windows of whole 2 s. */
static int open_trigger(const char *root)
{
    static const char trigger[] = "some 100000 2000000";
    int fd = root ? -1 : open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && write(fd, trigger, sizeof trigger) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

vlt_status vlt_governor_create(const vlt_governor_options *options, vlt_governor **out,
                               vlt_error *err)
{
    vlt_governor *governor = calloc(1, sizeof *governor);
    *out = NULL;
    if (!governor) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "governor: out of memory");
    }
    governor->options = *options;
    governor->start_ms = governor->cleaned_ms = vlt_now_ms();
    governor->stop_fd = eventfd(0, EFD_CLOEXEC);
    governor->trigger_fd = open_trigger(options->root);
    pthread_mutex_init(&governor->lock, NULL);
    const int refused = governor->stop_fd < 0
                            ? errno
                            : vlt_thread_start(&governor->thread, watch, governor);
    if (refused) {
        vlt_governor_destroy(governor);
        return vlt_fail(err, VLT_STATUS_NOMEM, "governor: its thread was not started: %s",
                        strerror(refused));
    }
    governor->running = true;
    *out = governor;
    return VLT_OK;
}

void vlt_governor_destroy(vlt_governor *governor)
{
    if (!governor) {
        return;
    }
    if (governor->running) {
        const uint64_t one = 1;
        while (write(governor->stop_fd, &one, sizeof one) < 0) {
        }
        pthread_join(governor->thread, NULL);
    }
    if (governor->trigger_fd >= 0) {
        close(governor->trigger_fd);
    }
    if (governor->stop_fd >= 0) {
        close(governor->stop_fd);
    }
    pthread_mutex_destroy(&governor->lock);
    free(governor);
}

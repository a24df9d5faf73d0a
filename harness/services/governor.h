/* governor.h: watches how much memory is left and gives it back before somebody is killed for it.
 *
 *     level      entered when less is left          left when
 *     easy
 *     tight      than `low` percent of the limit    more than 1.25 times as much is left
 *     critical   than `critical` percent            likewise
 *
 * The limit is the narrowest of the caller's own, the memory limits of the cgroups (version 1 and
 * 2) and the machine's memory; page cache counts as free, mapped weights are such pages. Time that
 * tasks lost waiting for memory (PSI, of the own cgroup or the system) enters a level, too, but
 * only where three times its threshold is not left: others' trouble alone does not throttle us. A
 * trigger of the kernel wakes the governor between its looks where there is one.
 *
 * Safety does not rest on any of this but on admission (memory_room.h). What is done at a level is
 * the owner's; the governor keeps a list of it, with causes.
 */
#ifndef VLT_HARNESS_GOVERNOR_H
#define VLT_HARNESS_GOVERNOR_H

#include <stddef.h>
#include <stdint.h>

#include "optimizations/core/status.h"

enum {
    VLT_GOVERNOR_LOW_PERCENT = 10,
    VLT_GOVERNOR_CRITICAL_PERCENT = 4,
    VLT_GOVERNOR_MONITOR_MS = 100,
    VLT_GOVERNOR_CLEANUP_MS = 1000,
    VLT_GOVERNOR_EVENTS_MAX = 64
};

typedef enum vlt_memory_level {
    VLT_MEMORY_EASY,
    VLT_MEMORY_TIGHT,   /* begin less, keep less */
    VLT_MEMORY_CRITICAL /* give back everything that can be made again */
} vlt_memory_level;

const char *vlt_memory_level_name(vlt_memory_level level); /* "easy" ... */

typedef struct vlt_governor vlt_governor;

typedef struct vlt_governor_options {
    const char *root;     /* before /proc and /sys; NULL */
    uint64_t limit_bytes; /* of this process; 0: none of its own */
    double low_percent, critical_percent;
    int monitor_ms; /* between looks */
    int cleanup_ms; /* between clean-ups */
    /* From the governor's thread: the level has changed, or is critical still. Tells by
     * vlt_governor_note what it does. */
    void (*act)(void *user, vlt_governor *governor, vlt_memory_level level);
    void (*tidy)(void *user); /* likewise, before freed memory is given back; or NULL */
    void (*say)(void *user, const char *message); /* NULL: silent */
    void *user;
} vlt_governor_options;

typedef struct vlt_governor_event {
    double at_ms; /* since the governor was made */
    char cause[160], action[112];
} vlt_governor_event;

typedef struct vlt_governor_stats {
    uint64_t events;   /* of which the last VLT_GOVERNOR_EVENTS_MAX are kept */
    uint64_t cleanups; /* times that freed memory was given back to the system */
} vlt_governor_stats;

vlt_status vlt_governor_create(const vlt_governor_options *options, vlt_governor **out,
                               vlt_error *err);
void vlt_governor_destroy(vlt_governor *governor); /* NULL is fine */

vlt_memory_level vlt_governor_level(const vlt_governor *governor); /* one load; NULL: easy */

/* An action for the cause of the present level. Any thread. */
void vlt_governor_note(vlt_governor *governor, const char *format, ...) VLT_PRINTF(2, 3);

/* The last events, oldest first, into out[VLT_GOVERNOR_EVENTS_MAX]; how many. NULL: 0. */
int vlt_governor_events(vlt_governor *governor, vlt_governor_event *out, vlt_governor_stats *stats);

/* Pure: the level at `left` of `whole` bytes with tasks stalled for `stall` percent of the last
 * 10 s (NAN: unknown), coming from `now`. */
vlt_memory_level vlt_governor_level_of(const vlt_governor_options *options, uint64_t left,
                                       uint64_t whole, double stall, vlt_memory_level now);

#endif

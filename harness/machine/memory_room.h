/* memory_room.h: asked before memory is taken: what is left before this process is refused it or
 * killed for it, and by whom.
 *
 * Looked at are the memory limits of every cgroup that the process is in (version 1 and 2), its own
 * resource limits (ulimit -v, -d), and what the machine has free. Page cache counts as free: the
 * kernel drops it before it kills anyone, and mapped weights are such pages.
 */
#ifndef VLT_HARNESS_MEMORY_ROOM_H
#define VLT_HARNESS_MEMORY_ROOM_H

#include <stdatomic.h>
#include <stdint.h>

#include "optimizations/core/status.h"

/* The narrowest limit. */
typedef struct vlt_memory_room {
    uint64_t left_bytes;  /* UINT64_MAX: nothing limits */
    uint64_t limit_bytes; /* of which they are left */
    char limit[320];      /* "the memory limit of cgroup /sys/fs/cgroup/job" */
} vlt_memory_room;

/* `root` stands before /proc and /sys (NULL: nothing, and the resource limits count too). Never
 * fails: what cannot be read does not limit. */
void vlt_memory_room_read(const char *root, vlt_memory_room *out);

/* The same within a limit of the process's own (0: none), by what it has resident now. */
void vlt_memory_room_read_within(const char *root, uint64_t limit_bytes, vlt_memory_room *out);

/* Resident memory of this process that is its own: no pages of files. 0: unknown. */
uint64_t vlt_memory_own_bytes(const char *root);

/* May `bytes` more be taken, beside `promised` that others were let have and have not touched yet?
 * LIMIT names what for, how much, and the limit in numbers. Small amounts are not asked about. */
vlt_status vlt_memory_admit(const char *root, uint64_t bytes, uint64_t promised, const char *what,
                            vlt_error *err);

/* The same for whoever asks often: the limits are read again only after 100 ms, or when what was
 * let go since the last reading nears what was left then. What was let go within the last 100 to
 * 200 ms counts as promised, because its pages may not be touched yet; who is refused for that
 * alone waits until they are, a third of a second at most. What the process has resident is counted
 * page by page where the answer hangs on it. {0} is ready; any thread. */
typedef struct vlt_memory_gauge {
    atomic_uint_least64_t promised_bytes; /* kept by the owner */
    atomic_uint_least64_t mapped_bytes;   /* of them: what ulimit -v and -d have counted already */
    uint64_t limit_bytes;                 /* of the process, set before it is used; 0: none */
    uint64_t spare_bytes;                 /* to be let go without another reading */
    int64_t read_ms;                      /* when; 0: never */
    uint64_t recent_bytes[2];             /* let go since recent_ms, and in the 100 ms before */
    int64_t recent_ms;
} vlt_memory_gauge;

vlt_status vlt_memory_gauge_admit(vlt_memory_gauge *gauge, uint64_t bytes, const char *what,
                                  vlt_error *err);

#endif

/* memory_room.h: asked before memory is taken: what is left before this process is refused it or
 * killed for it, and by whom.
 *
 * Looked at are the memory limits of every cgroup that the process is in (version 1 and 2), its own
 * resource limits (ulimit -v, -d), and what the machine has free. Page cache counts as free: the
 * kernel drops it before it kills anyone, and mapped weights are such pages.
 */
#ifndef VLT_HARNESS_MEMORY_ROOM_H
#define VLT_HARNESS_MEMORY_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "optimizations/core/status.h"

/* Below this a request is part of the noise: stacks, page tables, libraries. */
#define VLT_MEMORY_SMALL_BYTES (UINT64_C(1) << 20)

/* Within less than this, what nobody asks about (arenas of malloc, scratch that is touched later)
 * decides. */
#define VLT_MEMORY_SCARCE_BYTES (UINT64_C(1) << 30)

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

/* Of this process; ulimit -v and -d have counted `mapped_bytes` already that are asked about. */
void vlt_memory_room_read_apart(uint64_t mapped_bytes, vlt_memory_room *out);

/* A limit of the process's own (0: none) with so much resident, where that is narrower. */
void vlt_memory_room_narrow(uint64_t limit_bytes, uint64_t own_bytes, vlt_memory_room *out);

/* Is the narrowest of all limits below VLT_MEMORY_SCARCE_BYTES, or is there one of the process's
 * own? */
bool vlt_memory_is_scarce(uint64_t limit_bytes);

/* Resident memory of this process that is its own: no pages of files. 0: unknown. */
uint64_t vlt_memory_own_bytes(const char *root);

/* The same by a walk of all pages. The kernel counts in batches for each CPU and adds them up now
 * and then: the other may be off by half a megabyte and more. */
uint64_t vlt_memory_own_bytes_exactly(const char *root);

/* And what page tables and the small blocks around a large one take besides. */
uint64_t vlt_memory_with_margin(uint64_t bytes);

/* As vlt_memory_admit, with room that has been read. */
vlt_status vlt_memory_room_judge(const vlt_memory_room *room, uint64_t bytes, uint64_t promised,
                                 const char *what, vlt_error *err);

/* May `bytes` more be taken, beside `promised` that others were let have and have not touched yet?
 * LIMIT names what for, how much, and the limit in numbers. Small amounts are not asked about. */
vlt_status vlt_memory_admit(const char *root, uint64_t bytes, uint64_t promised, const char *what,
                            vlt_error *err);

#endif

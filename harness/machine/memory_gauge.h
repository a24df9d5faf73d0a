/* memory_gauge.h: memory_room.h for the threads of a process that ask often, with what each of them
 * was let have.
 *
 *     granted -> its pages are filled and count as resident, or it is given back -> settled
 *
 * What is granted counts in full until it is settled, beside what is resident, so nothing is let
 * have twice. Who is refused for others' grants alone waits until they settle, a third of a second
 * at most; never for those of threads that wait themselves. The limits are read again only after
 * 100 ms, or when what was let have since the last reading nears what was left then.
 *
 * Within a limit of the process's own, what can never fit is told by numbers that are the same in
 * every run: what the asker holds and wants, beside what the process had at rest. All beyond that,
 * what others hold among it, decides when something is let have, not whether: where one asker is
 * alone, what has become resident since the rest may be as much as the margin. Any thread.
 */
#ifndef VLT_HARNESS_MEMORY_GAUGE_H
#define VLT_HARNESS_MEMORY_GAUGE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "harness/machine/memory_room.h"

/* {0} is ready. */
typedef struct vlt_memory_gauge {
    uint64_t limit_bytes;                 /* of the process, set before it is used; 0: none */
    uint64_t rest_bytes;                  /* see vlt_memory_gauge_rest; 0: unknown */
    atomic_uint_least64_t promised_bytes; /* kept by the owner, beside grants */
    atomic_uint_least64_t mapped_bytes;   /* of them: what ulimit -v and -d have counted already */
    atomic_bool alone;                    /* set by the owner: all but one asker hold nothing */
    atomic_uint_least64_t kept_bytes;     /* likewise: what askers in advance leave to others */

    uint64_t granted_bytes;   /* the rest is the gauge's */
    uint64_t waiting_bytes;   /* of them: of those who wait */
    uint64_t spare_bytes;     /* to be let have without another reading */
    int64_t read_ms;          /* when; 0: never */
    uint64_t recent_bytes[2]; /* without a grant: since recent_ms, and in the 100 ms before */
    int64_t recent_ms;
    uint64_t releases;
} vlt_memory_gauge;

/* What one asker was let have and has not settled, {0} at first. It belongs to one thread at a
 * time, and to one gauge. */
typedef struct vlt_memory_grant {
    uint64_t bytes;
    bool in_advance; /* set by the asker: others go first, as long as he is not alone */
} vlt_memory_grant;

/* May `bytes` more be taken, beside what the grant holds? Then it holds them, too. LIMIT names what
 * for, how much, and the limit in numbers. Less than VLT_MEMORY_SMALL_BYTES is never refused,
 * within a limit of the process's own less than a sixteenth of that. */
vlt_status vlt_memory_gauge_grant(vlt_memory_gauge *gauge, vlt_memory_grant *grant, uint64_t bytes,
                                  const char *what, vlt_error *err);

/* Its pages are filled, or it was given back: it holds nothing. */
void vlt_memory_gauge_settle(vlt_memory_gauge *gauge, vlt_memory_grant *grant);

/* As a grant that nobody settles: it counts for 100 to 200 ms. */
vlt_status vlt_memory_gauge_admit(vlt_memory_gauge *gauge, uint64_t bytes, const char *what,
                                  vlt_error *err);

/* The process is at rest: what it has resident now is there whoever asks, and one or two MiB that
 * come once, so that it is whole ones. Nothing is done without a limit. Before several threads use
 * it. */
void vlt_memory_gauge_rest(vlt_memory_gauge *gauge);

/* Do `bytes` fit beside what is there at rest? LIMIT, with the numbers: never. */
vlt_status vlt_memory_gauge_fits(const vlt_memory_gauge *gauge, uint64_t bytes, const char *what,
                                 vlt_error *err);

/* Memory has been given back that was not granted, or no longer. */
void vlt_memory_gauge_released(vlt_memory_gauge *gauge);

/* How often so far; and waits until it was more than `seen` times, `most_ms` at most. */
uint64_t vlt_memory_gauge_releases(vlt_memory_gauge *gauge);
void vlt_memory_gauge_wait(vlt_memory_gauge *gauge, uint64_t seen, int most_ms);

#endif

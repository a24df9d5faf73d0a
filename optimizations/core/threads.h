/* threads.h: the persistent worker pool of a context.
 *
 * Work is a range cut into chunks that idle threads claim one by one, so that a busy neighbour
 * costs its share and no more: a worker that shares its CPU yields between chunks, before the
 * scheduler takes the CPU in the middle of one, and workers that come late are kept off the
 * caller's CPU (their affinity, unless they are pinned). The calling thread works too. Waiting
 * spins briefly, then sleeps.
 * One vlt_threads_for runs at a time per pool; a nested or concurrent call runs serially in the
 * caller instead of blocking. No allocation after create.
 */
#ifndef VLT_CORE_THREADS_H
#define VLT_CORE_THREADS_H

#include <stdint.h>

#include "optimizations/core/status.h"

typedef struct vlt_threads vlt_threads;

typedef struct vlt_threads_options {
    int count;               /* threads that work, the caller included; 1 starts none; 1..1024 */
    int spin_us;             /* how long a waiting worker spins before it sleeps; default 20 */
    const uint64_t *cpu_set; /* bit mask, worker i is pinned to the i-th set bit; NULL: unpinned */
    int cpu_set_words;
} vlt_threads_options;

/* Called with [begin, end) and the worker's index in [0, count). */
typedef void vlt_threads_body(void *argument, int64_t begin, int64_t end, int worker);

vlt_status vlt_threads_create(const vlt_threads_options *options, vlt_threads **out,
                              vlt_error *err);
void vlt_threads_destroy(vlt_threads *threads); /* NULL is fine */

/* Number of threads that work; 1 for NULL. */
int vlt_threads_count(const vlt_threads *threads);

/* Runs body over [0, items) in chunks of `chunk` (>= 1) on at most `limit` threads (0: all).
 * Returns when all of it is done. threads may be NULL: then the caller does everything. */
void vlt_threads_for(vlt_threads *threads, int64_t items, int64_t chunk, int limit,
                     vlt_threads_body *body, void *argument);

#endif

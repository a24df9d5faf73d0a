/* threads.h: the persistent worker pool of a context.
 *
 * Work is a range cut into chunks that idle threads claim one by one, so that a busy neighbour
 * costs its share and no more: a worker that shares its CPU yields between chunks, before the
 * scheduler takes the CPU in the middle of one, and workers that come late are kept off the
 * caller's CPU (their affinity, unless they are pinned). The calling thread works too. Waiting
 * spins briefly, then sleeps.
 * The caller of a pinned pool is one of its threads: while its job runs it stays on the first CPU
 * of the set, then it may go again where it might before. Who calls often takes that place once for
 * many jobs (vlt_seat).
 * One vlt_threads_for runs at a time per pool; a nested or concurrent call runs serially in the
 * caller instead of blocking. No allocation after create.
 */
#ifndef VLT_CORE_THREADS_H
#define VLT_CORE_THREADS_H

#include <pthread.h>
#include <stdint.h>

#include "optimizations/core/status.h"

typedef struct vlt_threads vlt_threads;

typedef struct vlt_threads_options {
    int count;               /* threads that work, the caller included; 1 starts none; 1..1024 */
    int spin_us;             /* how long a waiting worker spins before it sleeps; default 20 */
    const uint64_t *cpu_set; /* bit mask, worker i is pinned to the i-th set bit, the caller being
                                worker 0; NULL: unpinned */
    int cpu_set_words;
} vlt_threads_options;

/* Called with [begin, end) and the worker's index in [0, count). */
typedef void vlt_threads_body(void *argument, int64_t begin, int64_t end, int worker);

vlt_status vlt_threads_create(const vlt_threads_options *options, vlt_threads **out,
                              vlt_error *err);
void vlt_threads_destroy(vlt_threads *threads); /* NULL is fine */

/* Number of threads that work; 1 for NULL. */
int vlt_threads_count(const vlt_threads *threads);

/* pthread_create with room for what runs here, however little the system gives threads unasked
 * (ulimit -s): 1 MiB of stack at least. What it refuses, for lack of memory or beyond a limit of
 * processes, is NOMEM with its error (errno's) as text. */
int vlt_thread_start(pthread_t *out, void *(*body)(void *argument), void *argument);

/* pthread_cond_timedwait until vlt_now_ns() is at_ns, whatever clock the condition has. */
void vlt_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t at_ns);

/* The place of the calling thread in a pinned pool: it stays there from _take to _leave, whatever
 * jobs it has run meanwhile, and goes back to the CPUs that it had. Nothing happens where another
 * thread has that place, inside another seat, and with an unpinned pool or NULL. Taken and left by
 * one thread, before the pool is destroyed; threads that it starts meanwhile are kept there, too.
 */
enum { VLT_SEAT_WORDS = 16 };

typedef struct vlt_seat {
    vlt_threads *threads;            /* NULL: it was not taken */
    uint64_t before[VLT_SEAT_WORDS]; /* CPUs that the thread may use otherwise */
} vlt_seat;

void vlt_seat_take(vlt_threads *threads, vlt_seat *seat);
void vlt_seat_leave(vlt_seat *seat);

/* Runs body over [0, items) in chunks of `chunk` (>= 1) on at most `limit` threads (0: all).
 * Returns when all of it is done. threads may be NULL: then the caller does everything. */
void vlt_threads_for(vlt_threads *threads, int64_t items, int64_t chunk, int limit,
                     vlt_threads_body *body, void *argument);

#endif

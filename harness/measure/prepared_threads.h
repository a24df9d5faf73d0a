/* prepared_threads.h: one pool of threads for all that one process prepares.
 *
 * A pool has a state of its own that outlives a call: on which CPU each worker lies, who its
 * neighbour there is, which CPU it was sent away from (core/threads.c). Two sides with a pool each
 * would be compared with their workers' luck, which beside other work is most of the difference;
 * sides of one build that want as many threads therefore use the same ones.
 */
#ifndef VLT_HARNESS_PREPARED_THREADS_H
#define VLT_HARNESS_PREPARED_THREADS_H

#include "optimizations/core/threads.h"

/* *out of `count` threads, NULL for one; to be given back. Any thread. */
vlt_status vlt_prepared_threads_take(int count, vlt_threads **out, vlt_error *err);

/* The last one ends the threads. NULL is fine. */
void vlt_prepared_threads_give(vlt_threads *threads);

#endif

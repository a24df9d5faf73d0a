/* thread_clocks.h: CPU time of all threads of this process, and how long they waited for a CPU.
 *
 * The kernel keeps both for each thread: CPU time behind a clock of its own (the process's clock
 * counts other running threads only up to their last tick), and the time in which it was ready to
 * run but another task had the CPU (proc_pid_schedstat, CONFIG_SCHED_INFO).
 */
#ifndef VLT_HARNESS_THREAD_CLOCKS_H
#define VLT_HARNESS_THREAD_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A reading costs some 0.2 us a thread: beyond that many none is taken. */
enum { VLT_THREAD_CLOCKS_MAX = 32 };

typedef struct vlt_thread_clocks {
    int count; /* threads; 0: more than MAX, or the system does not say */
    clockid_t clock[VLT_THREAD_CLOCKS_MAX];
    int wait[VLT_THREAD_CLOCKS_MAX]; /* open files */
} vlt_thread_clocks;

/* The threads that this process has now. Ones that end later no longer count. */
void vlt_thread_clocks_open(vlt_thread_clocks *clocks);
void vlt_thread_clocks_close(vlt_thread_clocks *clocks); /* fine on {0} */

/* CPU time since each began, summed; 0 without threads. */
uint64_t vlt_thread_clocks_cpu_ns(const vlt_thread_clocks *clocks);

/* Time spent waiting for a CPU, likewise; what a thread that waits now has waited comes later. */
uint64_t vlt_thread_clocks_waited_ns(const vlt_thread_clocks *clocks);

#endif

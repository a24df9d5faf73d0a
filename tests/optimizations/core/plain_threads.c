/* The thread pool under ThreadSanitizer: every item exactly once, nested and concurrent calls,
 * workers that step aside. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "optimizations/core/threads.h"

enum { ITEMS = 1000, ROUNDS = 200 };

static vlt_threads *pool;

struct job {
    _Atomic int seen[ITEMS];
};

static void inner(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    atomic_fetch_add((_Atomic int64_t *)argument, end - begin);
}

static void body(void *argument, int64_t begin, int64_t end, int worker)
{
    struct job *job = argument;
    _Atomic int64_t nested = 0;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        atomic_fetch_add(&job->seen[i], 1);
    }
    vlt_threads_for(pool, 10, 1, 0, inner, &nested);
    if (nested != 10) {
        atomic_fetch_add(&job->seen[0], 100);
    }
}

static int check(int round)
{
    static _Thread_local struct job job;
    memset(&job, 0, sizeof job);
    vlt_threads_for(pool, ITEMS, 1 + round % 97, round % 4, body, &job);
    for (int i = 0; i < ITEMS; i++) {
        if (job.seen[i] != 1) {
            fprintf(stderr, "round %d: item %d seen %d times\n", round, i, job.seen[i]);
            return 1;
        }
    }
    return 0;
}

static void *caller(void *failed)
{
    for (int round = 0; round < ROUNDS; round++) {
        atomic_fetch_add((atomic_int *)failed, check(round));
    }
    return NULL;
}

/* Instead of the library's: counted. */
static atomic_int yields;

int sched_yield(void)
{
    atomic_fetch_add(&yields, 1);
    return (int)syscall(SYS_sched_yield);
}

enum { PIECES = 60 };

static atomic_int done[PIECES], done_count;

/* The caller holds its first piece until the worker has done all others, of which the first takes
 * as long as if a neighbour had taken the CPU. */
static void held(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)argument;
    for (int64_t i = begin; i < end; i++) {
        struct timespec pause = {.tv_nsec = atomic_load(&done_count) ? 300000 : 3000000};
        if (worker != 0) {
            nanosleep(&pause, NULL);
        }
        while (worker == 0 && atomic_load(&done_count) < PIECES - 1) {
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        }
        atomic_fetch_add(&done[i], 1);
        atomic_fetch_add(&done_count, 1);
    }
}

static int check_stepping_aside(void)
{
    vlt_threads_options options = {.count = 2, .spin_us = 5};
    if (vlt_threads_create(&options, &pool, NULL) != VLT_OK) {
        return 1;
    }
    atomic_store(&yields, 0);
    vlt_threads_for(pool, PIECES, 1, 0, held, NULL);
    vlt_threads_destroy(pool);
    for (int i = 0; i < PIECES; i++) {
        if (atomic_load(&done[i]) != 1) {
            fprintf(stderr, "piece %d done %d times\n", i, atomic_load(&done[i]));
            return 1;
        }
    }
    if (atomic_load(&yields) < 2) { /* each time the worker came back, or we were not here */
        fprintf(stderr, "a worker that was interrupted stepped aside %d times\n",
                atomic_load(&yields));
        return 1;
    }
    return 0;
}

/* The CPUs of this thread, -1 where they are many: the one. */
static int own_cpu(void)
{
    cpu_set_t set;
    int cpu = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) != 1) {
        return -1;
    }
    while (!CPU_ISSET(cpu, &set)) {
        cpu++;
    }
    return cpu;
}

static atomic_int wrong_place, pinned_to[2];

static void look_where(void *argument, int64_t begin, int64_t end, int worker)
{
    (void)argument, (void)begin, (void)end;
    if (own_cpu() != pinned_to[worker]) {
        atomic_fetch_add(&wrong_place, 1);
    }
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL); /* so that both come to it */
}

/* Another thread's jobs while the first CPU is taken: it stays where it is. */
static void *visit(void *argument)
{
    vlt_seat seat;
    sched_setaffinity(0, sizeof(cpu_set_t), argument); /* not where its maker sits */
    vlt_seat_take(pool, &seat);
    const bool moved = own_cpu() >= 0;
    vlt_seat_leave(&seat);
    return moved ? &wrong_place : NULL;
}

/* The caller of a pinned pool has the first CPU of its set while it works and no longer. */
static int check_places(void)
{
    cpu_set_t usable;
    uint64_t set[16] = {0};
    int found = 0;
    if (sched_getaffinity(0, sizeof usable, &usable) != 0 || CPU_COUNT(&usable) < 2) {
        return 0; /* there are no places */
    }
    for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++) {
        if (CPU_ISSET(cpu, &usable)) {
            set[cpu / 64] |= UINT64_C(1) << cpu % 64;
            pinned_to[found++] = cpu;
        }
    }
    const vlt_threads_options options = {
        .count = 2, .spin_us = 5, .cpu_set = set, .cpu_set_words = 16};
    if (vlt_threads_create(&options, &pool, NULL) != VLT_OK) {
        return 1;
    }
    vlt_seat outer, inner;
    pthread_t other;
    void *moved = NULL;
    vlt_threads_for(pool, 20, 1, 0, look_where, NULL);
    int failed = own_cpu() >= 0;
    vlt_seat_take(pool, &outer);
    vlt_seat_take(pool, &inner);
    vlt_threads_for(pool, 20, 1, 0, look_where, NULL);
    pthread_create(&other, NULL, visit, &usable);
    pthread_join(other, &moved);
    int failed_other = moved != NULL;
    vlt_seat_leave(&inner);
    failed += own_cpu() != pinned_to[0];
    vlt_seat_leave(&outer);
    vlt_seat_leave(&outer);
    failed += own_cpu() >= 0;
    vlt_seat_take(NULL, &outer);
    vlt_seat_leave(&outer);
    vlt_threads_destroy(pool);
    failed += failed_other;
    if (failed || wrong_place) {
        fprintf(stderr, "%d times elsewhere than pinned, %d times left there\n", wrong_place,
                failed);
    }
    return failed || wrong_place;
}

int main(void)
{
    atomic_int failed = 0;
    vlt_threads_options options = {.count = 3, .spin_us = 5};
    if (vlt_threads_create(&options, &pool, NULL) != VLT_OK) {
        return 1;
    }
    pthread_t other;
    pthread_create(&other, NULL, caller, &failed);
    caller(&failed);
    pthread_join(other, NULL);
    vlt_threads_destroy(pool);
    return failed != 0 || check_stepping_aside() || check_places();
}

#include "optimizations/core/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "optimizations/core/clock.h"
#include "optimizations/core/turn.h"

/* A job is published by bumping `generation`; workers that find a ticket at the gate claim chunks
 * from `next` until it passes `items`, and the last one out wakes the caller:
 *
 *   caller:  fill job -> open the gate -> generation++ -> work -> close the gate -> wait until
 *            nobody is inside
 *   worker:  wait for generation -> enter the gate? -> work -> leave
 *
 * The gate is one word, so that a worker which wakes up late, because a neighbour has its CPU,
 * finds it closed and the caller need not wait for it. For the same reason a worker beside a busy
 * neighbour leaves in time, between two chunks, gives its ticket back, yields and comes again
 * (turn.h).
 *
 * Where all of the CPUs are busy a thread is woken where it slept or where its waker runs, and
 * threads of one pool that end up on one CPU stay there: each of them sleeps while the other works,
 * so that the CPU looks like that of one. A worker that has not come to a job of some length is
 * therefore not allowed on the caller's CPU any more.
 */
struct vlt_threads {
    int count;
    int64_t spin_ns;
    pthread_t *handles;
    struct worker *workers;
    int started;

    pthread_mutex_t busy; /* held by the caller whose job runs */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t finished;
    _Atomic uint64_t generation;
    atomic_bool stop;

    vlt_threads_body *body;
    void *argument;
    int64_t items;
    int64_t chunk;
    _Atomic int64_t next;
    /* OPEN, until no more chunks are to be claimed, + TICKET * workers still allowed to join +
     * workers inside */
    _Atomic uint32_t gate;
    bool pinned;             /* CPUs are the caller's business */
    int first_cpu;           /* of a pinned pool: the caller's; -1: none */
    atomic_bool first_taken; /* by a caller */
};

static _Thread_local bool seated; /* it has a place in a pool already; workers always have */

_Static_assert(sizeof(cpu_set_t) == sizeof(((vlt_seat *)0)->before), "a seat keeps a set of CPUs");

#define OPEN (UINT32_C(1) << 31)
enum { TICKET = 1 << 15, INSIDE_MASK = TICKET - 1, TICKETS_MASK = INSIDE_MASK * TICKET };
enum { LATE_NS = 100000 /* waking up takes less, unless the CPU is taken */ };

struct worker {
    vlt_threads *threads;
    int index;
    vlt_turn turn;
    int banned_cpu;           /* the caller's; -1: none */
    _Atomic uint64_t arrived; /* generation of the last job that it came to */
};

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static bool work_chunk(vlt_threads *threads, int worker)
{
    int64_t begin = atomic_fetch_add(&threads->next, threads->chunk);
    if (begin >= threads->items) {
        return false;
    }
    int64_t end = threads->items - begin < threads->chunk ? threads->items : begin + threads->chunk;
    threads->body(threads->argument, begin, end, worker);
    return true;
}

/* Spins for spin_ns, then sleeps, until the generation leaves `seen` or the pool stops. */
static uint64_t wait_for_job(vlt_threads *threads, uint64_t seen)
{
    int64_t deadline = vlt_now_ns() + threads->spin_ns;
    for (int i = 0;; i++) {
        uint64_t generation = atomic_load(&threads->generation);
        if (generation != seen) {
            return generation;
        }
        if (i % 64 == 63 && vlt_now_ns() > deadline) {
            break;
        }
        pause_cpu();
    }
    pthread_mutex_lock(&threads->lock);
    while (atomic_load(&threads->generation) == seen) {
        pthread_cond_wait(&threads->wake, &threads->lock);
    }
    pthread_mutex_unlock(&threads->lock);
    return atomic_load(&threads->generation);
}

static bool enter(vlt_threads *threads)
{
    uint32_t gate = atomic_load(&threads->gate);
    while (gate & TICKETS_MASK) {
        if (atomic_compare_exchange_weak(&threads->gate, &gate, gate - TICKET + 1)) {
            return true;
        }
    }
    return false;
}

/* The ticket can be used again while the gate is open; of a closed one the last wakes the caller.
 */
static void leave(vlt_threads *threads)
{
    uint32_t gate = atomic_load(&threads->gate);
    while (!atomic_compare_exchange_weak(&threads->gate, &gate,
                                         gate & OPEN ? gate + TICKET - 1 : gate - 1)) {
    }
    if (gate == 1) {
        pthread_mutex_lock(&threads->lock);
        pthread_cond_signal(&threads->finished);
        pthread_mutex_unlock(&threads->lock);
    }
}

/* Until all chunks are claimed. */
static void take_part(vlt_threads *threads, struct worker *worker)
{
    bool is_over = false;
    vlt_turn_begin(&worker->turn, vlt_now_ns());
    while (enter(threads)) {
        atomic_store(&worker->arrived, atomic_load(&threads->generation));
        do {
            is_over = vlt_turn_is_over(&worker->turn, vlt_now_ns());
        } while (!is_over && work_chunk(threads, worker->index));
        leave(threads);
        if (!is_over) {
            return;
        }
        sched_yield();
        vlt_turn_resume(&worker->turn, vlt_now_ns());
    }
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    vlt_threads *threads = worker->threads;
    uint64_t seen = 0;
    seated = true;
    for (;;) {
        seen = wait_for_job(threads, seen);
        if (atomic_load(&threads->stop)) {
            return NULL;
        }
        take_part(threads, worker);
    }
}

static void publish(vlt_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    atomic_fetch_add(&threads->generation, 1);
    pthread_cond_broadcast(&threads->wake);
    pthread_mutex_unlock(&threads->lock);
}

/* Keeps workers that have not come away from this CPU. They may be waiting for it. */
static void send_away_late(vlt_threads *threads)
{
    cpu_set_t set;
    int cpu = sched_getcpu();
    if (threads->pinned || cpu < 0 || cpu >= CPU_SETSIZE ||
        sched_getaffinity(0, sizeof set, &set) != 0) {
        return;
    }
    CPU_CLR(cpu, &set);
    uint64_t generation = atomic_load(&threads->generation);
    for (int i = 1; i < threads->count && CPU_COUNT(&set) > 0; i++) {
        struct worker *worker = &threads->workers[i];
        if (worker->banned_cpu != cpu && atomic_load(&worker->arrived) != generation) {
            pthread_setaffinity_np(threads->handles[i], sizeof set, &set); /* a wish */
            worker->banned_cpu = cpu;
        }
    }
}

static void close_gate_and_wait(vlt_threads *threads, int64_t opened_ns)
{
    uint32_t gate = atomic_fetch_and(&threads->gate, INSIDE_MASK);
    int64_t now_ns = vlt_now_ns(), deadline = now_ns + threads->spin_ns;
    if ((gate & TICKETS_MASK) && now_ns - opened_ns > LATE_NS) {
        send_away_late(threads);
    }
    for (int i = 0; atomic_load(&threads->gate) > 0; i++) {
        if (i % 64 == 63 && vlt_now_ns() > deadline) {
            pthread_mutex_lock(&threads->lock);
            while (atomic_load(&threads->gate) > 0) {
                pthread_cond_wait(&threads->finished, &threads->lock);
            }
            pthread_mutex_unlock(&threads->lock);
            return;
        }
        pause_cpu();
    }
}

void vlt_seat_take(vlt_threads *threads, vlt_seat *seat)
{
    cpu_set_t set;
    seat->threads = NULL;
    if (!threads || threads->first_cpu < 0 || seated ||
        atomic_exchange(&threads->first_taken, true)) {
        return;
    }
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        memcpy(seat->before, &set, sizeof set);
        CPU_ZERO(&set);
        CPU_SET(threads->first_cpu, &set);
        seated = sched_setaffinity(0, sizeof set, &set) == 0; /* else only speed is lost */
    }
    seat->threads = seated ? threads : NULL;
    atomic_store(&threads->first_taken, seated);
}

void vlt_seat_leave(vlt_seat *seat)
{
    cpu_set_t set;
    if (seat->threads) {
        memcpy(&set, seat->before, sizeof set);
        sched_setaffinity(0, sizeof set, &set);
        seated = false;
        atomic_store(&seat->threads->first_taken, false);
        seat->threads = NULL;
    }
}

void vlt_threads_for(vlt_threads *threads, int64_t items, int64_t chunk, int limit,
                     vlt_threads_body *body, void *argument)
{
    vlt_seat seat;
    if (items <= 0) {
        return;
    }
    chunk = chunk < 1 ? 1 : chunk;
    int count = vlt_threads_count(threads);
    count = limit > 0 && limit < count ? limit : count;
    if (count == 1 || items <= chunk || pthread_mutex_trylock(&threads->busy) != 0) {
        body(argument, 0, items, 0);
        return;
    }
    vlt_seat_take(threads, &seat);
    threads->body = body;
    threads->argument = argument;
    threads->items = items;
    threads->chunk = chunk;
    atomic_store(&threads->next, 0);
    atomic_store(&threads->gate, OPEN + (uint32_t)(count - 1) * TICKET);
    int64_t opened_ns = vlt_now_ns();
    publish(threads);
    while (work_chunk(threads, 0)) {
    }
    close_gate_and_wait(threads, opened_ns);
    vlt_seat_leave(&seat);
    pthread_mutex_unlock(&threads->busy);
}

int vlt_threads_count(const vlt_threads *threads)
{
    return threads ? threads->count : 1;
}

int vlt_thread_start(pthread_t *out, void *(*body)(void *argument), void *argument)
{
    enum { STACK_BYTES = 1 << 20 };
    pthread_attr_t attributes;
    size_t bytes = 0;
    pthread_attr_init(&attributes); /* with the default size, whatever that is */
    pthread_attr_getstacksize(&attributes, &bytes);
    if (bytes < STACK_BYTES) {
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
    }
    const int error = pthread_create(out, &attributes, body, argument);
    pthread_attr_destroy(&attributes);
    return error;
}

void vlt_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t at_ns)
{
    const struct timespec until = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &until);
}

/* -1: the set has no so many. */
static int cpu_of(const vlt_threads_options *options, int index)
{
    int seen = 0;
    for (int cpu = 0; cpu < options->cpu_set_words * 64 && cpu < CPU_SETSIZE; cpu++) {
        if ((options->cpu_set[cpu / 64] >> (cpu % 64) & 1u) && seen++ == index) {
            return cpu;
        }
    }
    return -1;
}

static void pin_to(pthread_t handle, int cpu)
{
    cpu_set_t set;
    if (cpu >= 0) {
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        pthread_setaffinity_np(handle, sizeof set, &set); /* a wish: failing costs only speed */
    }
}

vlt_status vlt_threads_create(const vlt_threads_options *options, vlt_threads **out, vlt_error *err)
{
    *out = NULL;
    if (options->count < 1 || options->count > 1024) {
        return vlt_fail(err, VLT_STATUS_USAGE, "threads: %d, expected 1 to 1024", options->count);
    }
    vlt_threads *threads = calloc(1, sizeof *threads);
    if (!threads) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "thread pool: out of memory");
    }
    threads->count = options->count;
    threads->pinned = options->cpu_set != NULL;
    threads->first_cpu = options->cpu_set ? cpu_of(options, 0) : -1;
    threads->spin_ns = (int64_t)options->spin_us * 1000;
    pthread_mutex_init(&threads->busy, NULL);
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->wake, NULL);
    pthread_cond_init(&threads->finished, NULL);
    threads->handles = calloc((size_t)options->count, sizeof *threads->handles);
    threads->workers = calloc((size_t)options->count, sizeof *threads->workers);
    vlt_status status = VLT_OK;
    if (!threads->handles || !threads->workers) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "thread pool: out of memory");
        goto done;
    }
    for (int i = 1; i < options->count; i++) {
        threads->workers[i] = (struct worker){.threads = threads, .index = i, .banned_cpu = -1};
        const int refused = vlt_thread_start(&threads->handles[i], worker_main,
                                             &threads->workers[i]);
        if (refused) {
            status = vlt_fail(err, VLT_STATUS_NOMEM, "thread pool: thread %d of %d not started: %s",
                              i + 1, options->count, strerror(refused));
            goto done;
        }
        threads->started++;
        if (options->cpu_set) {
            pin_to(threads->handles[i], cpu_of(options, i));
        }
    }
    *out = threads;
    threads = NULL;
done:
    vlt_threads_destroy(threads);
    return status;
}

void vlt_threads_destroy(vlt_threads *threads)
{
    if (!threads) {
        return;
    }
    atomic_store(&threads->stop, true);
    publish(threads);
    for (int i = 1; i <= threads->started; i++) {
        pthread_join(threads->handles[i], NULL);
    }
    pthread_cond_destroy(&threads->finished);
    pthread_cond_destroy(&threads->wake);
    pthread_mutex_destroy(&threads->lock);
    pthread_mutex_destroy(&threads->busy);
    free(threads->workers);
    free(threads->handles);
    free(threads);
}

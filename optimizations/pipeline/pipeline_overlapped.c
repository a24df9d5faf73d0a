/* Bottleneck: while one item is in a stage that leaves cores idle, the other stages do nothing.
 * Idea: neighbouring stages form groups, each with its own thread, over a ring of `depth` slots.
 * Loses: when every stage already fills all cores, or the items are shorter than a thread's
 * wake-up.
 *
 *   group 0          group 1             last group (the caller's thread)
 *   done = k + 2 --> done = k + 1 -----> done = k, reports failures in order
 *        ^                                     |
 *        +---- a slot is free again -----------+
 *
 * The only shared state is one counter of finished items per group. A group may begin item k when
 * the group before it has finished k; group 0 when the last group has finished k - depth. `total`
 * falls from the number of items to k when the input ends, a stop is asked for or a failure ends
 * the run, and is what everybody checks for the end.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/clock.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/threads.h"
#include "optimizations/pipeline/pipeline_internal.h"

enum { KNOB_DEPTH, KNOB_THREADS, KNOB_SPIN, KNOB_PARALLEL };

struct group {
    VLT_ALIGNED(64) _Atomic int64_t done;
    struct state *state;
    int first, end; /* stages [first, end) */
    pthread_t thread;
};

struct state {
    vlt_pipeline_common common;
    int64_t spin_ns;
    int group_count;
    int started; /* threads: groups [0, started) */
    bool sync_ready;

    pthread_mutex_t lock;
    pthread_cond_t moved; /* some counter below changed */
    atomic_int sleepers;
    _Atomic int64_t total;
    uint64_t generation; /* of runs; under lock */
    bool quit;           /* under lock */
    atomic_int running;  /* worker groups still in this run */

    const vlt_pipeline_args *args;
    bool stopped; /* by args->stop; written by group 0, read after the run */
    struct slot {
        vlt_status status;
        vlt_error err;
    } slot[VLT_PIPELINE_SLOT_MAX];
    struct group group[VLT_PIPELINE_STAGE_MAX];
};

/* Wakes those who sleep. The counter was stored before, and a sleeper announces itself before it
 * looks at the counter again, so one of the two sees the other. */
static void wake(struct state *state)
{
    if (atomic_load(&state->sleepers) > 0) {
        pthread_mutex_lock(&state->lock);
        pthread_cond_broadcast(&state->moved);
        pthread_mutex_unlock(&state->lock);
    }
}

/* The first group and the last one may both end the run; the earlier end holds. */
static void end_at(struct state *state, int64_t item)
{
    int64_t total = atomic_load(&state->total);
    while (item < total && !atomic_compare_exchange_weak(&state->total, &total, item)) {
    }
    wake(state);
}

static bool may_begin(struct state *state, int index, int64_t item)
{
    if (index > 0) {
        return atomic_load(&state->group[index - 1].done) > item;
    }
    return item - atomic_load(&state->group[state->group_count - 1].done) < state->common.slots;
}

/* True when the group may begin the item, false when the run ends before it. */
static bool wait_turn(struct state *state, int index, int64_t item)
{
    const vlt_pipeline_args *args = state->args;
    int64_t deadline = 0;
    while (index == state->group_count - 1 && args->idle && item < atomic_load(&state->total) &&
           !may_begin(state, index, item) && args->idle(args->user)) {
    }
    for (int i = 0; state->spin_ns; i++) {
        if (item >= atomic_load(&state->total) || may_begin(state, index, item)) {
            return item < atomic_load(&state->total);
        }
        if (i % 64 == 0) {
            int64_t now = vlt_now_ns();
            deadline = deadline ? deadline : now + state->spin_ns;
            if (now >= deadline) {
                break;
            }
        }
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    pthread_mutex_lock(&state->lock);
    atomic_fetch_add(&state->sleepers, 1);
    while (item < atomic_load(&state->total) && !may_begin(state, index, item)) {
        pthread_cond_wait(&state->moved, &state->lock);
    }
    atomic_fetch_sub(&state->sleepers, 1);
    pthread_mutex_unlock(&state->lock);
    return item < atomic_load(&state->total);
}

/* False when the run ends before this item. */
static bool begin_item(struct state *state, int64_t item, struct slot *slot)
{
    const vlt_pipeline_args *args = state->args;
    if (args->stop && args->stop(args->user)) {
        state->stopped = true;
        end_at(state, item);
        return false;
    }
    slot->status = VLT_OK;
    slot->err = (vlt_error){0};
    return true;
}

/* In order, in the caller's thread. False when the failure ends the run. */
static bool retire_item(struct state *state, int64_t item, const struct slot *slot)
{
    const vlt_pipeline_args *args = state->args;
    if (slot->status == VLT_OK) {
        return true;
    }
    if (args->failed) {
        args->failed(args->user, item, &slot->err);
        return true;
    }
    return false;
}

/* The item at which a failure ended the run, or -1. */
static int64_t work(struct state *state, int index)
{
    struct group *group = &state->group[index];
    for (int64_t item = 0; wait_turn(state, index, item); item++) {
        int number = (int)(item % state->common.slots);
        struct slot *slot = &state->slot[number];
        if (index == 0 && !begin_item(state, item, slot)) {
            break;
        }
        if (slot->status == VLT_OK) {
            slot->status = vlt_pipeline_call(state->args, group->first, group->end, item, number,
                                             &slot->err);
        }
        if (index == 0 && slot->status == VLT_STATUS_STOPPED) {
            end_at(state, item);
            break;
        }
        if (index == state->group_count - 1 && !retire_item(state, item, slot)) {
            return item;
        }
        atomic_store(&group->done, item + 1);
        wake(state);
    }
    return -1;
}

static void *group_main(void *argument)
{
    struct group *group = argument;
    struct state *state = group->state;
    uint64_t seen = 0;
    for (;;) {
        pthread_mutex_lock(&state->lock);
        while (state->generation == seen && !state->quit) {
            pthread_cond_wait(&state->moved, &state->lock);
        }
        seen = state->generation;
        bool quit = state->quit;
        pthread_mutex_unlock(&state->lock);
        if (quit) {
            return NULL;
        }
        work(state, (int)(group - state->group));
        pthread_mutex_lock(&state->lock);
        atomic_fetch_sub(&state->running, 1);
        pthread_cond_broadcast(&state->moved);
        pthread_mutex_unlock(&state->lock);
    }
}

static void wait_for_groups(struct state *state)
{
    pthread_mutex_lock(&state->lock);
    while (atomic_load(&state->running) > 0) {
        pthread_cond_wait(&state->moved, &state->lock);
    }
    pthread_mutex_unlock(&state->lock);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    struct state *state = plan->state;
    pthread_mutex_lock(&state->lock);
    state->args = args;
    state->stopped = false;
    atomic_store(&state->total, state->args->items);
    for (int i = 0; i < state->group_count; i++) {
        atomic_store(&state->group[i].done, 0);
    }
    atomic_store(&state->running, state->started);
    state->generation++;
    pthread_cond_broadcast(&state->moved);
    pthread_mutex_unlock(&state->lock);

    int64_t failed = work(state, state->group_count - 1);
    if (failed >= 0) {
        end_at(state, 0); /* whatever is in flight is of no use any more */
    }
    wait_for_groups(state);
    if (failed >= 0) {
        const struct slot *slot = &state->slot[failed % state->common.slots];
        if (err) {
            *err = slot->err;
        }
        return slot->status;
    }
    if (state->stopped) {
        return vlt_fail(err, VLT_STATUS_STOPPED, "stopped before item %lld",
                        (long long)atomic_load(&state->total));
    }
    return VLT_OK;
}

/* Stages in groups as even as possible; the early groups take the odd ones. */
static void divide(struct state *state, int stages, int groups)
{
    int first = 0;
    state->group_count = groups;
    for (int i = 0; i < groups; i++) {
        int length = stages / groups + (i < stages % groups);
        state->group[i].state = state;
        state->group[i].first = first;
        state->group[i].end = first += length;
    }
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    void *block;
    vlt_status status = vlt_alloc(sizeof(struct state), &block, err);
    if (status != VLT_OK) {
        return status;
    }
    struct state *state = plan->state = block;
    int stages = (int)plan->problem.dim[VLT_PIPELINE_DIM_STAGES];
    int threads = (int)vlt_plan_knob(plan, KNOB_THREADS);
    state->common.slots = (int)vlt_plan_knob(plan, KNOB_DEPTH);
    state->spin_ns = vlt_plan_knob(plan, KNOB_SPIN) * 1000;
    state->common.parallel = (int)vlt_plan_knob(plan, KNOB_PARALLEL);
    divide(state, stages, threads < stages ? threads : stages);
    pthread_mutex_init(&state->lock, NULL);
    pthread_cond_init(&state->moved, NULL);
    state->sync_ready = true;
    for (int i = 0; i < state->group_count - 1; i++) {
        const int refused = vlt_thread_start(&state->group[i].thread, group_main, &state->group[i]);
        if (refused) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "pipeline: thread %d of %d not started: %s",
                            i + 1, state->group_count - 1, strerror(refused));
        }
        state->started++;
    }
    return VLT_OK;
}

static void release(vlt_plan *plan)
{
    struct state *state = plan->state;
    if (!state) {
        return;
    }
    if (state->sync_ready) {
        pthread_mutex_lock(&state->lock);
        state->quit = true;
        pthread_cond_broadcast(&state->moved);
        pthread_mutex_unlock(&state->lock);
        for (int i = 0; i < state->started; i++) {
            pthread_join(state->group[i].thread, NULL);
        }
        pthread_cond_destroy(&state->moved);
        pthread_mutex_destroy(&state->lock);
    }
    vlt_free(state);
}

static bool applicable(const vlt_problem *problem, const vlt_caps *caps, char *reason)
{
    (void)caps;
    if (problem->dim[VLT_PIPELINE_DIM_STAGES] < 2) {
        snprintf(reason, VLT_REASON_BYTES, "a single stage has nothing to overlap with");
        return false;
    }
    return true;
}

static bool offers(const vlt_knob *knob, const vlt_caps *caps, char *reason)
{
    if (!strcmp(knob->name, VLT_PIPELINE_HUGE_PAGES)) {
        return vlt_pipeline_has_large_pages(caps, reason);
    }
    const bool of_nodes = !strcmp(knob->name, VLT_PIPELINE_WEIGHTS) ||
                          !strcmp(knob->name, VLT_PIPELINE_FIRST_TOUCH);
    return !of_nodes || vlt_pipeline_has_nodes(caps, reason);
}

static const int64_t depths[] = {2, 3, 4, 8, 16}, threads[] = {2, 3, 4, 8}, spins[] = {0, 20, 200},
                     parallels[] = {1, 2, 4, 8}, prefetches[] = {0, 1, 2, 4, 8},
                     chunks[] = {16 << 10, 64 << 10, 256 << 10, 1 << 20},
                     caches[] = {0, 1 << 20, 8 << 20, 64 << 20}, switches[] = {0, 1},
                     weights[] = {VLT_WEIGHTS_SYSTEM, VLT_WEIGHTS_INTERLEAVE, VLT_WEIGHTS_LOCAL};

static const vlt_knob knobs[] = {
    {"depth", "items in flight", depths, 5, 4, NULL},
    {"threads", "groups of stages, each with a thread, the caller included", threads, 4, 2, NULL},
    {"spin_us", "how long a waiting group spins before it sleeps, us", spins, 3, 20, NULL},
    {VLT_PIPELINE_PARALLEL, "requests of a batch that compute side by side", parallels, 4, 1, NULL},
    {VLT_PIPELINE_PREFETCH, "lines of a batch that are prepared ahead; 0: none", prefetches, 5,
     VLT_PIPELINE_PREFETCH_DEFAULT, NULL},
    {VLT_PIPELINE_PREPROCESS_THREADS, "threads that decode and resize; 0: as many as compute", NULL,
     0, 0, NULL},
    {VLT_PIPELINE_TOKENIZE_THREADS, "threads that encode a long text; 0: as many as compute", NULL,
     0, 0, NULL},
    {VLT_PIPELINE_TOKENIZE_CHUNK, "pieces of a long text, bytes", chunks, 4,
     VLT_PIPELINE_TOKENIZE_CHUNK_DEFAULT, NULL},
    {VLT_PIPELINE_TOKENIZE_CACHE, "ids of texts kept at most, bytes; 0: none", caches, 4,
     VLT_PIPELINE_TOKENIZE_CACHE_DEFAULT, NULL},
    {VLT_PIPELINE_PIN, "threads stay on cores of their own, as hwloc tells; 1: yes", switches, 2, 0,
     NULL},
    {VLT_PIPELINE_WEIGHTS, "NUMA nodes of the weights: as the system puts them, all, the threads'",
     weights, 3, VLT_WEIGHTS_SYSTEM, vlt_weights_where_names},
    {VLT_PIPELINE_HUGE_PAGES, "large pages for large blocks; 0: for none", switches, 2, 1, NULL},
    {VLT_PIPELINE_FIRST_TOUCH, "pinned threads touch each a part of large blocks; 1: yes", switches,
     2, 0, NULL},
};

VLT_VARIANT(pipeline, overlapped, .summary = "stages on threads of their own over a ring of slots",
            .knobs = knobs, .knob_count = sizeof knobs / sizeof *knobs, .applicable = applicable,
            .offers = offers, .prepare = prepare, .run = run, .release = release);

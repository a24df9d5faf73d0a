/* Bottleneck: texts that were just mapped or received are cold: the encoder stalls on page faults
 * and cache misses.
 * Idea: a reader thread walks a queue of the next few texts and touches every cache line, so that
 * they are mapped and in the shared cache when the encoder comes.
 * Loses: texts that are hot already (then it costs a core and a hand-over a text), and caches that
 * are shared by nobody.
 */
#include <pthread.h>
#include <stdlib.h>

#include "optimizations/core/threads.h"
#include "optimizations/tokenize_batch/tokenize_batch_internal.h"

enum { LINE_BYTES = 64 };

struct state {
    vlt_batch_encoders encoders;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool stop;
    bool reading;                        /* the reader is inside a text */
    const vlt_tokenize_batch_args *args; /* NULL: no run */
    int64_t next;                        /* text that the reader takes next */
    int64_t encoding;                    /* text that the encoder is at */
    int64_t depth;
};

static void touch(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += LINE_BYTES) {
        (void)*(const volatile char *)(text + i);
    }
}

static void *read_ahead(void *argument)
{
    struct state *s = argument;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        /* What the encoder has passed is of no use any more. */
        s->next = s->next <= s->encoding ? s->encoding + 1 : s->next;
        if (!s->args || s->next >= s->args->text_count || s->next > s->encoding + s->depth) {
            pthread_cond_wait(&s->moved, &s->lock);
            continue;
        }
        int64_t t = s->next++;
        const char *text = s->args->text[t];
        size_t bytes = s->args->text_bytes[t];
        s->reading = true;
        pthread_mutex_unlock(&s->lock);
        touch(text, bytes);
        pthread_mutex_lock(&s->lock);
        s->reading = false;
        if (!s->args) {
            pthread_cond_broadcast(&s->moved); /* the run waits for us to let go of its texts */
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void move_to(struct state *s, const vlt_tokenize_batch_args *args, int64_t t)
{
    pthread_mutex_lock(&s->lock);
    s->args = args;
    s->encoding = t;
    s->next = t == 0 ? 1 : s->next;
    pthread_cond_broadcast(&s->moved);
    while (!args && s->reading) {
        pthread_cond_wait(&s->moved, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    struct state *s = plan->state = calloc(1, sizeof *s);
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch/prefetch: out of memory");
    }
    s->depth = vlt_plan_knob(plan, 0);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->moved, NULL);
    s->started = vlt_thread_start(&s->thread, read_ahead, s) == 0;
    if (!s->started) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenize_batch/prefetch: cannot start a thread");
    }
    return vlt_batch_encoders_init(&s->encoders, plan, 1,
                                   (size_t)plan->problem.dim[VLT_TOKENIZE_BATCH_DIM_BYTES], err);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    struct state *s = plan->state;
    const vlt_tokenize_batch_args *a = args;
    size_t bytes, used = 0;
    vlt_status status = vlt_batch_check(plan, a, &bytes, err);
    for (int64_t t = 0; t < a->text_count && status == VLT_OK; t++) {
        size_t count = 0;
        move_to(s, a, t);
        a->id_first[t] = used;
        status = vlt_batch_encode(s->encoders.plan[0], a, t, a->ids + used, &count, err);
        used += count;
    }
    move_to(s, NULL, 0);
    if (status == VLT_OK) {
        a->id_first[a->text_count] = used;
    }
    return status;
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        if (s->started) {
            pthread_mutex_lock(&s->lock);
            s->stop = true;
            pthread_cond_broadcast(&s->moved);
            pthread_mutex_unlock(&s->lock);
            pthread_join(s->thread, NULL);
        }
        pthread_cond_destroy(&s->moved);
        pthread_mutex_destroy(&s->lock);
        vlt_batch_encoders_release(&s->encoders);
        free(s);
    }
}

static const int64_t depths[] = {1, 4, 16};
static const vlt_knob knobs[] = {
    {"depth", "texts that the reader is ahead at most", depths, 3, 4, NULL},
};

VLT_VARIANT(tokenize_batch, prefetch, .summary = "a reader thread warms the next texts",
            .knobs = knobs, .knob_count = 1, .prepare = prepare, .run = run, .release = release);

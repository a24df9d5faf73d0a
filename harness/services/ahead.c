#include "harness/services/ahead.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "optimizations/core/threads.h"

struct place {
    void *item;
    bool done; /* as prepared as it gets */
    bool last; /* there is none: the sequence ends before it */
    vlt_status status;
    vlt_error error;
};

struct vlt_ahead {
    vlt_ahead_options options;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct place *place;  /* [options.count], a ring */
    int64_t read, taken;  /* items so far */
    bool reading, closed; /* a thread reads; nothing is read any more */
    pthread_t *thread;
    int threads;
};

static int limit_of(const vlt_ahead *ahead)
{
    const vlt_ahead_options *options = &ahead->options;
    const int limit = options->limit ? options->limit(options->user) : options->count;
    return limit < options->count ? limit : options->count;
}

/* The place to read into, or NULL: closed. Under the lock. */
static struct place *wait_for_place(vlt_ahead *ahead)
{
    while (!ahead->closed && (ahead->reading || ahead->read - ahead->taken >= limit_of(ahead))) {
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    return ahead->closed ? NULL : &ahead->place[ahead->read++ % ahead->options.count];
}

/* Without the lock. */
static bool read_into(const vlt_ahead *ahead, struct place *place)
{
    bool found = false;
    place->status = ahead->options.read(ahead->options.user, place->item, &found, &place->error);
    place->last = place->status != VLT_OK || !found;
    return !place->last;
}

static void *work(void *argument)
{
    vlt_ahead *ahead = argument;
    struct place *place;
    pthread_mutex_lock(&ahead->lock);
    while ((place = wait_for_place(ahead)) != NULL) {
        ahead->reading = true;
        pthread_mutex_unlock(&ahead->lock);
        bool found = read_into(ahead, place);
        pthread_mutex_lock(&ahead->lock);
        ahead->reading = false;
        ahead->closed |= !found;
        pthread_cond_broadcast(&ahead->changed);
        if (found) {
            pthread_mutex_unlock(&ahead->lock);
            place->status = ahead->options.prepare(ahead->options.user, place->item, &place->error);
            pthread_mutex_lock(&ahead->lock);
            place->last = place->status == VLT_STATUS_INTERRUPTED;
            ahead->closed |= place->last;
        }
        place->done = true;
        pthread_cond_broadcast(&ahead->changed);
    }
    pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

vlt_status vlt_ahead_create(const vlt_ahead_options *options, vlt_ahead **out, vlt_error *err)
{
    const int threads = options->threads < options->count ? options->threads : options->count;
    vlt_ahead *ahead = *out = calloc(1, sizeof *ahead);
    if (!ahead) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory to prepare %d items", options->count);
    }
    ahead->options = *options;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    ahead->place = calloc((size_t)options->count, sizeof *ahead->place);
    ahead->thread = calloc((size_t)threads, sizeof *ahead->thread);
    for (int i = 0; ahead->place && i < options->count; i++) {
        ahead->place[i].item = options->item[i];
    }
    while (ahead->place && ahead->thread && ahead->threads < threads &&
           vlt_thread_start(&ahead->thread[ahead->threads], work, ahead) == 0) {
        ahead->threads++;
    }
    if (!ahead->threads) {
        vlt_ahead_destroy(ahead, NULL);
        *out = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "no thread to prepare %d items", options->count);
    }
    return VLT_OK;
}

void vlt_ahead_destroy(vlt_ahead *ahead, void **item)
{
    if (!ahead) {
        return;
    }
    pthread_mutex_lock(&ahead->lock);
    ahead->closed = true;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    for (int i = 0; i < ahead->threads; i++) {
        pthread_join(ahead->thread[i], NULL);
    }
    for (int i = 0; item && i < ahead->options.count; i++) {
        item[i] = ahead->place[i].item;
    }
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead->thread);
    free(ahead->place);
    free(ahead);
}

vlt_status vlt_ahead_next(vlt_ahead *ahead, void **item, bool *found, vlt_error *err)
{
    struct place *place = &ahead->place[ahead->taken % ahead->options.count];
    vlt_status status = VLT_OK;
    *found = false;
    pthread_mutex_lock(&ahead->lock);
    while (!place->done && !(ahead->closed && ahead->read == ahead->taken)) {
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    if (place->done) {
        *found = !place->last;
        status = place->status;
        if (status != VLT_OK) {
            vlt_fail(err, status, "%s", place->error.message);
        }
    }
    if (*found) { /* the end stays where it is, for whoever asks again */
        void *full = place->item;
        *place = (struct place){.item = *item};
        *item = full;
        ahead->taken++;
        pthread_cond_broadcast(&ahead->changed);
    }
    pthread_mutex_unlock(&ahead->lock);
    return status;
}

void vlt_ahead_visit(vlt_ahead *ahead, void (*visit)(void *user, void *item), void *user)
{
    pthread_mutex_lock(&ahead->lock);
    for (int i = 0; i < ahead->options.count; i++) {
        const struct place *place = &ahead->place[i];
        if (place->done && !place->last && place->status == VLT_OK) {
            visit(user, place->item);
        }
    }
    pthread_mutex_unlock(&ahead->lock);
}

bool vlt_ahead_ready(vlt_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    const bool ready = ahead->place[ahead->taken % ahead->options.count].done ||
                       (ahead->closed && ahead->read == ahead->taken);
    pthread_mutex_unlock(&ahead->lock);
    return ready;
}

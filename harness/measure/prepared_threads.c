#include "harness/measure/prepared_threads.h"

#include <pthread.h>

enum { SPIN_US = 20 };

/* The newest pool; one of another size is its user's own. */
static struct {
    pthread_mutex_t lock;
    vlt_threads *threads;
    int users;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

vlt_status vlt_prepared_threads_take(int count, vlt_threads **out, vlt_error *err)
{
    const vlt_threads_options options = {.count = count, .spin_us = SPIN_US};
    vlt_status status = VLT_OK;
    *out = NULL;
    if (count <= 1) {
        return VLT_OK;
    }
    pthread_mutex_lock(&shared.lock);
    if (shared.users > 0 && vlt_threads_count(shared.threads) == count) {
        shared.users++;
        *out = shared.threads;
    } else {
        status = vlt_threads_create(&options, out, err);
        if (status == VLT_OK && shared.users == 0) {
            shared.threads = *out;
            shared.users = 1;
        }
    }
    pthread_mutex_unlock(&shared.lock);
    return status;
}

void vlt_prepared_threads_give(vlt_threads *threads)
{
    pthread_mutex_lock(&shared.lock);
    if (threads == shared.threads && shared.users > 0 && --shared.users > 0) {
        threads = NULL;
    }
    pthread_mutex_unlock(&shared.lock);
    vlt_threads_destroy(threads);
}

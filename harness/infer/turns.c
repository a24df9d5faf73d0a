#include "harness/infer/turns.h"

void vlt_turns_init(vlt_turns *turns)
{
    *turns = (vlt_turns){0};
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->changed, NULL);
}

void vlt_turns_release(vlt_turns *turns)
{
    pthread_cond_destroy(&turns->changed);
    pthread_mutex_destroy(&turns->lock);
}

void vlt_turns_take(vlt_turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    const uint64_t ticket = turns->next++;
    while (turns->serving != ticket) {
        pthread_cond_wait(&turns->changed, &turns->lock);
    }
    pthread_mutex_unlock(&turns->lock);
    vlt_seat_take(turns->threads, &turns->seat);
}

void vlt_turns_pass(vlt_turns *turns)
{
    vlt_seat_leave(&turns->seat);
    pthread_mutex_lock(&turns->lock);
    turns->serving++;
    pthread_cond_broadcast(&turns->changed);
    pthread_mutex_unlock(&turns->lock);
}

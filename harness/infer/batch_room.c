#include "harness/infer/batch_room.h"

void vlt_batch_room_init(vlt_batch_room *room)
{
    room->preparing = 0;
    room->claimed = false;
    pthread_mutex_init(&room->lock, NULL);
    pthread_cond_init(&room->changed, NULL);
}

void vlt_batch_room_release(vlt_batch_room *room)
{
    pthread_cond_destroy(&room->changed);
    pthread_mutex_destroy(&room->lock);
}

void vlt_batch_room_enter(vlt_batch_room *room)
{
    pthread_mutex_lock(&room->lock);
    while (room->claimed) {
        pthread_cond_wait(&room->changed, &room->lock);
    }
    room->preparing++;
    pthread_mutex_unlock(&room->lock);
}

void vlt_batch_room_leave(vlt_batch_room *room)
{
    pthread_mutex_lock(&room->lock);
    room->preparing--;
    pthread_cond_broadcast(&room->changed);
    pthread_mutex_unlock(&room->lock);
}

void vlt_batch_room_claim(vlt_batch_room *room)
{
    pthread_mutex_lock(&room->lock);
    room->claimed = true;
    while (room->preparing) {
        pthread_cond_wait(&room->changed, &room->lock);
    }
    pthread_mutex_unlock(&room->lock);
}

void vlt_batch_room_yield(vlt_batch_room *room)
{
    pthread_mutex_lock(&room->lock);
    room->claimed = false;
    pthread_cond_broadcast(&room->changed);
    pthread_mutex_unlock(&room->lock);
}

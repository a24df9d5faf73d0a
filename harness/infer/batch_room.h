/* batch_room.h: lines that are prepared ahead hold memory that the line computed now may need. Then
 * it claims the room: nobody begins to prepare, who does ends, what is prepared gives its memory
 * back and is prepared again in its turn.
 */
#ifndef VLT_HARNESS_BATCH_ROOM_H
#define VLT_HARNESS_BATCH_ROOM_H

#include <pthread.h>
#include <stdbool.h>

typedef struct vlt_batch_room {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int preparing; /* lines, now */
    bool claimed;
} vlt_batch_room;

void vlt_batch_room_init(vlt_batch_room *room);
void vlt_batch_room_release(vlt_batch_room *room);

/* Around the preparation of a line; enter waits while the room is claimed. */
void vlt_batch_room_enter(vlt_batch_room *room);
void vlt_batch_room_leave(vlt_batch_room *room);

/* One thread, which prepares nothing itself by enter: waits until nobody prepares. */
void vlt_batch_room_claim(vlt_batch_room *room);
void vlt_batch_room_yield(vlt_batch_room *room);

#endif

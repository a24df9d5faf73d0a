/* turns.h: a lock that is handed on in the order of asking.
 *
 * Sessions of one engine compute step by step; whoever has asked first goes first, so that each of
 * them gets on as fast as the others.
 */
#ifndef VLT_HARNESS_TURNS_H
#define VLT_HARNESS_TURNS_H

#include <pthread.h>
#include <stdint.h>

typedef struct vlt_turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t next, serving; /* tickets */
} vlt_turns;

void vlt_turns_init(vlt_turns *turns);
void vlt_turns_release(vlt_turns *turns);

void vlt_turns_take(vlt_turns *turns); /* waits */
void vlt_turns_pass(vlt_turns *turns);

#endif

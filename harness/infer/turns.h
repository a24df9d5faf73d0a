/* turns.h: a lock that is handed on in the order of asking.
 *
 * Sessions of one engine compute step by step; whoever has asked first goes first, so that each of
 * them gets on as fast as the others. Where the threads that compute are pinned, so is the one that
 * has the turn, until it passes it on.
 */
#ifndef VLT_HARNESS_TURNS_H
#define VLT_HARNESS_TURNS_H

#include <pthread.h>
#include <stdint.h>

#include "optimizations/core/threads.h"

typedef struct vlt_turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t next, serving; /* tickets */
    vlt_threads *threads;   /* borrowed, set before the first turn: who has the turn has its place
                               among them, where they are pinned; NULL */
    vlt_seat seat;          /* of who has the turn */
} vlt_turns;

void vlt_turns_init(vlt_turns *turns);
void vlt_turns_release(vlt_turns *turns);

void vlt_turns_take(vlt_turns *turns); /* waits */
void vlt_turns_pass(vlt_turns *turns);

#endif

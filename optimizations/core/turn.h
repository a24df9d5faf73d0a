/* turn.h: when a worker that shares its CPU with a busy neighbour should step aside.
 *
 * Whoever loses the CPU while it holds a piece of work keeps all others waiting for as long as the
 * neighbour's slice lasts, some milliseconds. A worker that has seen its CPU taken away therefore
 * gives it up by itself, between two pieces, before the scheduler does: then it holds nothing,
 * and the others go on without it.
 *
 * Time is passed in, so that nothing here waits or asks a clock.
 */
#ifndef VLT_CORE_TURN_H
#define VLT_CORE_TURN_H

#include <stdbool.h>
#include <stdint.h>

/* A piece that takes longer than the first was interrupted, or is so long that asking costs
 * nothing. The second is below the shortest slice that schedulers give to two that compute. */
enum { VLT_TURN_GAP_NS = 1500000, VLT_TURN_NS = 2500000, VLT_TURN_CROWDED_NS = 100000000 };

/* All zero: nothing was seen yet. */
typedef struct vlt_turn {
    int64_t began_ns;         /* of this turn on the CPU */
    int64_t seen_ns;          /* when it was asked last */
    int64_t crowded_until_ns; /* there was a neighbour not long ago */
} vlt_turn;

/* Work begins. Who was away for long has had its rest. */
static inline void vlt_turn_begin(vlt_turn *turn, int64_t now_ns)
{
    if (now_ns - turn->seen_ns > VLT_TURN_GAP_NS) {
        turn->began_ns = now_ns;
    }
    turn->seen_ns = now_ns;
}

/* The CPU, given up at `seen_ns` or taken away after it, is ours again. */
static inline void vlt_turn_resume(vlt_turn *turn, int64_t now_ns)
{
    if (now_ns - turn->seen_ns > VLT_TURN_GAP_NS) {
        turn->crowded_until_ns = now_ns + VLT_TURN_CROWDED_NS;
    }
    turn->began_ns = turn->seen_ns = now_ns;
}

/* To be asked between pieces of work: should the CPU be given up before the next one? */
static inline bool vlt_turn_is_over(vlt_turn *turn, int64_t now_ns)
{
    if (now_ns - turn->seen_ns > VLT_TURN_GAP_NS) {
        vlt_turn_resume(turn, now_ns);
    }
    turn->seen_ns = now_ns;
    return now_ns < turn->crowded_until_ns && now_ns - turn->began_ns > VLT_TURN_NS;
}

#endif

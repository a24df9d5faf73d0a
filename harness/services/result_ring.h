/* result_ring.h: small results kept by the content that they were made of, shared by all sessions.
 *
 *     take   -> kept: a copy of it
 *            -> to be made: make it, then put it or give it up; who asks for it meanwhile waits
 *
 *     some of the key's bytes -> mark -> [bucket] -> entry -> entry
 *     where others have its mark: all bytes -> hash -> [bucket] -> entry -> entry
 *     young: . [oldest][ ... ][newest] .    old: . . [oldest][ ... ][ ... ][newest] . . .
 *
 * Entries, each a key and its value, lie one behind the other in one block, which is reused and
 * touched as far as results have reached: one costs two copies and no allocation.
 *
 * Not quite the least recently used goes first: what is new is young. The young have a room of
 * 128 KB at most (none where the limit is below 512 KB), which stays in a core's cache, so that
 * texts that nobody asks for again cost little time and memory. What was used there becomes old;
 * the others are forgotten, and old at once when they come again. Where one in eight does, all
 * become old as long as there is room. Of the old, what was used since it was written gets a second
 * chance at the newest end. Large ones are old at once.
 *
 * Keys are compared whole, never by a hash alone. What is held, book-keeping included, is never
 * more than the limit: what finds no room passes by, made by each who asks. Any number of threads.
 */
#ifndef VLT_HARNESS_RESULT_RING_H
#define VLT_HARNESS_RESULT_RING_H

#include "harness/services/content_cache.h"
#include "optimizations/core/memory_policy.h"

typedef struct vlt_result_ring vlt_result_ring;

/* Who makes a result; lies with the caller, as does the key, until it is put or given up. */
typedef struct vlt_result_maker {
    struct vlt_result_maker *next;
    const vlt_content_piece *key;
    int key_pieces;
    size_t key_bytes;
    uint64_t mark, hash; /* of some of its bytes; of all, where that was needed */
    bool hashed;
} vlt_result_maker;

typedef enum vlt_result {
    VLT_RESULT_KEPT,     /* *value[*bytes], malloc'ed for the caller */
    VLT_RESULT_TO_MAKE,  /* put or give_up has to follow, on whose side no wait for it ends */
    VLT_RESULT_NO_MEMORY /* it is kept, but there is none for a copy */
} vlt_result;

/* policy: whether its pages may be large; NULL: as the system gives them. Not kept. */
vlt_status vlt_result_ring_create(size_t limit_bytes, const vlt_memory_policy *policy,
                                  vlt_result_ring **out, vlt_error *err);

/* Nothing may be taken any more. NULL is fine. */
void vlt_result_ring_destroy(vlt_result_ring *ring);

/* Keys of one ring are cut alike. */
vlt_result vlt_result_ring_take(vlt_result_ring *ring, const vlt_content_piece *key, int key_pieces,
                                vlt_result_maker *maker, void **value, size_t *bytes);

/* The value, copied. Without room it is not kept. */
void vlt_result_ring_put(vlt_result_ring *ring, vlt_result_maker *maker, const void *value,
                         size_t bytes);
void vlt_result_ring_give_up(vlt_result_ring *ring, vlt_result_maker *maker);

/* Forgets the oldest until at most `keep_bytes` are held, and gives their pages back. */
void vlt_result_ring_trim(vlt_result_ring *ring, size_t keep_bytes);

void vlt_result_ring_look(vlt_result_ring *ring, vlt_content_stats *out); /* NULL: zeros */

#endif

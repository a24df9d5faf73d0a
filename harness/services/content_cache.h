/* content_cache.h: large results kept by the content that they were made of, shared by all sessions
 * (small ones: result_ring.h).
 *
 *     take   -> kept: read it, then drop it
 *            -> to be made: make it, then put it or give it up; who asks for it meanwhile waits
 *
 *     key bytes -> [bucket] -> entry -> entry      newest <-> ... <-> oldest
 *
 * Keys are compared whole, never by a hash alone. The least recently used entries go first. What
 * the cache holds, book-keeping and entries that are still being read or made included, never
 * exceeds its limit: what finds no room passes by, made by each who asks. Any number of threads.
 */
#ifndef VLT_HARNESS_CONTENT_CACHE_H
#define VLT_HARNESS_CONTENT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/services/content_pieces.h"
#include "optimizations/core/status.h"

typedef struct vlt_content_cache vlt_content_cache;
typedef struct vlt_content_entry vlt_content_entry;

typedef struct vlt_content_stats {
    uint64_t hits; /* those included that waited for another's result */
    uint64_t misses;
    uint64_t evictions;
    size_t bytes; /* held now */
    size_t limit;
} vlt_content_stats;

/* A limit of 0 is a cache that keeps nothing. */
vlt_status vlt_content_cache_create(size_t limit_bytes, vlt_content_cache **out, vlt_error *err);

/* Nothing may be taken any more. NULL is fine. */
void vlt_content_cache_destroy(vlt_content_cache *cache);

/* Keys of one cache are cut alike.
 * *make false: the entry's value is there, to be dropped. *make true: the caller makes it and calls
 * put or give_up, on whose side a wait by the same thread for the same key never ends. NULL with
 * *make true: nothing will be kept, put and give_up take the NULL. */
vlt_content_entry *vlt_content_cache_take(vlt_content_cache *cache, const vlt_content_piece *key,
                                          int key_pieces, bool *make);

/* Is the value for the key there, or being made? Counts as no use. */
bool vlt_content_cache_has(vlt_content_cache *cache, const vlt_content_piece *key, int key_pieces);

/* Where the value of an entry begins, aligned as malloc does. */
const void *vlt_content_value(const vlt_content_entry *entry, size_t *bytes);

void vlt_content_cache_drop(vlt_content_cache *cache, vlt_content_entry *entry);

/* The value, copied. Without room, or memory, it is not kept. */
void vlt_content_cache_put(vlt_content_cache *cache, vlt_content_entry *entry,
                           const vlt_content_piece *value, int value_pieces);
void vlt_content_cache_give_up(vlt_content_cache *cache, vlt_content_entry *entry);

/* Forgets the oldest until at most `keep_bytes` are held; what is being read or made stays. */
void vlt_content_cache_trim(vlt_content_cache *cache, size_t keep_bytes);

void vlt_content_cache_look(vlt_content_cache *cache, vlt_content_stats *out); /* NULL: zeros */

#endif

/* bpe_words.h: the words that an encoder met before, with their ids.
 *
 *     short words of few ids    [line] two words of 32 bytes each: key, ids
 *     long ones, or many ids    [slot] hash, place -> bytes and ids, one word behind the other
 *
 * A word has one line, or one pair of slots, and is one of the two there. A new word takes an empty
 * place or the second one; now and then the second one moves up before, so that what is met again
 * and again stays and what a text no longer says goes. When the room of the long ones is full, all
 * of them are forgotten. One thread learns; where threads share words (shared_words.h), a place is
 * filled once and then stays.
 */
#ifndef VLT_BPE_WORDS_H
#define VLT_BPE_WORDS_H

#include <stdatomic.h>

#include "optimizations/bpe_encode/vocab_internal.h"
#include "optimizations/core/status.h"

#if defined(__SSE4_2__)
#include <immintrin.h>
#endif

enum { VLT_WORDS_IDS = 4, VLT_WORDS_LONG_BYTES = 255 };

/* Where there are fewer ids, the last place says how many, below zero. */
typedef struct vlt_words_entry {
    union {
        vlt_word_key key; /* high 0: empty */
        struct {
            _Atomic uint64_t low, high; /* written last, read first */
        } shared;                       /* the same where several threads learn */
    };
    int32_t ids[VLT_WORDS_IDS];
} vlt_words_entry;

/* The hash below, above it the place in room; 0: empty. */
typedef _Atomic uint64_t vlt_words_slot;

typedef struct vlt_words {
    void *block;            /* all three: */
    vlt_words_entry *entry; /* [line_mask + 1][2] */
    vlt_words_slot *slot;   /* [slot_mask + 1][2] */
    uint8_t *room;          /* [room_bytes]: bytes, count, both in 16 bits; the bytes; the ids */
    uint32_t line_mask, slot_mask;
    uint32_t room_bytes, used;
    uint32_t turn;
    size_t block_bytes;
    bool learns; /* else nothing is ever in it */
} vlt_words;

/* `entries` short words: 0, or a power of two. whole: all of it is memory now, in large pages where
 * there are some and the policy (NULL: as the system gives them) has nothing against them, and not
 * page by page as words are met. On failure the caller releases. */
vlt_status vlt_words_init(vlt_words *words, size_t entries, bool whole,
                          const vlt_memory_policy *policy, vlt_error *err);
void vlt_words_touch(vlt_words *words);   /* all of it is memory, and empty */
void vlt_words_release(vlt_words *words); /* may be called on {0} */

/* A word of at most VLT_WORD_BYTES bytes with at most VLT_WORDS_IDS ids. */
void vlt_words_learn(vlt_words *words, vlt_word_key key, uint32_t hash, const int32_t *ids,
                     size_t count);

/* Any other word; what is longer than VLT_WORDS_LONG_BYTES is not kept. */
void vlt_words_learn_long(vlt_words *words, const uint8_t *word, size_t bytes, uint32_t hash,
                          const int32_t *ids, size_t count);

/* Its ids, or 0 where it is not there. */
size_t vlt_words_find_long(const vlt_words *words, const uint8_t *word, size_t bytes, uint32_t hash,
                           int32_t *ids);

/* Callers that share words are compiled for one ISA. */
static inline uint32_t vlt_words_hash(vlt_word_key key)
{
#if defined(__SSE4_2__)
    return (uint32_t)_mm_crc32_u64(_mm_crc32_u64(0, key.low), key.high);
#else
    return vlt_word_hash(key);
#endif
}

static inline const vlt_words_entry *vlt_words_line(const vlt_words *words, uint32_t hash)
{
    return &words->entry[(size_t)(hash & words->line_mask) * 2];
}

static inline const vlt_words_slot *vlt_words_slots(const vlt_words *words, uint32_t hash)
{
    return &words->slot[(size_t)(hash & words->slot_mask) * 2];
}

/* In a line. No branch tells its two apart. */
static inline const vlt_words_entry *vlt_words_find(const vlt_words_entry *entry, vlt_word_key key)
{
    entry += ((entry->key.low ^ key.low) | (entry->key.high ^ key.high)) != 0;
    return entry->key.low == key.low && entry->key.high == key.high ? entry : NULL;
}

static inline uint64_t vlt_words_shared_unlike(const vlt_words_entry *entry, vlt_word_key key)
{
    const uint64_t high = atomic_load_explicit(&entry->shared.high, memory_order_acquire);
    const uint64_t low = atomic_load_explicit(&entry->shared.low, memory_order_relaxed);
    return (low ^ key.low) | (high ^ key.high);
}

/* The same in words that threads share; `shared` is a constant in loops. */
static inline const vlt_words_entry *vlt_words_find_in(const vlt_words_entry *entry,
                                                       vlt_word_key key, bool shared)
{
    if (!shared) {
        return vlt_words_find(entry, key);
    }
    entry += vlt_words_shared_unlike(entry, key) != 0;
    return vlt_words_shared_unlike(entry, key) == 0 ? entry : NULL;
}

/* Are both words of a line, or pair of slots, taken, of those that threads share? */
static inline bool vlt_words_full(const vlt_words_entry *line)
{
    return atomic_load_explicit(&line[1].shared.high, memory_order_relaxed) != 0;
}

static inline bool vlt_words_full_long(const vlt_words_slot *slots)
{
    return atomic_load_explicit(slots + 1, memory_order_relaxed) != 0;
}

/* Into a place that is the caller's alone. */
static inline void vlt_words_put_ids(vlt_words_entry *entry, const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entry->ids[i] = ids[i];
    }
    if (count < VLT_WORDS_IDS) {
        entry->ids[VLT_WORDS_IDS - 1] = -(int32_t)count;
    }
}

/* What a word takes of the room, and putting it there. */
size_t vlt_words_long_bytes(size_t bytes, size_t count);
void vlt_words_put_long(uint8_t *at, const uint8_t *word, size_t bytes, const int32_t *ids,
                        size_t count);

static inline size_t vlt_words_count(const vlt_words_entry *entry)
{
    const int32_t last = entry->ids[VLT_WORDS_IDS - 1];
    return last < 0 ? (size_t)-last : VLT_WORDS_IDS;
}

#endif

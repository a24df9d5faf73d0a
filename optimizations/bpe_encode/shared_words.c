#include "optimizations/bpe_encode/shared_words.h"

#include <stdlib.h>

#include "optimizations/core/memory.h"

/* A part of the room is one encoder's: the counter of the room is asked for once in many words. */
enum { ENTRIES = 65536, PART_BYTES = 4096 };

/* The high half of no key: a place that is being written. */
enum { TAKEN = 1 };

struct vlt_shared_words {
    vlt_words words;
    _Atomic uint32_t room_used;
    _Atomic uint32_t learnt; /* short words */
    uint32_t renewed;        /* times */
};

vlt_status vlt_shared_words_create(const vlt_memory_policy *policy, vlt_shared_words **out,
                                   vlt_error *err)
{
    vlt_shared_words *shared = *out = calloc(1, sizeof *shared);
    if (!shared) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for words that threads share");
    }
    vlt_status status = vlt_words_init(&shared->words, ENTRIES, true, policy, err);
    if (status != VLT_OK) {
        free(shared);
        *out = NULL;
        return status;
    }
    return VLT_OK;
}

void vlt_shared_words_destroy(vlt_shared_words *shared)
{
    if (shared) {
        vlt_words_release(&shared->words);
        free(shared);
    }
}

const vlt_words *vlt_shared_words_view(const vlt_shared_words *shared)
{
    return &shared->words;
}

void vlt_shared_words_renew(vlt_shared_words *shared)
{
    const vlt_words *words = &shared->words;
    if (shared->learnt <= ENTRIES / 2 && shared->room_used <= words->room_bytes / 4 * 3) {
        return;
    }
    vlt_words_touch(&shared->words);
    shared->room_used = 0;
    shared->learnt = 0;
    shared->renewed++;
}

void vlt_words_share_begin(vlt_words_share *share)
{
    if (share->shared && share->renewed != share->shared->renewed) {
        share->renewed = share->shared->renewed;
        share->at = share->end = 0;
        share->room_spent = false;
    }
}

void vlt_words_share_end(vlt_words_share *share)
{
    if (share->learnt) {
        atomic_fetch_add_explicit(&share->shared->learnt, share->learnt, memory_order_relaxed);
        share->learnt = 0;
    }
}

bool vlt_words_share_learn(vlt_words_share *share, vlt_word_key key, uint32_t hash,
                           const int32_t *ids, size_t count)
{
    const vlt_words *words = &share->shared->words;
    vlt_words_entry *entry = &words->entry[(size_t)(hash & words->line_mask) * 2];
    for (int i = 0; i < 2; i++, entry++) {
        uint64_t empty = 0;
        if (atomic_load_explicit(&entry->shared.high, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong_explicit(&entry->shared.high, &empty, TAKEN,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            atomic_store_explicit(&entry->shared.low, key.low, memory_order_relaxed);
            vlt_words_put_ids(entry, ids, count);
            atomic_store_explicit(&entry->shared.high, key.high, memory_order_release);
            share->learnt++;
            return true;
        }
    }
    return false;
}

/* Room for `bytes`, or 0. */
static uint32_t take_room(vlt_words_share *share, size_t bytes)
{
    vlt_shared_words *shared = share->shared;
    if (share->end - share->at < bytes) {
        if (bytes > PART_BYTES - sizeof(int32_t) ||
            atomic_load_explicit(&shared->room_used, memory_order_relaxed) + PART_BYTES >
                shared->words.room_bytes) {
            return 0;
        }
        const uint32_t part = atomic_fetch_add_explicit(&shared->room_used, PART_BYTES,
                                                        memory_order_relaxed);
        if (part + PART_BYTES > shared->words.room_bytes) {
            return 0;
        }
        share->at = part ? part : (uint32_t)sizeof(int32_t); /* no word has the place 0 */
        share->end = part + PART_BYTES;
    }
    const uint32_t at = share->at;
    share->at += (uint32_t)bytes;
    return at;
}

bool vlt_words_share_learn_long(vlt_words_share *share, const uint8_t *word, size_t bytes,
                                uint32_t hash, const int32_t *ids, size_t count)
{
    const vlt_words *words = &share->shared->words;
    vlt_words_slot *slot = &words->slot[(size_t)(hash & words->slot_mask) * 2];
    if (bytes > VLT_WORDS_LONG_BYTES || vlt_words_full_long(slot)) {
        return false;
    }
    const uint32_t at = take_room(share, vlt_words_long_bytes(bytes, count));
    if (!at) {
        share->room_spent = true;
        return false;
    }
    vlt_words_put_long(words->room + at, word, bytes, ids, count);
    /* One store says it all. Where two threads take the same place one of their words is lost,
     * which costs less than making sure. */
    slot += atomic_load_explicit(slot, memory_order_relaxed) != 0;
    atomic_store_explicit(slot, hash | (uint64_t)at << 32, memory_order_release);
    return true;
}

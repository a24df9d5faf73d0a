#include "optimizations/bpe_encode/bpe_words.h"

#include "optimizations/core/memory.h"

/* For each short word a quarter of a slot and 16 bytes of room; WORDS_LEAST give the longest one
 * its room. */
enum { LINE_BYTES = 64, SLOT_SHARE = 4, ROOM_SHARE = 16, WORDS_LEAST = 256, STAYS = 4 };

_Static_assert(sizeof(vlt_words_entry) * 2 == LINE_BYTES, "two words are a cache line");
_Static_assert(WORDS_LEAST *ROOM_SHARE > 2 * 5 * (VLT_WORDS_LONG_BYTES + 1), "room for one");

static vlt_status take_block(vlt_words *words, bool whole, const vlt_memory_policy *policy,
                             vlt_error *err)
{
    const vlt_memory_policy pages = vlt_policy_of_pages(policy);
    return whole && !pages.small_pages
               ? vlt_table_take(words->block_bytes, &words->block, err)
               : vlt_policy_pages_take(&pages, words->block_bytes, &words->block, err);
}

vlt_status vlt_words_init(vlt_words *words, size_t entries, bool whole,
                          const vlt_memory_policy *policy, vlt_error *err)
{
    words->learns = entries > 0;
    entries = entries > WORDS_LEAST ? entries : WORDS_LEAST;
    const size_t entry_bytes = entries * sizeof *words->entry;
    const size_t slot_bytes = entries / SLOT_SHARE * sizeof *words->slot;
    words->line_mask = (uint32_t)(entries / 2) - 1;
    words->slot_mask = (uint32_t)(entries / SLOT_SHARE / 2) - 1;
    words->room_bytes = (uint32_t)(entries * ROOM_SHARE);
    words->used = sizeof(int32_t); /* no word has the place 0 */
    words->block_bytes = entry_bytes + slot_bytes + words->room_bytes;
    vlt_status status = take_block(words, whole, policy, err);
    if (status == VLT_OK) {
        if (whole) {
            vlt_words_touch(words);
        }
        words->entry = words->block;
        words->slot = (vlt_words_slot *)(words->entry + entries);
        words->room = (uint8_t *)(words->slot + entries / SLOT_SHARE);
    }
    return status;
}

void vlt_words_touch(vlt_words *words)
{
    vlt_pages_expect(words->block, words->block_bytes);
    memset(words->block, 0, words->block_bytes);
}

void vlt_words_release(vlt_words *words)
{
    vlt_table_release(words->block, words->block_bytes);
    *words = (vlt_words){0};
}

/* Does the second one of two stay, in the first one's place? */
static bool moves_up(vlt_words *words)
{
    return words->turn++ % STAYS == 0;
}

static uint64_t load(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void store(_Atomic uint64_t *to, uint64_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed);
}

void vlt_words_learn(vlt_words *words, vlt_word_key key, uint32_t hash, const int32_t *ids,
                     size_t count)
{
    vlt_words_entry *entry = &words->entry[(size_t)(hash & words->line_mask) * 2];
    if (!words->learns) {
        return;
    }
    if (entry->key.high) {
        if (entry[1].key.high && moves_up(words)) {
            entry[0].key = entry[1].key;
            memcpy(entry[0].ids, entry[1].ids, sizeof entry[0].ids);
        }
        entry++;
    }
    entry->key = key;
    vlt_words_put_ids(entry, ids, count);
}

static size_t padded(size_t bytes)
{
    return (bytes + sizeof(int32_t) - 1) / sizeof(int32_t) * sizeof(int32_t);
}

size_t vlt_words_long_bytes(size_t bytes, size_t count)
{
    return 2 * sizeof(uint16_t) + padded(bytes) + count * sizeof(int32_t);
}

void vlt_words_put_long(uint8_t *at, const uint8_t *word, size_t bytes, const int32_t *ids,
                        size_t count)
{
    const uint16_t head[2] = {(uint16_t)bytes, (uint16_t)count};
    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, word, bytes);
    memcpy(at + sizeof head + padded(bytes), ids, count * sizeof *ids);
}

void vlt_words_learn_long(vlt_words *words, const uint8_t *word, size_t bytes, uint32_t hash,
                          const int32_t *ids, size_t count)
{
    const size_t needed = vlt_words_long_bytes(bytes, count);
    vlt_words_slot *slot = &words->slot[(size_t)(hash & words->slot_mask) * 2];
    if (!words->learns || bytes > VLT_WORDS_LONG_BYTES) {
        return;
    }
    if (needed > words->room_bytes - words->used) {
        memset(words->slot, 0, ((size_t)words->slot_mask + 1) * 2 * sizeof *words->slot);
        words->used = sizeof(int32_t);
    }
    if (load(slot)) {
        if (load(slot + 1) && moves_up(words)) {
            store(slot, load(slot + 1));
        }
        slot++;
    }
    vlt_words_put_long(words->room + words->used, word, bytes, ids, count);
    store(slot, hash | (uint64_t)words->used << 32);
    words->used += (uint32_t)needed;
}

size_t vlt_words_find_long(const vlt_words *words, const uint8_t *word, size_t bytes, uint32_t hash,
                           int32_t *ids)
{
    const vlt_words_slot *slot = &words->slot[(size_t)(hash & words->slot_mask) * 2];
    for (int i = 0; i < 2; i++, slot++) {
        const uint64_t value = atomic_load_explicit(slot, memory_order_acquire);
        const uint8_t *at = words->room + (value >> 32);
        uint16_t head[2];
        if ((uint32_t)value != hash || !(value >> 32)) {
            continue;
        }
        memcpy(head, at, sizeof head);
        if (head[0] == bytes && memcmp(at + sizeof head, word, bytes) == 0) {
            memcpy(ids, at + sizeof head + padded(bytes), head[1] * sizeof *ids);
            return head[1];
        }
    }
    return 0;
}

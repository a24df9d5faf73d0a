#include "optimizations/bpe_encode/bpe_merge.h"

#include "optimizations/core/compiler.h"

enum { NONE = INT32_MAX, BLOCK = 16, BLOCKS = VLT_MERGE_SCAN_MAX / BLOCK };

/* Symbols stay where they are and are linked, so that nothing moves; the lowest rank of every block
 * of sixteen is kept, so that a merge looks at two or three blocks and not at the whole word. */
struct scan {
    const vlt_vocab *vocab;
    int32_t *ids;
    size_t count;
    int32_t rank[VLT_MERGE_SCAN_MAX]; /* of the pair that begins here; NONE: no pair */
    int32_t result[VLT_MERGE_SCAN_MAX];
    int32_t lowest[BLOCKS];
    uint16_t next[VLT_MERGE_SCAN_MAX]; /* count: none */
    uint16_t prior[VLT_MERGE_SCAN_MAX];
};

static inline void note_pair(struct scan *s, size_t at)
{
    const vlt_pair_slot *slot = s->next[at] < s->count
                                    ? vlt_pair_find(s->vocab, s->ids[at], s->ids[s->next[at]])
                                    : NULL;
    s->rank[at] = slot ? slot->rank : NONE;
    s->result[at] = slot ? slot->result : 0;
}

static inline void note_block(struct scan *s, size_t block)
{
    const int32_t *rank = s->rank + block * BLOCK;
    int32_t lowest = NONE;
    for (int i = 0; i < BLOCK; i++) {
        lowest = rank[i] < lowest ? rank[i] : lowest;
    }
    s->lowest[block] = lowest;
}

/* The bytes of the word as symbols, and their pairs. */
static inline void note_bytes(const vlt_vocab *vocab, const uint8_t *word, size_t count,
                              int32_t *ids, int32_t *rank, int32_t *result)
{
    for (size_t i = 0; i < count; i++) {
        ids[i] = vocab->byte_id[word[i]];
    }
    for (size_t i = 0; i + 1 < count; i++) {
        const vlt_byte_pair *pair = &vocab->byte_pair[word[i] << 8 | word[i + 1]];
        rank[i] = pair->rank_behind ? pair->rank_behind - 1 : NONE;
        result[i] = pair->result;
    }
}

/* A word of one block at most. Symbols stay where they are; `key` has the rank of the pair that
 * begins at each and below it the place, so that the lowest one says both. */
struct few {
    int32_t key[BLOCK]; /* rank * BLOCK + place; NONE: no pair */
    int32_t result[BLOCK];
};

_Static_assert(BLOCK *(INT64_C(1) << 26) <= NONE, "ranks are below 1 << 26 (vlt_vocab_create)");

static inline void note_few(const vlt_vocab *vocab, struct few *few, const int32_t *ids, int left,
                            int right)
{
    const vlt_pair_slot *slot = vlt_pair_find(vocab, ids[left], ids[right]);
    few->key[left] = slot ? slot->rank * BLOCK + left : NONE;
    few->result[left] = slot ? slot->result : 0;
}

static inline int32_t lowest_of(const struct few *few)
{
    int32_t lowest = NONE;
    for (int i = 0; i < BLOCK; i++) {
        lowest = few->key[i] < lowest ? few->key[i] : lowest;
    }
    return lowest;
}

static size_t merge_few(const vlt_vocab *vocab, const uint8_t *word, size_t count, int32_t *ids)
{
    struct few few;
    uint32_t there = (UINT32_C(1) << count) - 1; /* symbols */
    for (int i = 0; i < BLOCK; i++) {
        few.key[i] = NONE;
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = vocab->byte_id[word[i]];
    }
    for (size_t i = 0; i + 1 < count; i++) {
        const vlt_byte_pair *pair = &vocab->byte_pair[word[i] << 8 | word[i + 1]];
        few.key[i] = pair->rank_behind ? (pair->rank_behind - 1) * BLOCK + (int32_t)i : NONE;
        few.result[i] = pair->result;
    }
    for (int32_t lowest; (lowest = lowest_of(&few)) != NONE;) {
        const int at = lowest % BLOCK;
        const uint32_t before = there & ((UINT32_C(1) << at) - 1);
        uint32_t behind = there & ~((UINT32_C(2) << at) - 1);
        few.key[VLT_LOW_ZEROS(behind)] = NONE;
        few.key[at] = NONE;
        there &= ~(behind & -behind);
        behind &= behind - 1;
        ids[at] = few.result[at];
        if (behind) {
            note_few(vocab, &few, ids, at, VLT_LOW_ZEROS(behind));
        }
        if (before) {
            note_few(vocab, &few, ids, VLT_LOG2((uint64_t)before), at);
        }
    }
    size_t left = 0;
    for (; there; there &= there - 1) {
        ids[left++] = ids[VLT_LOW_ZEROS(there)];
    }
    return left;
}

size_t vlt_merge_scan(const vlt_vocab *vocab, const uint8_t *word, size_t count, int32_t *ids)
{
    if (count <= BLOCK) {
        return merge_few(vocab, word, count, ids);
    }
    struct scan s;
    size_t blocks = (count + BLOCK - 1) / BLOCK, left = 0;
    s.vocab = vocab;
    s.ids = ids;
    s.count = count;
    for (size_t i = 0; i < count; i++) {
        s.next[i] = (uint16_t)(i + 1);
        s.prior[i] = (uint16_t)(i - 1);
    }
    note_bytes(vocab, word, count, ids, s.rank, s.result);
    for (size_t i = count - 1; i < blocks * BLOCK; i++) {
        s.rank[i] = NONE;
    }
    for (size_t b = 0; b < blocks; b++) {
        note_block(&s, b);
    }
    for (;;) {
        size_t block = 0;
        for (size_t b = 1; b < blocks; b++) {
            block = s.lowest[b] < s.lowest[block] ? b : block;
        }
        if (blocks == 0 || s.lowest[block] == NONE) {
            break;
        }
        size_t at = block * BLOCK;
        while (s.rank[at] != s.lowest[block]) {
            at++;
        }
        size_t gone = s.next[at], after = s.next[gone];
        ids[at] = s.result[at];
        s.rank[gone] = NONE;
        s.next[at] = (uint16_t)after;
        if (after < count) {
            s.prior[after] = (uint16_t)at;
        }
        note_pair(&s, at);
        if (at > 0) {
            note_pair(&s, s.prior[at]);
            note_block(&s, s.prior[at] / BLOCK);
        }
        note_block(&s, at / BLOCK);
        note_block(&s, gone / BLOCK);
    }
    for (size_t i = 0; i < count; i = s.next[i]) {
        ids[left++] = ids[i];
    }
    return left;
}

#include "optimizations/bpe_encode/bpe_merge.h"

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

/* A word of one block at most: symbols move up when two become one, and what a merge looks at is in
 * one place. */
static size_t merge_few(const vlt_vocab *vocab, int32_t *ids, size_t count)
{
    int32_t rank[BLOCK], result[BLOCK];
    const vlt_pair_slot *slot;
    for (size_t i = 0; i < BLOCK; i++) {
        slot = i + 1 < count ? vlt_pair_find(vocab, ids[i], ids[i + 1]) : NULL;
        rank[i] = slot ? slot->rank : NONE;
        result[i] = slot ? slot->result : 0;
    }
    for (;;) {
        int32_t lowest = NONE;
        size_t at = 0;
        for (int i = 0; i < BLOCK; i++) {
            lowest = rank[i] < lowest ? rank[i] : lowest;
        }
        if (lowest == NONE) {
            return count;
        }
        while (rank[at] != lowest) {
            at++;
        }
        ids[at] = result[at];
        count--;
        for (size_t i = at + 1; i < count; i++) {
            ids[i] = ids[i + 1];
            rank[i] = rank[i + 1];
            result[i] = result[i + 1];
        }
        rank[count] = NONE;
        if (at + 1 < count) {
            slot = vlt_pair_find(vocab, ids[at], ids[at + 1]);
            rank[at] = slot ? slot->rank : NONE;
            result[at] = slot ? slot->result : 0;
        } else {
            rank[at] = NONE;
        }
        if (at > 0) {
            slot = vlt_pair_find(vocab, ids[at - 1], ids[at]);
            rank[at - 1] = slot ? slot->rank : NONE;
            result[at - 1] = slot ? slot->result : 0;
        }
    }
}

size_t vlt_merge_scan(const vlt_vocab *vocab, int32_t *ids, size_t count)
{
    if (count <= BLOCK) {
        return merge_few(vocab, ids, count);
    }
    struct scan s;
    size_t blocks = (count + BLOCK - 1) / BLOCK, left = 0;
    s.vocab = vocab;
    s.ids = ids;
    s.count = count;
    for (size_t i = 0; i < count; i++) {
        s.next[i] = (uint16_t)(i + 1);
        s.prior[i] = (uint16_t)(i - 1);
        note_pair(&s, i);
    }
    for (size_t i = count; i < blocks * BLOCK; i++) {
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

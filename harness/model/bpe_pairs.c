#include "harness/model/bpe_pairs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 4096 };

void vlt_bpe_pairs_release(vlt_bpe_pairs *pairs)
{
    free(pairs->pair);
    free(pairs->slot);
    *pairs = (vlt_bpe_pairs){0};
}

/* Where the pair's number is, or is to be put. */
static int32_t *find(const vlt_bpe_pairs *pairs, int32_t left, int32_t right)
{
    uint64_t hash = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    for (uint32_t i = (uint32_t)(hash >> 32);; i++) {
        int32_t *slot = &pairs->slot[i & pairs->mask];
        if (*slot < 0 || (pairs->pair[*slot].left == left && pairs->pair[*slot].right == right)) {
            return slot;
        }
    }
}

static vlt_status grow(vlt_bpe_pairs *pairs, vlt_error *err)
{
    int32_t capacity = pairs->capacity ? 2 * pairs->capacity : CAPACITY_FIRST;
    size_t slots = 2 * (size_t)capacity;
    vlt_bpe_pair *pair = realloc(pairs->pair, (size_t)capacity * sizeof *pair);
    pairs->pair = pair ? pair : pairs->pair;
    int32_t *slot = malloc(slots * sizeof *slot);
    if (!pair || !slot) {
        free(slot);
        return vlt_fail(err, VLT_STATUS_NOMEM, "tokenizer training: out of memory");
    }
    memset(slot, 0xFF, slots * sizeof *slot);
    free(pairs->slot);
    pairs->slot = slot;
    pairs->mask = (uint32_t)(slots - 1);
    pairs->capacity = capacity;
    for (int32_t i = 0; i < pairs->count; i++) {
        *find(pairs, pair[i].left, pair[i].right) = i;
    }
    return VLT_OK;
}

vlt_status vlt_bpe_pairs_add(vlt_bpe_pairs *pairs, int32_t left, int32_t right, int64_t change,
                             vlt_error *err)
{
    if (pairs->count == pairs->capacity) {
        vlt_status status = grow(pairs, err);
        if (status != VLT_OK) {
            return status;
        }
    }
    int32_t *slot = find(pairs, left, right);
    if (*slot < 0) {
        *slot = pairs->count++;
        pairs->pair[*slot] = (vlt_bpe_pair){left, right, 0};
    }
    pairs->pair[*slot].count += change;
    return VLT_OK;
}

static bool comes_before(const vlt_bpe_pair *a, const vlt_bpe_pair *b)
{
    if (a->count != b->count) {
        return a->count > b->count;
    }
    return a->left != b->left ? a->left < b->left : a->right < b->right;
}

const vlt_bpe_pair *vlt_bpe_pairs_best(const vlt_bpe_pairs *pairs)
{
    const vlt_bpe_pair *best = pairs->pair;
    for (int32_t i = 1; i < pairs->count; i++) {
        best = comes_before(&pairs->pair[i], best) ? &pairs->pair[i] : best;
    }
    return best;
}

/* bpe_pairs.h: how often pairs of neighbouring tokens occur, while a tokenizer is trained. */
#ifndef VLT_HARNESS_BPE_PAIRS_H
#define VLT_HARNESS_BPE_PAIRS_H

#include <stdint.h>

#include "optimizations/core/status.h"

typedef struct vlt_bpe_pair {
    int32_t left, right;
    int64_t count;
} vlt_bpe_pair;

/* Started as {0}. A hash table of numbers over a plain row of pairs. */
typedef struct vlt_bpe_pairs {
    vlt_bpe_pair *pair;
    int32_t count, capacity;
    int32_t *slot; /* [mask + 1], half full at most; -1: empty */
    uint32_t mask;
} vlt_bpe_pairs;

void vlt_bpe_pairs_release(vlt_bpe_pairs *pairs); /* {0} is fine */

/* Adds to the count of a pair. NOMEM. */
vlt_status vlt_bpe_pairs_add(vlt_bpe_pairs *pairs, int32_t left, int32_t right, int64_t change,
                             vlt_error *err);

/* The most frequent pair; of equals the one of the lowest left, then right id. NULL: none yet.
 * Valid until the next add. */
const vlt_bpe_pair *vlt_bpe_pairs_best(const vlt_bpe_pairs *pairs);

#endif

/* bpe_merge.h: merging one word: repeatedly the pair of lowest rank, the leftmost of equals.
 *
 * Source: harness/model/README.md#merges. All of these give the same ids for the same word.
 */
#ifndef VLT_BPE_MERGE_H
#define VLT_BPE_MERGE_H

#include "optimizations/bpe_encode/vocab_internal.h"

/* Words up to this many symbols are merged by scanning. */
enum { VLT_MERGE_SCAN_MAX = 256 };

/* Ids of a word of at most VLT_MERGE_SCAN_MAX bytes, ids[bytes]. Gives how many. */
size_t vlt_merge_scan(const vlt_vocab *vocab, const uint8_t *word, size_t bytes, int32_t *ids);

/* Room for words of any length up to symbols_max: plain memory, no state between calls. */
typedef struct vlt_merge_queue {
    uint64_t *heap;  /* [2 * symbols_max] rank and place of pairs, the lowest first */
    uint32_t *rank;  /* [symbols_max] of the pair that begins here */
    uint32_t *next;  /* [symbols_max] place of the next symbol */
    uint32_t *prior; /* [symbols_max] */
    int32_t *ids;    /* [symbols_max] for the caller: the word that is being merged */
} vlt_merge_queue;

/* Bytes of the arrays for symbols_max symbols; false when that does not fit. */
bool vlt_merge_queue_bytes(size_t symbols_max, size_t *bytes);

/* Lays the arrays into `block` of that many bytes, aligned to 8. */
void vlt_merge_queue_init(vlt_merge_queue *queue, size_t symbols_max, void *block);

/* Merges ids[count] in place with a heap of all pairs in O(count log count); count < 2^31. Gives
 * the new count. */
size_t vlt_merge_heap(const vlt_vocab *vocab, const vlt_merge_queue *queue, int32_t *ids,
                      size_t count);

/* Ids of a word of any length into queue->ids. Windows of the word are merged alone and joined
 * where no merge crosses the seam; a word that cannot be joined so goes to the heap. Linear in
 * practice, and in the first cache. */
size_t vlt_merge_joined(const vlt_vocab *vocab, const vlt_merge_queue *queue, const uint8_t *word,
                        size_t bytes);

#endif

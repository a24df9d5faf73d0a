#include "optimizations/bpe_encode/bpe_merge.h"
#include "optimizations/core/memory.h"

enum { NONE = 0x7FFFFFFF };

bool vlt_merge_queue_bytes(size_t symbols_max, size_t *bytes)
{
    return symbols_max < NONE &&
           vlt_mul_size(symbols_max, 2 * sizeof(uint64_t) + 4 * sizeof(uint32_t), bytes);
}

void vlt_merge_queue_init(vlt_merge_queue *queue, size_t symbols_max, void *block)
{
    queue->heap = block;
    queue->rank = (uint32_t *)(queue->heap + 2 * symbols_max);
    queue->next = queue->rank + symbols_max;
    queue->prior = queue->next + symbols_max;
    queue->ids = (int32_t *)(queue->prior + symbols_max);
}

static void sift_down(uint64_t *heap, size_t count, size_t at)
{
    uint64_t moved = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1] < heap[child];
        if (moved <= heap[child]) {
            break;
        }
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static void sift_up(uint64_t *heap, size_t at)
{
    uint64_t moved = heap[at];
    for (size_t parent; at > 0 && heap[parent = (at - 1) / 2] > moved; at = parent) {
        heap[at] = heap[parent];
    }
    heap[at] = moved;
}

/* Notes the pair that begins at `place`; a pair in the heap counts only while rank[place] is its
 * rank, so that outdated ones fall out when they surface. */
static inline size_t note_pair(const vlt_vocab *vocab, const vlt_merge_queue *queue,
                               const int32_t *ids, uint32_t place, size_t heap_count)
{
    uint32_t next = queue->next[place];
    const vlt_pair_slot *slot = next == NONE ? NULL : vlt_pair_find(vocab, ids[place], ids[next]);
    queue->rank[place] = slot ? (uint32_t)slot->rank : NONE;
    if (slot) {
        queue->heap[heap_count++] = (uint64_t)(uint32_t)slot->rank << 32 | place;
    }
    return heap_count;
}

size_t vlt_merge_heap(const vlt_vocab *vocab, const vlt_merge_queue *queue, int32_t *ids,
                      size_t count)
{
    uint64_t *heap = queue->heap;
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++) {
        queue->next[i] = i + 1 < count ? (uint32_t)i + 1 : NONE;
        queue->prior[i] = i > 0 ? (uint32_t)i - 1 : NONE;
    }
    for (size_t i = 0; i < count; i++) {
        pairs = note_pair(vocab, queue, ids, (uint32_t)i, pairs);
    }
    for (size_t i = pairs / 2; i-- > 0;) {
        sift_down(heap, pairs, i);
    }
    while (pairs > 0) {
        uint32_t place = (uint32_t)heap[0], rank = (uint32_t)(heap[0] >> 32);
        heap[0] = heap[--pairs];
        sift_down(heap, pairs, 0);
        if (queue->rank[place] != rank) {
            continue;
        }
        /* Each merge takes one entry out and puts two in at most: 2 * count entries suffice. */
        uint32_t gone = queue->next[place], after = queue->next[gone], prior = queue->prior[place];
        ids[place] = vlt_pair_find(vocab, ids[place], ids[gone])->result;
        queue->rank[gone] = NONE;
        queue->next[place] = after;
        if (after != NONE) {
            queue->prior[after] = place;
        }
        size_t before = pairs;
        pairs = note_pair(vocab, queue, ids, place, pairs);
        if (pairs != before) {
            sift_up(heap, pairs - 1);
        }
        before = pairs;
        if (prior != NONE) {
            pairs = note_pair(vocab, queue, ids, prior, pairs);
            if (pairs != before) {
                sift_up(heap, pairs - 1);
            }
        }
    }
    size_t left = 0;
    for (uint32_t place = 0; count > 0 && place != NONE; place = queue->next[place]) {
        ids[left++] = ids[place];
    }
    return left;
}

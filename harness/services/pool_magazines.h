/* pool_magazines.h: the last blocks of each size near the threads that use them, before a pool.
 *
 *     a thread's slot    class 0 [entry][entry]   class 1 [entry][entry]   ...
 *     entry              free -> reserved for one block: out with its holder <-> here again
 *
 * A block's tag names the entry that is reserved for it. While the block is out, its holder alone
 * may write the entry, so giving it back is one store, by whichever thread; taking it is one
 * exchange, so that other threads can take what lies in an entry as well: an entry outlives its
 * thread, and threads beyond VLT_MAGAZINE_SLOTS share slots. No lock, and nothing that all threads
 * write. Everything below the line needs the pool's lock.
 *
 * The pool behind counts a block here as handed out. What entries are reserved for stays below a
 * budget, whether it is here or out: so what is here does as well.
 */
#ifndef VLT_HARNESS_POOL_MAGAZINES_H
#define VLT_HARNESS_POOL_MAGAZINES_H

#include <assert.h>
#include <stdatomic.h>

#include "optimizations/tensor_pool/tensor_pool.h"
#include "optimizations/tensor_pool/tensor_pool_sizes.h"

enum { VLT_MAGAZINE_SLOTS = 64, VLT_MAGAZINE_WAYS = 2 };

/* What an entry holds beside the address of a block. */
enum { VLT_ENTRY_FREE, VLT_ENTRY_OUT };

typedef struct vlt_magazine_entry {
    atomic_uintptr_t block;
    _Atomic uint64_t hits; /* written by who has just taken the block, read by who counts */
    size_t footprint_bytes;
} vlt_magazine_entry;

typedef struct vlt_magazines {
    unsigned char *slots; /* [VLT_MAGAZINE_SLOTS][slot_bytes]; NULL: there are no magazines */
    size_t slot_bytes, bytes, largest_bytes;
    int classes;
    int slots_used;
    size_t budget_bytes, reserved_bytes;
    size_t hand; /* of entries: where to look next for one to empty */
} vlt_magazines;

/* Of the calling thread, from 0 on. */
unsigned vlt_magazine_thread(void);

static inline vlt_magazine_entry *vlt_magazine_entries(const vlt_magazines *magazines,
                                                       unsigned slot, int pool_class)
{
    unsigned char *begin = magazines->slots + slot * magazines->slot_bytes;
    return (vlt_magazine_entry *)begin + pool_class * VLT_MAGAZINE_WAYS;
}

/* Which class the entry is of: its block holds that much at least. */
static inline size_t vlt_magazine_entry_bytes(const vlt_magazines *magazines,
                                              const vlt_magazine_entry *entry)
{
    const size_t at = (size_t)((const unsigned char *)entry - magazines->slots);
    return vlt_pool_class_bytes(
        (int)(at % magazines->slot_bytes / (VLT_MAGAZINE_WAYS * sizeof *entry)));
}

/* The block of an entry, which is `next` from now on; NULL: none is there. */
static inline void *vlt_magazine_empty(vlt_magazine_entry *entry, uintptr_t next)
{
    uintptr_t block = atomic_load_explicit(&entry->block, memory_order_relaxed);
    return block > VLT_ENTRY_OUT &&
                   atomic_compare_exchange_strong_explicit(
                       &entry->block, &block, next, memory_order_acquire, memory_order_relaxed)
               ? (void *)block
               : NULL;
}

/* A block of at least `bytes`, or NULL: the pool has to be asked. */
static inline void *vlt_magazines_take(vlt_magazines *magazines, size_t bytes)
{
    if (!magazines->slots || bytes > magazines->largest_bytes) {
        return NULL;
    }
    vlt_magazine_entry *entry = vlt_magazine_entries(
        magazines, vlt_magazine_thread() % VLT_MAGAZINE_SLOTS, vlt_pool_class(bytes));
    for (int way = 0; way < VLT_MAGAZINE_WAYS; way++, entry++) {
        void *block = vlt_magazine_empty(entry, VLT_ENTRY_OUT);
        if (block) {
            atomic_store_explicit(&entry->hits,
                                  atomic_load_explicit(&entry->hits, memory_order_relaxed) + 1,
                                  memory_order_relaxed);
            VLT_UNPOISON(block, vlt_magazine_entry_bytes(magazines, entry));
            return block;
        }
    }
    return NULL;
}

/* False: no entry is reserved for the block, it goes back to the pool. */
static inline bool vlt_magazines_give(vlt_magazines *magazines, void *block)
{
    vlt_magazine_entry *entry = vlt_tensor_pool_tag_of(block)->owner;
    if ((uintptr_t)entry - (uintptr_t)magazines->slots >= magazines->bytes) {
        return false;
    }
    assert(atomic_load_explicit(&entry->block, memory_order_relaxed) == VLT_ENTRY_OUT);
    VLT_POISON(block, vlt_magazine_entry_bytes(magazines, entry));
    atomic_store_explicit(&entry->block, (uintptr_t)block, memory_order_release);
    return true;
}

/* For blocks of up to `largest_bytes`, of up to `budget_bytes` together. */
vlt_status vlt_magazines_init(vlt_magazines *magazines, size_t largest_bytes, size_t budget_bytes,
                              vlt_error *err);
void vlt_magazines_release(vlt_magazines *magazines);

/* ---- with the pool's lock ---- */

/* Reserves an entry of the calling thread for a block that was taken for `bytes`; where the budget
 * is used up, the pool gets some of the blocks that lie in entries. */
void vlt_magazines_reserve(vlt_magazines *magazines, vlt_tensor_pool *pool, void *block,
                           size_t bytes);

/* Gives the pool blocks from entries of any thread until it has one of `bytes`. */
void vlt_magazines_draw(vlt_magazines *magazines, vlt_tensor_pool *pool, size_t bytes);

/* Gives the pool everything that lies in entries. */
void vlt_magazines_flush(vlt_magazines *magazines, vlt_tensor_pool *pool);

/* The pool's statistics as they are with what lies in entries: that is kept, not live. */
void vlt_magazines_count(const vlt_magazines *magazines, vlt_tensor_pool_stats *stats);

#endif

#include "harness/services/pool_magazines.h"

unsigned vlt_magazine_thread(void)
{
    static atomic_uint threads;
    static _Thread_local unsigned number; /* from 1 on */
    if (VLT_UNLIKELY(!number)) {
        number = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) + 1;
    }
    return number - 1;
}

vlt_status vlt_magazines_init(vlt_magazines *magazines, size_t largest_bytes, size_t budget_bytes,
                              vlt_error *err)
{
    const int classes = vlt_pool_class(largest_bytes) + 1;
    size_t slot = (size_t)classes * VLT_MAGAZINE_WAYS * sizeof(vlt_magazine_entry);
    void *slots = NULL;
    slot = (slot + VLT_ALIGN - 1) & ~(size_t)(VLT_ALIGN - 1);
    vlt_status status = vlt_pages_take(slot * VLT_MAGAZINE_SLOTS, &slots, err);
    if (status == VLT_OK) {
        *magazines = (vlt_magazines){.slots = slots,
                                     .slot_bytes = slot,
                                     .bytes = slot * VLT_MAGAZINE_SLOTS,
                                     .largest_bytes = largest_bytes,
                                     .classes = classes,
                                     .budget_bytes = budget_bytes};
    }
    return status;
}

void vlt_magazines_release(vlt_magazines *magazines)
{
    vlt_pages_release(magazines->slots, magazines->bytes);
    magazines->slots = NULL;
}

static int entry_count(const vlt_magazines *magazines) /* of a slot */
{
    return magazines->classes * VLT_MAGAZINE_WAYS;
}

/* What lies in the entry goes to the pool. */
static bool release(vlt_magazines *magazines, vlt_tensor_pool *pool, vlt_magazine_entry *entry)
{
    void *block = vlt_magazine_empty(entry, VLT_ENTRY_FREE);
    if (block) {
        magazines->reserved_bytes -= entry->footprint_bytes;
        vlt_tensor_pool_tag_of(block)->owner = NULL;
        pool->release(pool->self, block);
    }
    return block != NULL;
}

static bool fits(const vlt_magazines *magazines, size_t bytes)
{
    return bytes <= magazines->budget_bytes &&
           magazines->reserved_bytes <= magazines->budget_bytes - bytes;
}

/* Entries in turn, as many as one slot has, so that a full budget costs little each time. */
static bool make_room(vlt_magazines *magazines, vlt_tensor_pool *pool, size_t bytes)
{
    const size_t entries = (size_t)(entry_count(magazines) * magazines->slots_used);
    for (int i = 0; i < entry_count(magazines) && entries && !fits(magazines, bytes); i++) {
        const size_t at = magazines->hand++ % entries;
        const size_t slot = at / (size_t)entry_count(magazines);
        release(magazines, pool,
                vlt_magazine_entries(magazines, (unsigned)slot, 0) +
                    at % (size_t)entry_count(magazines));
    }
    return fits(magazines, bytes);
}

void vlt_magazines_reserve(vlt_magazines *magazines, vlt_tensor_pool *pool, void *block,
                           size_t bytes)
{
    const unsigned slot = vlt_magazine_thread() % VLT_MAGAZINE_SLOTS;
    vlt_tensor_pool_tag *tag = vlt_tensor_pool_tag_of(block);
    vlt_magazine_entry *entry = vlt_magazine_entries(magazines, slot, vlt_pool_class(bytes));
    int way = 0;
    while (way < VLT_MAGAZINE_WAYS &&
           atomic_load_explicit(&entry[way].block, memory_order_relaxed) != VLT_ENTRY_FREE) {
        way++;
    }
    if (way < VLT_MAGAZINE_WAYS && make_room(magazines, pool, tag->footprint_bytes)) {
        magazines->slots_used = (int)slot < magazines->slots_used ? magazines->slots_used
                                                                  : (int)slot + 1;
        magazines->reserved_bytes += tag->footprint_bytes;
        entry[way].footprint_bytes = tag->footprint_bytes;
        tag->owner = &entry[way];
        atomic_store_explicit(&entry[way].block, VLT_ENTRY_OUT, memory_order_relaxed);
    }
}

void vlt_magazines_draw(vlt_magazines *magazines, vlt_tensor_pool *pool, size_t bytes)
{
    enum { REACH = 4 }; /* classes that a pool may reach up to */
    const int least = vlt_pool_class(bytes);
    for (int c = least; c <= least + REACH && c < magazines->classes; c++) {
        for (int slot = 0; slot < magazines->slots_used; slot++) {
            vlt_magazine_entry *entry = vlt_magazine_entries(magazines, (unsigned)slot, c);
            for (int way = 0; way < VLT_MAGAZINE_WAYS; way++) {
                if (release(magazines, pool, &entry[way]) && pool->has(pool->self, bytes)) {
                    return;
                }
            }
        }
    }
}

void vlt_magazines_flush(vlt_magazines *magazines, vlt_tensor_pool *pool)
{
    for (int slot = 0; slot < magazines->slots_used; slot++) {
        vlt_magazine_entry *entry = vlt_magazine_entries(magazines, (unsigned)slot, 0);
        for (int i = 0; i < entry_count(magazines); i++) {
            release(magazines, pool, &entry[i]);
        }
    }
}

void vlt_magazines_count(const vlt_magazines *magazines, vlt_tensor_pool_stats *stats)
{
    for (int slot = 0; slot < magazines->slots_used; slot++) {
        const vlt_magazine_entry *entry = vlt_magazine_entries(magazines, (unsigned)slot, 0);
        for (int i = 0; i < entry_count(magazines); i++) {
            const bool here = atomic_load_explicit(&entry[i].block, memory_order_relaxed) >
                              VLT_ENTRY_OUT;
            const size_t bytes = here ? entry[i].footprint_bytes : 0;
            stats->live_bytes -= bytes;
            stats->kept_bytes += bytes;
            stats->hits += atomic_load_explicit(&entry[i].hits, memory_order_relaxed);
        }
    }
}

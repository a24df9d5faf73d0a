/* A pool of size classes, four to an octave (a block is at most a quarter larger than asked for).
 *
 *   class 0   [ block ]<->[ block ]        newest first: what was used last is warm in the cache
 *   class 1   -
 *   class 2   [ block ]
 *   kept      oldest <-> ... <-> newest    all classes in one row: the oldest is evicted first
 *   live      [ block ]<->[ block ]<->...  all that are handed out: destroying the pool leaks none
 *
 * Where anything is kept, live and kept together are below the limit. A hit unlinks a block from
 * its class and from `kept` and links it into `live`: a few stores. The header lies in the cache
 * line in front of the block. Large blocks are mapped, not allocated, so that giving them back
 * really gives them back.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "optimizations/core/memory.h"
#include "optimizations/tensor_pool/tensor_pool_internal.h"
#include "optimizations/tensor_pool/tensor_pool_sizes.h"

enum {
    REQUEST_BITS = 48, /* no request beyond 2^48 bytes */
    CLASSES = 176,     /* vlt_pool_class(2^48) is 163, and acquire reaches a few further */
    PAGE_BYTES = 4096,
    MAP_MIN_BYTES = 128 << 10, /* where malloc would begin to map as well */
    HUGE_BYTES = 2 << 20
};

struct link {
    struct link *previous, *next;
};

/* In front of each block; `order` is first, so that a link of live or kept is a block. */
struct block {
    struct link order;           /* in live or kept */
    struct block *newer, *older; /* within the class, while kept */
    void *base;                  /* what the system gave */
    int16_t class_index;
    int16_t asked_class; /* the class that would have done, while live */
    bool live;
    vlt_tensor_pool_tag tag;
};

_Static_assert(sizeof(struct block) == VLT_ALIGN, "the holder's bytes begin at the next line");

struct state {
    vlt_tensor_pool_common common;
    vlt_tensor_pool_classes_options options;
    struct link live, kept; /* rings; kept.next is the oldest */
    struct block *newest[CLASSES];
    size_t footprint_bytes[CLASSES];
    size_t waste_bytes; /* what live blocks of a larger class than asked for take too much */
    unsigned next_colour;
};

static void ring_init(struct link *ring)
{
    ring->previous = ring->next = ring;
}

static void ring_append(struct link *ring, struct link *link)
{
    link->next = ring;
    link->previous = ring->previous;
    ring->previous->next = link;
    ring->previous = link;
}

static void ring_remove(struct link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
}

/* What a holder may use. */
static size_t bytes_of(const struct block *block)
{
    return vlt_pool_class_bytes(block->class_index);
}

static size_t footprint_of(const struct state *state, size_t class_bytes)
{
    size_t bytes = class_bytes + sizeof(struct block);
    if (class_bytes >= PAGE_BYTES) {
        bytes += (size_t)(state->options.colours - 1) * VLT_ALIGN;
    }
    return bytes < MAP_MIN_BYTES ? bytes : (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

/* Maps so that huge pages can lie in it: begins at a multiple of their size. */
static void *map_huge(size_t bytes)
{
    char *base = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    if (base == MAP_FAILED) {
        return NULL;
    }
    size_t before = (HUGE_BYTES - (uintptr_t)base % HUGE_BYTES) % HUGE_BYTES;
    if (before) {
        munmap(base, before);
    }
    if (before < HUGE_BYTES) {
        munmap(base + before + bytes, HUGE_BYTES - before);
    }
    madvise(base + before, bytes, MADV_HUGEPAGE); /* a wish: without it only speed is lost */
    return base + before;
}

static void *system_take(const struct state *state, size_t footprint)
{
    if (footprint < MAP_MIN_BYTES) {
        return aligned_alloc(VLT_ALIGN, footprint);
    }
    if (state->options.huge && footprint >= HUGE_BYTES) {
        return map_huge(footprint);
    }
    void *base = mmap(NULL, footprint, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return base == MAP_FAILED ? NULL : base;
}

static void system_give(struct block *block)
{
    VLT_UNPOISON(block + 1, bytes_of(block));
    if (block->tag.footprint_bytes < MAP_MIN_BYTES) {
        free(block->base);
    } else {
        munmap(block->base, block->tag.footprint_bytes);
    }
}

/* Out of its class and out of kept. */
static void take_kept(struct state *state, struct block *block)
{
    if (block->newer) {
        block->newer->older = block->older;
    } else {
        state->newest[block->class_index] = block->older;
    }
    if (block->older) {
        block->older->newer = block->newer;
    }
    ring_remove(&block->order);
    state->common.stats.kept_bytes -= block->tag.footprint_bytes;
}

static void drop_oldest(struct state *state)
{
    struct block *block = (struct block *)state->kept.next;
    take_kept(state, block);
    system_give(block);
}

static void hand_out(struct state *state, struct block *block, int asked_class, void **out)
{
    VLT_UNPOISON(block + 1, bytes_of(block));
    block->live = true;
    block->tag.owner = NULL;
    block->asked_class = (int16_t)asked_class;
    ring_append(&state->live, &block->order);
    state->common.stats.live_bytes += block->tag.footprint_bytes;
    *out = block + 1;
}

/* Evicts what it must. NULL when the system has no memory. */
static void *make_room(struct state *state, size_t footprint)
{
    bool fits = vlt_tensor_pool_fits(&state->common, footprint, true);
    void *base = fits ? system_take(state, footprint) : NULL;
    while (!base && state->kept.next != &state->kept) {
        drop_oldest(state);
        state->common.stats.evictions++;
        fits = vlt_tensor_pool_fits(&state->common, footprint, true);
        base = fits ? system_take(state, footprint) : NULL;
    }
    return base;
}

static vlt_status acquire_new(struct state *state, int class_index, void **out, vlt_error *err)
{
    vlt_tensor_pool_common *common = &state->common;
    const size_t class_bytes = vlt_pool_class_bytes(class_index);
    const size_t footprint = state->footprint_bytes[class_index];
    if (!vlt_tensor_pool_fits(common, footprint, false)) {
        return vlt_tensor_pool_refuse(common, footprint, err);
    }
    char *base = make_room(state, footprint);
    if (!base) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "tensor pool: no memory for %zu bytes", class_bytes);
    }
    size_t colour = class_bytes >= PAGE_BYTES
                        ? state->next_colour++ % (unsigned)state->options.colours
                        : 0;
    struct block *block = (struct block *)(base + colour * VLT_ALIGN);
    *block = (struct block){
        .base = base, .class_index = (int16_t)class_index, .tag = {.footprint_bytes = footprint}};
    common->stats.misses++;
    hand_out(state, block, class_index, out);
    vlt_tensor_pool_note_peak(common);
    return VLT_OK;
}

/* A larger block than needed makes live grow by more than asked: where there is a limit, all of
 * them together may waste a quarter of it, so that no later request is refused for their sake
 * unless it needs that last quarter. */
static bool may_waste(struct state *state, const struct block *block, int asked_class)
{
    size_t waste = block->tag.footprint_bytes - state->footprint_bytes[asked_class];
    size_t limit = state->common.limit_bytes;
    if (limit && state->waste_bytes + waste > limit / 4) {
        return false;
    }
    state->waste_bytes += waste;
    return true;
}

static vlt_status acquire(void *self, size_t bytes, void **out, vlt_error *err)
{
    struct state *state = self;
    *out = NULL;
    if (bytes > (size_t)1 << REQUEST_BITS) {
        return vlt_tensor_pool_refuse(&state->common, bytes, err);
    }
    const int asked = vlt_pool_class(bytes);
    for (int i = asked; i <= asked + state->options.reach; i++) {
        struct block *block = state->newest[i];
        if (block && (i == asked || may_waste(state, block, asked))) {
            take_kept(state, block);
            hand_out(state, block, asked, out);
            state->common.stats.hits++;
            return VLT_OK;
        }
    }
    return acquire_new(state, asked, out, err);
}

static bool has(const void *self, size_t bytes)
{
    const struct state *state = self;
    const int asked = bytes <= (size_t)1 << REQUEST_BITS ? vlt_pool_class(bytes) : CLASSES;
    for (int i = asked; i < CLASSES && i <= asked + state->options.reach; i++) {
        if (state->newest[i]) {
            return true;
        }
    }
    return false;
}

static void keep(struct state *state, struct block *block)
{
    block->newer = NULL;
    block->older = state->newest[block->class_index];
    if (block->older) {
        block->older->newer = block;
    }
    state->newest[block->class_index] = block;
    ring_append(&state->kept, &block->order);
    state->common.stats.kept_bytes += block->tag.footprint_bytes;
    VLT_POISON(block + 1, bytes_of(block));
}

static void release_block(void *self, void *pointer)
{
    struct state *state = self;
    if (!pointer) {
        return;
    }
    struct block *block = (struct block *)pointer - 1;
    assert(block->live);
    block->live = false;
    ring_remove(&block->order);
    state->common.stats.live_bytes -= block->tag.footprint_bytes;
    if (block->asked_class != block->class_index) {
        state->waste_bytes -= block->tag.footprint_bytes -
                              state->footprint_bytes[block->asked_class];
    }
    if (vlt_tensor_pool_fits(&state->common, block->tag.footprint_bytes, true)) {
        keep(state, block);
    } else { /* the limit was lowered while it was out */
        system_give(block);
        state->common.stats.evictions++;
    }
}

static void trim(void *self, size_t keep_bytes)
{
    struct state *state = self;
    while (state->common.stats.kept_bytes > keep_bytes) {
        drop_oldest(state);
        state->common.stats.trimmed++;
    }
}

static void set_limit(void *self, size_t limit_bytes)
{
    struct state *state = self;
    state->common.limit_bytes = limit_bytes;
    while (state->kept.next != &state->kept && !vlt_tensor_pool_fits(&state->common, 0, true)) {
        drop_oldest(state);
        state->common.stats.evictions++;
    }
}

vlt_status vlt_tensor_pool_classes_prepare(vlt_plan *plan,
                                           const vlt_tensor_pool_classes_options *options,
                                           vlt_error *err)
{
    void *memory;
    vlt_status status = vlt_alloc(sizeof(struct state), &memory, err);
    if (status == VLT_OK) {
        struct state *state = plan->state = memory;
        ring_init(&state->live);
        ring_init(&state->kept);
        state->options = *options;
        for (int i = 0; i < CLASSES; i++) {
            state->footprint_bytes[i] = footprint_of(state, vlt_pool_class_bytes(i));
        }
        vlt_tensor_pool_common_init(&state->common, plan,
                                    (vlt_tensor_pool){.acquire = acquire,
                                                      .release = release_block,
                                                      .has = has,
                                                      .trim = trim,
                                                      .set_limit = set_limit});
    }
    return status;
}

void vlt_tensor_pool_classes_release(vlt_plan *plan)
{
    struct state *state = plan->state;
    if (!state) {
        return;
    }
    trim(state, 0);
    while (state->live.next != &state->live) {
        struct block *block = (struct block *)state->live.next;
        ring_remove(&block->order);
        system_give(block);
    }
    vlt_free(state);
}

#include "harness/services/result_ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/services/result_queue.h"
#include "optimizations/core/compiler.h"
#include "optimizations/core/memory.h"

enum {
    UNIT = 8,
    BUCKET_SHARE = 1024,
    BUCKETS_MAX = 1 << 16,
    YOUNG_SHARE = 8,              /* of the limit, but */
    YOUNG_MOST_BYTES = 128 << 10, /* what stays in a core's cache beside what encodes */
    YOUNG_LEAST_BYTES = 64 << 10
};

/* Its key lies behind it, its value at the next unit. */
struct entry {
    uint64_t mark, filed; /* filed by its mark, or where another was by its hash */
    size_t key_bytes, value_bytes;
    uint32_t next; /* in the bucket: its place in units, from 1 on; 0: none */
    bool by_hash;
    bool used; /* since it was written, or moved */
};

_Static_assert(sizeof(struct entry) % UNIT == 0, "keys begin at units");

struct bucket {
    uint32_t first;
    uint32_t left : 24;  /* of what the last one that was forgotten here was filed by */
    uint32_t strays : 8; /* entries with such a mark that are filed by their hash; or too many */
};

enum { STRAYS_MANY = 255, TRACE_BITS = 24 };

struct vlt_result_ring {
    pthread_mutex_t lock;
    pthread_cond_t settled; /* a result was put or given up */
    int waiting;
    vlt_result_maker *makers;
    struct bucket *bucket; /* [bucket_count], a power of two; 0: nothing is kept */
    size_t bucket_count, bucket_bytes;
    unsigned char *block; /* of both queues */
    size_t block_bytes;
    vlt_result_queue young, old;
    size_t value_bytes; /* of the last result */
    int returns; /* so many young ones are kept unused, as others came again that were forgotten */
    vlt_content_stats stats;
};

static size_t round_up(size_t bytes)
{
    return (bytes + UNIT - 1) & ~(size_t)(UNIT - 1);
}

static unsigned char *value_of(struct entry *entry)
{
    return (unsigned char *)(entry + 1) + round_up(entry->key_bytes);
}

static size_t bytes_of(const struct entry *entry)
{
    return sizeof *entry + round_up(entry->key_bytes) + round_up(entry->value_bytes);
}

static struct entry *oldest(const vlt_result_queue *queue)
{
    return (struct entry *)(void *)(queue->block + queue->tail);
}

static struct entry *entry_of(const vlt_result_ring *ring, uint32_t number)
{
    return number ? (struct entry *)(void *)(ring->block + (size_t)(number - 1) * UNIT) : NULL;
}

static uint32_t number_of(const vlt_result_ring *ring, const void *entry)
{
    return (uint32_t)((size_t)((const unsigned char *)entry - ring->block) / UNIT) + 1;
}

static void count_bytes(vlt_result_ring *ring)
{
    ring->stats.bytes = sizeof *ring + ring->bucket_bytes + vlt_result_queue_bytes(&ring->young) +
                        vlt_result_queue_bytes(&ring->old);
}

static vlt_status take_memory(vlt_result_ring *ring, const vlt_memory_policy *policy,
                              vlt_error *err)
{
    const vlt_memory_policy pages = vlt_policy_of_pages(policy);
    void *block = NULL, *buckets = NULL;
    size_t count = 1, young = ring->stats.limit / YOUNG_SHARE / UNIT * UNIT;
    while (2 * count <= ring->stats.limit / BUCKET_SHARE && 2 * count <= BUCKETS_MAX) {
        count *= 2;
    }
    ring->bucket_bytes = count * sizeof *ring->bucket;
    ring->block_bytes = (ring->stats.limit - sizeof *ring - ring->bucket_bytes) / UNIT * UNIT;
    if (ring->block_bytes > (size_t)UINT32_MAX * UNIT) {
        ring->block_bytes = (size_t)UINT32_MAX * UNIT;
    }
    vlt_status status = vlt_pages_take(ring->bucket_bytes, &buckets, err);
    ring->bucket = buckets;
    if (status == VLT_OK) {
        status = vlt_policy_pages_take(&pages, ring->block_bytes, &block, err);
        ring->block = block;
    }
    young = young < YOUNG_LEAST_BYTES ? 0 : young < YOUNG_MOST_BYTES ? young : YOUNG_MOST_BYTES;
    ring->young = (vlt_result_queue){.block = ring->block, .room_bytes = young};
    ring->old = (vlt_result_queue){.block = ring->block + young,
                                   .room_bytes = ring->block_bytes - young};
    ring->bucket_count = count;
    count_bytes(ring);
    return status;
}

vlt_status vlt_result_ring_create(size_t limit_bytes, const vlt_memory_policy *policy,
                                  vlt_result_ring **out, vlt_error *err)
{
    vlt_result_ring *ring = *out = calloc(1, sizeof *ring);
    if (!ring) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a cache of %zu bytes", limit_bytes);
    }
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->settled, NULL);
    ring->stats.limit = limit_bytes;
    vlt_status status = limit_bytes >= 2 * BUCKET_SHARE ? take_memory(ring, policy, err) : VLT_OK;
    if (status != VLT_OK) {
        vlt_result_ring_destroy(ring);
        *out = NULL;
    }
    return status;
}

void vlt_result_ring_destroy(vlt_result_ring *ring)
{
    if (ring) {
        vlt_pages_release(ring->block, ring->block_bytes);
        vlt_pages_release(ring->bucket, ring->bucket_bytes);
        pthread_cond_destroy(&ring->settled);
        pthread_mutex_destroy(&ring->lock);
        free(ring);
    }
}

static struct bucket *bucket_of(vlt_result_ring *ring, uint64_t filed)
{
    return &ring->bucket[filed & (ring->bucket_count - 1)];
}

/* Where the entry is linked. */
static uint32_t *link_of(vlt_result_ring *ring, const struct entry *entry)
{
    uint32_t *link = &bucket_of(ring, entry->filed)->first;
    while (*link != number_of(ring, entry)) {
        link = &entry_of(ring, *link)->next;
    }
    return link;
}

/* An entry that is filed so; `asked` not NULL: with that key. */
static struct entry *find_filed(vlt_result_ring *ring, uint64_t filed, bool by_hash,
                                const vlt_result_maker *asked)
{
    struct entry *entry = entry_of(ring, bucket_of(ring, filed)->first);
    while (entry && !(entry->filed == filed && entry->by_hash == by_hash &&
                      (!asked || (entry->key_bytes == asked->key_bytes &&
                                  vlt_content_same(entry + 1, asked->key, asked->key_pieces))))) {
        entry = entry_of(ring, entry->next);
    }
    return entry;
}

/* Outside of the lock, which is taken again. */
static void hash_whole(vlt_result_ring *ring, vlt_result_maker *maker)
{
    size_t bytes;
    pthread_mutex_unlock(&ring->lock);
    maker->hash = vlt_content_hash(maker->key, maker->key_pieces, &bytes);
    maker->hashed = true;
    pthread_mutex_lock(&ring->lock);
}

static struct entry *find(vlt_result_ring *ring, vlt_result_maker *asked)
{
    if (!ring->bucket_count) {
        return NULL;
    }
    if (!asked->hashed && bucket_of(ring, asked->mark)->strays) {
        hash_whole(ring, asked);
    }
    struct entry *entry = find_filed(ring, asked->mark, false, asked);
    return entry || !bucket_of(ring, asked->mark)->strays
               ? entry
               : find_filed(ring, asked->hash, true, asked);
}

/* Of what an entry is filed by, to be told from others; never 0. */
static uint32_t trace_of(uint64_t filed)
{
    return (uint32_t)(filed >> (64 - TRACE_BITS)) | 1;
}

/* Where there were too many once, none is taken off any more: that costs a look too much. */
static void count_stray(vlt_result_ring *ring, uint64_t mark, int change)
{
    struct bucket *bucket = bucket_of(ring, mark);
    if (bucket->strays != STRAYS_MANY) {
        bucket->strays = (uint32_t)((int)bucket->strays + change) & STRAYS_MANY;
    }
}

static void forget_oldest(vlt_result_ring *ring, vlt_result_queue *queue)
{
    const struct entry *entry = oldest(queue);
    *link_of(ring, entry) = entry->next;
    if (entry->by_hash) {
        count_stray(ring, entry->mark, -1);
    }
    bucket_of(ring, entry->filed)->left = trace_of(entry->filed);
    vlt_result_queue_remove(queue, bytes_of(entry));
    ring->stats.evictions++;
}

/* The oldest of a queue becomes the newest of the old ones. What it leaves in its own queue is room
 * enough for it: at its place, behind the newest, or at the beginning of the block. */
static void move_oldest(vlt_result_ring *ring, vlt_result_queue *from)
{
    struct entry *entry = oldest(from);
    const size_t bytes = bytes_of(entry);
    uint32_t *link = link_of(ring, entry);
    size_t place;
    entry->used = false;
    vlt_result_queue_remove(from, bytes);
    vlt_result_queue_room(&ring->old, bytes, &place);
    *link = number_of(ring, ring->old.block + place); /* in a bucket, or in another entry */
    vlt_result_queue_append(&ring->old, place, bytes);
    memmove(ring->old.block + place, entry, bytes);
}

static void make_room_among_old(vlt_result_ring *ring, size_t bytes, size_t *place)
{
    enum { MOVES = 16 }; /* so that one result waits for few copies, whatever was used */
    for (int moves = 0; !vlt_result_queue_room(&ring->old, bytes, place);) {
        if (oldest(&ring->old)->used && moves++ < MOVES) {
            move_oldest(ring, &ring->old);
        } else {
            forget_oldest(ring, &ring->old);
        }
    }
}

static void make_room_among_young(vlt_result_ring *ring, size_t bytes, size_t *place)
{
    while (!vlt_result_queue_room(&ring->young, bytes, place)) {
        const struct entry *entry = oldest(&ring->young);
        size_t unused;
        if (entry->used) {
            make_room_among_old(ring, bytes_of(entry), &unused);
            move_oldest(ring, &ring->young);
        } else if (ring->returns && vlt_result_queue_room(&ring->old, bytes_of(entry), &unused)) {
            ring->returns--;
            move_oldest(ring, &ring->young);
        } else {
            forget_oldest(ring, &ring->young);
        }
    }
}

static bool came_again(vlt_result_ring *ring, uint64_t filed)
{
    enum { RETURNS = 8, RETURNS_MOST = 64 }; /* worth it where one of so many comes again */
    struct bucket *bucket = bucket_of(ring, filed);
    if (bucket->left != trace_of(filed)) {
        return false;
    }
    bucket->left = 0;
    ring->returns = ring->returns + RETURNS < RETURNS_MOST ? ring->returns + RETURNS : RETURNS_MOST;
    return true;
}

/* What was forgotten before, or would fill the young ones' room, is old at once. NULL: no room. */
static vlt_result_queue *choose_queue(vlt_result_ring *ring, const vlt_result_maker *maker,
                                      size_t bytes)
{
    if (bytes <= ring->young.room_bytes / 2 && !came_again(ring, maker->mark) &&
        !(maker->hashed && came_again(ring, maker->hash))) {
        return &ring->young;
    }
    return bytes <= ring->old.room_bytes / 2 ? &ring->old : NULL;
}

/* Files the entry, which is to be written at its place. */
static void file(vlt_result_ring *ring, struct entry *shape, const vlt_result_maker *maker,
                 uint32_t number)
{
    shape->mark = shape->filed = maker->mark;
    if (find_filed(ring, maker->mark, false, NULL)) {
        shape->by_hash = true;
        shape->filed = maker->hash;
        count_stray(ring, maker->mark, 1);
    }
    struct bucket *bucket = bucket_of(ring, shape->filed);
    shape->next = bucket->first;
    bucket->first = number;
}

static void insert(vlt_result_ring *ring, const vlt_result_maker *maker, const void *value,
                   size_t value_bytes)
{
    struct entry shape = {.key_bytes = maker->key_bytes, .value_bytes = value_bytes};
    const size_t most = ring->old.room_bytes / 2;
    vlt_result_queue *queue = maker->key_bytes <= most && value_bytes <= most
                                  ? choose_queue(ring, maker, bytes_of(&shape))
                                  : NULL;
    size_t place;
    if (!queue) {
        return;
    }
    if (queue == &ring->young) {
        make_room_among_young(ring, bytes_of(&shape), &place);
    } else {
        make_room_among_old(ring, bytes_of(&shape), &place);
    }
    struct entry *entry = (struct entry *)(void *)(queue->block + place);
    file(ring, &shape, maker, number_of(ring, entry));
    vlt_result_queue_append(queue, place, bytes_of(&shape));
    *entry = shape;
    vlt_content_join(entry + 1, maker->key, maker->key_pieces);
    if (value_bytes) {
        memcpy(value_of(entry), value, value_bytes);
    }
    count_bytes(ring);
}

static bool is_being_made(const vlt_result_ring *ring, const vlt_result_maker *asked)
{
    for (const vlt_result_maker *maker = ring->makers; maker; maker = maker->next) {
        if (maker->mark == asked->mark && maker->key_bytes == asked->key_bytes) {
            bool same = maker->key_pieces == asked->key_pieces;
            for (int i = 0; same && i < asked->key_pieces; i++) {
                same = maker->key[i].bytes == asked->key[i].bytes &&
                       vlt_content_same(maker->key[i].data, &asked->key[i], 1);
            }
            if (same) {
                return true;
            }
        }
    }
    return false;
}

/* Where a result will be written, and how much, by what the last one took. */
static const unsigned char *expected_place(const vlt_result_ring *ring,
                                           const vlt_result_maker *maker, size_t *bytes)
{
    const vlt_result_queue *queue = ring->young.room_bytes ? &ring->young : &ring->old;
    size_t place;
    *bytes = sizeof(struct entry) + round_up(maker->key_bytes) + ring->value_bytes;
    vlt_result_queue_room(queue, *bytes, &place);
    *bytes = *bytes < queue->room_bytes - place ? *bytes : queue->room_bytes - place;
    return queue->block + place;
}

/* On its way into the core's cache while the result is made: writing there waits for each line
 * otherwise, and for what is forgotten there. */
static void fetch(const unsigned char *place, size_t bytes)
{
    enum { MOST_BYTES = 8 << 10, LINE_BYTES = 64 };
    bytes = bytes < MOST_BYTES ? bytes : MOST_BYTES;
    for (size_t at = 0; at < bytes; at += LINE_BYTES) {
        VLT_PREFETCH(place + at);
    }
}

vlt_result vlt_result_ring_take(vlt_result_ring *ring, const vlt_content_piece *key, int key_pieces,
                                vlt_result_maker *maker, void **value, size_t *bytes)
{
    vlt_result result = VLT_RESULT_TO_MAKE;
    const unsigned char *place = NULL;
    size_t place_bytes = 0;
    *maker = (vlt_result_maker){.key = key, .key_pieces = key_pieces};
    maker->mark = vlt_content_mark(key, key_pieces, &maker->key_bytes);
    *value = NULL;
    *bytes = 0;
    pthread_mutex_lock(&ring->lock);
    struct entry *entry = find(ring, maker);
    while (!entry && is_being_made(ring, maker)) {
        ring->waiting++;
        pthread_cond_wait(&ring->settled, &ring->lock);
        ring->waiting--;
        entry = find(ring, maker);
    }
    if (entry) {
        ring->stats.hits++;
        entry->used = true;
        *value = malloc(entry->value_bytes + 1);
        if (*value) {
            *bytes = entry->value_bytes;
            memcpy(*value, value_of(entry), *bytes);
        }
        result = *value ? VLT_RESULT_KEPT : VLT_RESULT_NO_MEMORY;
    } else {
        ring->stats.misses++;
        maker->next = ring->makers;
        ring->makers = maker;
        place = ring->bucket_count ? expected_place(ring, maker, &place_bytes) : NULL;
    }
    pthread_mutex_unlock(&ring->lock);
    fetch(place, place_bytes);
    return result;
}

/* No longer one of the makers: who waits looks again. Under the lock. */
static void settle(vlt_result_ring *ring, const vlt_result_maker *maker)
{
    vlt_result_maker **link = &ring->makers;
    while (*link != maker) {
        link = &(*link)->next;
    }
    *link = maker->next;
    if (ring->waiting) {
        pthread_cond_broadcast(&ring->settled);
    }
}

void vlt_result_ring_put(vlt_result_ring *ring, vlt_result_maker *maker, const void *value,
                         size_t bytes)
{
    pthread_mutex_lock(&ring->lock);
    if (!maker->hashed && ring->bucket_count && find_filed(ring, maker->mark, false, NULL)) {
        hash_whole(ring, maker);
    }
    if (ring->bucket_count) {
        insert(ring, maker, value, bytes);
        ring->value_bytes = bytes;
    }
    settle(ring, maker);
    pthread_mutex_unlock(&ring->lock);
}

void vlt_result_ring_give_up(vlt_result_ring *ring, vlt_result_maker *maker)
{
    pthread_mutex_lock(&ring->lock);
    settle(ring, maker);
    pthread_mutex_unlock(&ring->lock);
}

void vlt_result_ring_trim(vlt_result_ring *ring, size_t keep_bytes)
{
    if (!ring) {
        return;
    }
    pthread_mutex_lock(&ring->lock);
    const size_t before = ring->stats.bytes;
    while (ring->stats.bytes > keep_bytes && ring->young.count + ring->old.count) {
        forget_oldest(ring, ring->old.count ? &ring->old : &ring->young);
        count_bytes(ring);
    }
    if (ring->stats.bytes < before) {
        vlt_result_queue_forget(&ring->old);
        vlt_result_queue_forget(&ring->young);
    }
    pthread_mutex_unlock(&ring->lock);
}

void vlt_result_ring_look(vlt_result_ring *ring, vlt_content_stats *out)
{
    *out = (vlt_content_stats){0};
    if (ring) {
        pthread_mutex_lock(&ring->lock);
        *out = ring->stats;
        pthread_mutex_unlock(&ring->lock);
    }
}

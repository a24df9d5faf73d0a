#include "harness/services/content_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "optimizations/core/memory.h"

/* malloc's own share of a block, and rounding. */
enum { BLOCK_OVERHEAD = 32, BUCKET_SHARE = 1024, BUCKETS_MAX = 1 << 16 };

struct vlt_content_entry {
    uint64_t hash;
    vlt_content_entry *next;          /* in the bucket */
    vlt_content_entry *older, *newer; /* by use; made ones only */
    void *value;
    size_t value_bytes, key_bytes;
    int users; /* that read it, or make it: it stays in the table */
    bool made;
    unsigned char key[];
};

struct vlt_content_cache {
    pthread_mutex_t lock;
    pthread_cond_t settled; /* an entry was made or given up */
    vlt_content_entry **bucket;
    size_t bucket_count; /* power of two; 0: nothing is kept */
    vlt_content_entry *oldest, *newest;
    vlt_content_stats stats;
};

static size_t entry_bytes(const vlt_content_entry *entry)
{
    return sizeof *entry + entry->key_bytes + BLOCK_OVERHEAD +
           (entry->value ? entry->value_bytes + BLOCK_OVERHEAD : 0);
}

vlt_status vlt_content_cache_create(size_t limit_bytes, vlt_content_cache **out, vlt_error *err)
{
    size_t buckets = 0;
    vlt_content_cache *cache = *out = calloc(1, sizeof *cache);
    for (size_t next = 1; next <= limit_bytes / BUCKET_SHARE && next <= BUCKETS_MAX; next *= 2) {
        buckets = next;
    }
    if (cache && buckets) {
        cache->bucket = calloc(buckets, sizeof(vlt_content_entry *));
    }
    if (!cache || (buckets && !cache->bucket)) {
        free(cache);
        *out = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a cache of %zu bytes", limit_bytes);
    }
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->settled, NULL);
    cache->bucket_count = buckets;
    cache->stats.limit = limit_bytes;
    cache->stats.bytes = buckets ? buckets * sizeof(vlt_content_entry *) + BLOCK_OVERHEAD : 0;
    return VLT_OK;
}

static vlt_content_entry **link_of(const vlt_content_cache *cache, const vlt_content_entry *entry)
{
    vlt_content_entry **link = &cache->bucket[entry->hash & (cache->bucket_count - 1)];
    while (*link != entry) {
        link = &(*link)->next;
    }
    return link;
}

static void forget_use(vlt_content_cache *cache, vlt_content_entry *entry)
{
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    entry->older = entry->newer = NULL;
}

static void note_use(vlt_content_cache *cache, vlt_content_entry *entry)
{
    entry->older = cache->newest;
    entry->newer = NULL;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void free_entry(vlt_content_cache *cache, vlt_content_entry *entry)
{
    cache->stats.bytes -= entry_bytes(entry);
    free(entry->value);
    free(entry);
}

static void evict(vlt_content_cache *cache, vlt_content_entry *entry)
{
    *link_of(cache, entry) = entry->next;
    forget_use(cache, entry);
    free_entry(cache, entry);
    cache->stats.evictions++;
}

/* Entries in use would free nothing yet: they stay, for whoever asks for them next. */
static bool make_room(vlt_content_cache *cache, size_t bytes, size_t limit)
{
    vlt_content_entry *entry = bytes <= limit ? cache->oldest : NULL;
    while (entry && cache->stats.bytes > limit - bytes) {
        vlt_content_entry *newer = entry->newer;
        if (!entry->users) {
            evict(cache, entry);
        }
        entry = newer;
    }
    return bytes <= limit && cache->stats.bytes <= limit - bytes;
}

void vlt_content_cache_destroy(vlt_content_cache *cache)
{
    if (cache) {
        make_room(cache, 0, 0);
        pthread_cond_destroy(&cache->settled);
        pthread_mutex_destroy(&cache->lock);
        free(cache->bucket);
        free(cache);
    }
}

static vlt_content_entry *find(const vlt_content_cache *cache, uint64_t hash, size_t key_bytes,
                               const vlt_content_piece *key, int pieces)
{
    vlt_content_entry *entry = cache->bucket[hash & (cache->bucket_count - 1)];
    while (entry && !(entry->hash == hash && entry->key_bytes == key_bytes &&
                      vlt_content_same(entry->key, key, pieces))) {
        entry = entry->next;
    }
    return entry;
}

/* Under the lock. NULL: no room or no memory. */
static vlt_content_entry *insert(vlt_content_cache *cache, uint64_t hash, size_t key_bytes,
                                 const vlt_content_piece *key, int pieces)
{
    const vlt_content_entry shape = {.hash = hash, .key_bytes = key_bytes, .users = 1};
    size_t bytes = entry_bytes(&shape);
    if (bytes < key_bytes || bytes > cache->stats.limit / 2 ||
        !make_room(cache, bytes, cache->stats.limit)) {
        return NULL;
    }
    vlt_content_entry *entry = malloc(sizeof *entry + key_bytes);
    if (!entry) {
        return NULL;
    }
    *entry = shape;
    vlt_content_join(entry->key, key, pieces);
    vlt_content_entry **bucket = &cache->bucket[hash & (cache->bucket_count - 1)];
    entry->next = *bucket;
    *bucket = entry;
    cache->stats.bytes += bytes;
    return entry;
}

bool vlt_content_cache_has(vlt_content_cache *cache, const vlt_content_piece *key, int key_pieces)
{
    size_t key_bytes;
    if (!cache || !cache->bucket_count) {
        return false;
    }
    const uint64_t hash = vlt_content_hash(key, key_pieces, &key_bytes);
    pthread_mutex_lock(&cache->lock);
    const bool has = find(cache, hash, key_bytes, key, key_pieces) != NULL;
    pthread_mutex_unlock(&cache->lock);
    return has;
}

vlt_content_entry *vlt_content_cache_take(vlt_content_cache *cache, const vlt_content_piece *key,
                                          int key_pieces, bool *make)
{
    size_t key_bytes;
    *make = true;
    if (!cache || !cache->stats.limit) {
        return NULL;
    }
    const uint64_t hash = vlt_content_hash(key, key_pieces, &key_bytes);
    pthread_mutex_lock(&cache->lock);
    vlt_content_entry *entry = NULL;
    while (cache->bucket_count) {
        entry = find(cache, hash, key_bytes, key, key_pieces);
        if (!entry || entry->made) {
            break;
        }
        pthread_cond_wait(&cache->settled, &cache->lock);
    }
    *make = !entry;
    if (entry) {
        cache->stats.hits++;
        entry->users++;
        forget_use(cache, entry);
        note_use(cache, entry);
    } else {
        cache->stats.misses++;
        entry = cache->bucket_count ? insert(cache, hash, key_bytes, key, key_pieces) : NULL;
    }
    pthread_mutex_unlock(&cache->lock);
    return entry;
}

const void *vlt_content_value(const vlt_content_entry *entry, size_t *bytes)
{
    *bytes = entry->value_bytes;
    return entry->value;
}

void vlt_content_cache_drop(vlt_content_cache *cache, vlt_content_entry *entry)
{
    if (entry) {
        pthread_mutex_lock(&cache->lock);
        entry->users--;
        pthread_mutex_unlock(&cache->lock);
    }
}

/* The value in memory that is accounted for, or NULL. */
static void *take_value(vlt_content_cache *cache, size_t bytes)
{
    pthread_mutex_lock(&cache->lock);
    bool room = bytes < SIZE_MAX - BLOCK_OVERHEAD &&
                make_room(cache, bytes + BLOCK_OVERHEAD, cache->stats.limit);
    cache->stats.bytes += room ? bytes + BLOCK_OVERHEAD : 0;
    pthread_mutex_unlock(&cache->lock);
    void *value = room ? malloc(bytes ? bytes : 1) : NULL;
    if (room && !value) {
        pthread_mutex_lock(&cache->lock);
        cache->stats.bytes -= bytes + BLOCK_OVERHEAD;
        pthread_mutex_unlock(&cache->lock);
    }
    return value;
}

void vlt_content_cache_put(vlt_content_cache *cache, vlt_content_entry *entry,
                           const vlt_content_piece *piece, int pieces)
{
    size_t bytes = 0;
    if (!entry) {
        return;
    }
    for (int i = 0; i < pieces; i++) {
        if (!vlt_add_size(bytes, piece[i].bytes, &bytes)) {
            bytes = SIZE_MAX;
            break;
        }
    }
    void *value = take_value(cache, bytes);
    if (!value) {
        vlt_content_cache_give_up(cache, entry);
        return;
    }
    vlt_content_join(value, piece, pieces);
    pthread_mutex_lock(&cache->lock);
    entry->value = value;
    entry->value_bytes = bytes;
    entry->made = true;
    entry->users--;
    note_use(cache, entry);
    pthread_cond_broadcast(&cache->settled);
    pthread_mutex_unlock(&cache->lock);
}

void vlt_content_cache_give_up(vlt_content_cache *cache, vlt_content_entry *entry)
{
    if (entry) {
        pthread_mutex_lock(&cache->lock);
        *link_of(cache, entry) = entry->next;
        free_entry(cache, entry);
        pthread_cond_broadcast(&cache->settled);
        pthread_mutex_unlock(&cache->lock);
    }
}

void vlt_content_cache_trim(vlt_content_cache *cache, size_t keep_bytes)
{
    if (cache) {
        pthread_mutex_lock(&cache->lock);
        make_room(cache, 0, keep_bytes);
        pthread_mutex_unlock(&cache->lock);
    }
}

void vlt_content_cache_look(vlt_content_cache *cache, vlt_content_stats *out)
{
    *out = (vlt_content_stats){0};
    if (cache) {
        pthread_mutex_lock(&cache->lock);
        *out = cache->stats;
        pthread_mutex_unlock(&cache->lock);
    }
}

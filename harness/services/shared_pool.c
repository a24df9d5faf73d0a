#include "harness/services/shared_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "harness/services/pool_magazines.h"

/* In front of a block that is not pooled. */
struct large {
    size_t bytes;
    unsigned char unused[VLT_ALIGN - sizeof(size_t) - sizeof(vlt_tensor_pool_tag)];
    vlt_tensor_pool_tag tag; /* owner: the pool */
};

_Static_assert(sizeof(struct large) == VLT_ALIGN, "the tag lies in front of the block");

struct vlt_shared_pool {
    vlt_magazines magazines; /* without a lock */
    size_t largest_bytes, kept_bytes;
    pthread_mutex_t lock; /* of everything below */
    vlt_plan *plan;
    vlt_tensor_pool pool;
    vlt_block_source source;
    vlt_tensor_pool_stats large_stats; /* misses and live bytes of the large ones */
    uint64_t asked;                    /* when it was aged last */
};

static vlt_status take_large(vlt_shared_pool *pool, size_t bytes, void **out, vlt_error *err)
{
    void *block = NULL;
    size_t whole;
    *out = NULL;
    vlt_status status = vlt_add_size(bytes, sizeof(struct large), &whole)
                            ? vlt_alloc_filled(whole, &block, err)
                            : vlt_fail(err, VLT_STATUS_LIMIT,
                                       "block of %zu bytes: beyond the address space", bytes);
    if (status != VLT_OK) {
        return status;
    }
    struct large *large = block;
    *large = (struct large){.bytes = bytes, .tag = {.owner = pool, .footprint_bytes = whole}};
    pthread_mutex_lock(&pool->lock);
    pool->large_stats.misses++;
    pool->large_stats.live_bytes += whole;
    pthread_mutex_unlock(&pool->lock);
    *out = large + 1;
    return VLT_OK;
}

static void give_large(vlt_shared_pool *pool, void *block)
{
    struct large *large = (struct large *)block - 1;
    pthread_mutex_lock(&pool->lock);
    pool->large_stats.live_bytes -= large->tag.footprint_bytes;
    pthread_mutex_unlock(&pool->lock);
    large->tag.owner = NULL; /* given back twice it is nobody's */
    vlt_free(large);
}

/* What magazines are reserved for counts as if it were there, so that it may come back any time.
 * Under the lock. */
static void keep_limit(vlt_shared_pool *pool)
{
    vlt_tensor_pool_stats stats;
    const size_t most = pool->kept_bytes - pool->magazines.reserved_bytes;
    pool->pool.stats(pool->pool.self, &stats);
    if (stats.kept_bytes > most) {
        pool->pool.trim(pool->pool.self, most);
    }
}

static VLT_NOINLINE vlt_status take_pooled(vlt_shared_pool *pool, size_t bytes, void **out,
                                           vlt_error *err)
{
    vlt_tensor_pool *inner = &pool->pool;
    pthread_mutex_lock(&pool->lock);
    if (pool->magazines.slots && !inner->has(inner->self, bytes)) {
        vlt_magazines_draw(&pool->magazines, inner, bytes);
    }
    vlt_status status = inner->acquire(inner->self, bytes, out, err);
    if (status == VLT_OK && pool->magazines.slots) {
        vlt_magazines_reserve(&pool->magazines, inner, *out, bytes);
        keep_limit(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

static vlt_status take(void *user, size_t bytes, void **out, vlt_error *err)
{
    vlt_shared_pool *pool = user;
    void *block = vlt_magazines_take(&pool->magazines, bytes);
    if (VLT_LIKELY(block)) {
        *out = block;
        return VLT_OK;
    }
    return bytes > pool->largest_bytes ? take_large(pool, bytes, out, err)
                                       : take_pooled(pool, bytes, out, err);
}

static VLT_NOINLINE void give_pooled(vlt_shared_pool *pool, void *block)
{
    pthread_mutex_lock(&pool->lock);
    pool->pool.release(pool->pool.self, block);
    keep_limit(pool);
    pthread_mutex_unlock(&pool->lock);
}

static void give(void *user, void *block)
{
    vlt_shared_pool *pool = user;
    if (!block || VLT_LIKELY(vlt_magazines_give(&pool->magazines, block))) {
        return;
    }
    if (vlt_tensor_pool_tag_of(block)->owner == pool) {
        give_large(pool, block);
    } else {
        give_pooled(pool, block);
    }
}

vlt_status vlt_shared_pool_create(vlt_context *context, size_t largest_bytes, size_t kept_bytes,
                                  vlt_shared_pool **out, vlt_error *err)
{
    const vlt_problem problem = vlt_tensor_pool_problem(64, (int64_t)largest_bytes, 0);
    vlt_shared_pool *pool = *out = calloc(1, sizeof *pool);
    if (!pool) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a pool");
    }
    pthread_mutex_init(&pool->lock, NULL);
    pool->largest_bytes = largest_bytes;
    pool->kept_bytes = kept_bytes;
    pool->source = (vlt_block_source){take, give, pool};
    vlt_status status = vlt_plan_create(context, &problem, &pool->plan, err);
    if (status == VLT_OK) {
        pool->pool = vlt_tensor_pool_of(pool->plan);
    }
    if (status == VLT_OK && pool->pool.has) {
        status = vlt_magazines_init(&pool->magazines, largest_bytes, kept_bytes / 2, err);
    }
    if (status != VLT_OK) {
        vlt_shared_pool_destroy(pool);
        *out = NULL;
    }
    return status;
}

void vlt_shared_pool_destroy(vlt_shared_pool *pool)
{
    if (pool) {
        if (pool->magazines.slots) {
            vlt_magazines_flush(&pool->magazines, &pool->pool);
        }
        vlt_plan_destroy(pool->plan);
        vlt_magazines_release(&pool->magazines);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
    }
}

const vlt_block_source *vlt_shared_pool_source(vlt_shared_pool *pool)
{
    return &pool->source;
}

/* Under the lock. */
static void count(const vlt_shared_pool *pool, vlt_tensor_pool_stats *stats)
{
    pool->pool.stats(pool->pool.self, stats);
    vlt_magazines_count(&pool->magazines, stats);
}

static void trim(vlt_shared_pool *pool, size_t keep_bytes)
{
    vlt_tensor_pool_stats stats;
    count(pool, &stats);
    if (stats.kept_bytes > keep_bytes) {
        vlt_magazines_flush(&pool->magazines, &pool->pool);
        pool->pool.trim(pool->pool.self, keep_bytes);
    }
}

void vlt_shared_pool_trim(vlt_shared_pool *pool, size_t keep_bytes)
{
    if (pool) {
        pthread_mutex_lock(&pool->lock);
        trim(pool, keep_bytes);
        pthread_mutex_unlock(&pool->lock);
    }
}

void vlt_shared_pool_age(vlt_shared_pool *pool)
{
    vlt_tensor_pool_stats stats;
    if (!pool) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    count(pool, &stats);
    if (stats.hits + stats.misses == pool->asked) {
        trim(pool, 0);
    }
    pool->asked = stats.hits + stats.misses;
    pthread_mutex_unlock(&pool->lock);
}

void vlt_shared_pool_look(vlt_shared_pool *pool, vlt_tensor_pool_stats *out)
{
    *out = (vlt_tensor_pool_stats){0};
    if (pool) {
        pthread_mutex_lock(&pool->lock);
        count(pool, out);
        out->misses += pool->large_stats.misses;
        out->live_bytes += pool->large_stats.live_bytes;
        pthread_mutex_unlock(&pool->lock);
    }
}

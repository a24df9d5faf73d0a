#include "harness/services/shared_pool.h"

#include <pthread.h>
#include <stdlib.h>

/* A block that is not pooled. */
struct large {
    struct large *next;
    void *block;
    size_t bytes;
};

struct vlt_shared_pool {
    pthread_mutex_t lock;
    vlt_plan *plan;
    vlt_tensor_pool pool;
    vlt_block_source source;
    size_t largest_bytes, kept_bytes;
    struct large *large;
    vlt_tensor_pool_stats large_stats; /* misses and live bytes of the large ones */
    uint64_t asked;                    /* when it was aged last */
};

static vlt_status take_large(vlt_shared_pool *pool, size_t bytes, void **out, vlt_error *err)
{
    struct large *large = malloc(sizeof *large);
    *out = NULL;
    if (!large) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a block of %zu bytes", bytes);
    }
    vlt_status status = vlt_alloc_filled(bytes, out, err);
    if (status != VLT_OK) {
        free(large);
        return status;
    }
    pthread_mutex_lock(&pool->lock);
    *large = (struct large){pool->large, *out, bytes};
    pool->large = large;
    pool->large_stats.misses++;
    pool->large_stats.live_bytes += bytes;
    pthread_mutex_unlock(&pool->lock);
    return VLT_OK;
}

static vlt_status take(void *user, size_t bytes, void **out, vlt_error *err)
{
    vlt_shared_pool *pool = user;
    if (bytes > pool->largest_bytes) {
        return take_large(pool, bytes, out, err);
    }
    pthread_mutex_lock(&pool->lock);
    vlt_status status = pool->pool.acquire(pool->pool.self, bytes, out, err);
    pthread_mutex_unlock(&pool->lock);
    return status;
}

/* Out of the list of large ones; NULL: it is none. Under the lock. */
static struct large *find_large(vlt_shared_pool *pool, const void *block)
{
    struct large **link = &pool->large;
    while (*link && (*link)->block != block) {
        link = &(*link)->next;
    }
    struct large *large = *link;
    if (large) {
        *link = large->next;
        pool->large_stats.live_bytes -= large->bytes;
    }
    return large;
}

static void give(void *user, void *block)
{
    vlt_shared_pool *pool = user;
    vlt_tensor_pool_stats stats;
    pthread_mutex_lock(&pool->lock);
    struct large *large = find_large(pool, block);
    if (!large) {
        pool->pool.release(pool->pool.self, block);
        pool->pool.stats(pool->pool.self, &stats);
        if (stats.kept_bytes > pool->kept_bytes) {
            pool->pool.trim(pool->pool.self, pool->kept_bytes);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (large) {
        vlt_free(large->block);
        free(large);
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
    if (status != VLT_OK) {
        vlt_shared_pool_destroy(pool);
        *out = NULL;
        return status;
    }
    pool->pool = vlt_tensor_pool_of(pool->plan);
    return VLT_OK;
}

void vlt_shared_pool_destroy(vlt_shared_pool *pool)
{
    if (pool) {
        vlt_plan_destroy(pool->plan);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
    }
}

const vlt_block_source *vlt_shared_pool_source(vlt_shared_pool *pool)
{
    return &pool->source;
}

void vlt_shared_pool_trim(vlt_shared_pool *pool, size_t keep_bytes)
{
    if (pool) {
        pthread_mutex_lock(&pool->lock);
        pool->pool.trim(pool->pool.self, keep_bytes);
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
    pool->pool.stats(pool->pool.self, &stats);
    if (stats.hits + stats.misses == pool->asked) {
        pool->pool.trim(pool->pool.self, 0);
    }
    pool->asked = stats.hits + stats.misses;
    pthread_mutex_unlock(&pool->lock);
}

void vlt_shared_pool_look(vlt_shared_pool *pool, vlt_tensor_pool_stats *out)
{
    *out = (vlt_tensor_pool_stats){0};
    if (pool) {
        pthread_mutex_lock(&pool->lock);
        pool->pool.stats(pool->pool.self, out);
        out->misses += pool->large_stats.misses;
        out->live_bytes += pool->large_stats.live_bytes;
        pthread_mutex_unlock(&pool->lock);
    }
}

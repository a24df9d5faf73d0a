/* The pool as many threads see it: blocks are reused, limits hold, large ones pass, age empties. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "harness/services/shared_pool.h"
#include "tests/support/variants.h"

static test_context test;

static vlt_shared_pool *pool_of(size_t largest, size_t kept)
{
    vlt_shared_pool *pool = NULL;
    test_context_init(&test);
    cr_assert_eq(vlt_shared_pool_create(&test.context, largest, kept, &pool, NULL), VLT_OK);
    return pool;
}

static void end(vlt_shared_pool *pool)
{
    vlt_shared_pool_destroy(pool);
    test_context_release(&test);
}

static void *take(vlt_shared_pool *pool, size_t bytes)
{
    void *block = NULL;
    cr_assert_eq(vlt_block_take(vlt_shared_pool_source(pool), bytes, &block, NULL), VLT_OK);
    memset(block, 7, bytes);
    return block;
}

static void give(vlt_shared_pool *pool, void *block)
{
    vlt_block_give(vlt_shared_pool_source(pool), block);
}

static vlt_tensor_pool_stats look(vlt_shared_pool *pool)
{
    vlt_tensor_pool_stats stats;
    vlt_shared_pool_look(pool, &stats);
    return stats;
}

Test(shared_pool, blocks_come_back_and_are_counted)
{
    vlt_shared_pool *pool = pool_of(1 << 20, 1 << 22);
    for (int i = 0; i < 5; i++) {
        void *a = take(pool, 300000), *b = take(pool, 100000);
        cr_expect_geq(look(pool).live_bytes, 400000);
        give(pool, a);
        give(pool, b);
    }
    cr_expect_eq(look(pool).misses, 2);
    cr_expect_eq(look(pool).hits, 8);
    cr_expect_eq(look(pool).live_bytes, 0);
    cr_expect_geq(look(pool).kept_bytes, 400000);
    give(pool, NULL);
    end(pool);
}

Test(shared_pool, what_is_kept_stays_below_its_limit)
{
    vlt_shared_pool *pool = pool_of(1 << 20, 500000);
    void *block[8];
    for (int i = 0; i < 8; i++) {
        block[i] = take(pool, 200000);
    }
    for (int i = 0; i < 8; i++) {
        give(pool, block[i]);
        cr_expect_leq(look(pool).kept_bytes, 500000);
    }
    vlt_shared_pool_trim(pool, 0);
    cr_expect_eq(look(pool).kept_bytes, 0);
    end(pool);
}

Test(shared_pool, large_blocks_pass_by)
{
    vlt_shared_pool *pool = pool_of(100000, 1 << 22);
    void *a = take(pool, 100001), *b = take(pool, 3000000);
    cr_expect_geq(look(pool).live_bytes, 3100001);
    give(pool, a);
    give(pool, b);
    cr_expect(!look(pool).live_bytes && !look(pool).kept_bytes && look(pool).misses == 2);
    end(pool);
}

Test(shared_pool, nothing_is_kept_when_nobody_asks)
{
    vlt_shared_pool *pool = pool_of(1 << 20, 1 << 22);
    give(pool, take(pool, 200000));
    vlt_shared_pool_age(pool);
    cr_expect_gt(look(pool).kept_bytes, 0, "it was asked since");
    vlt_shared_pool_age(pool);
    cr_expect_eq(look(pool).kept_bytes, 0);
    end(pool);
}

static void *churn(void *argument)
{
    vlt_shared_pool *pool = argument;
    for (int i = 0; i < 300; i++) {
        unsigned char *block = take(pool, (size_t)(1 + i % 7) * 30000);
        block[0] = (unsigned char)i;
        cr_assert_eq(block[0], (unsigned char)i);
        give(pool, block);
    }
    return NULL;
}

Test(shared_pool, many_threads)
{
    vlt_shared_pool *pool = pool_of(150000, 1 << 20);
    pthread_t thread[6];
    for (int i = 0; i < 6; i++) {
        cr_assert_eq(pthread_create(&thread[i], NULL, churn, pool), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(thread[i], NULL);
    }
    cr_expect_eq(look(pool).hits + look(pool).misses, 6 * 300);
    cr_expect_eq(look(pool).live_bytes, 0);
    end(pool);
}

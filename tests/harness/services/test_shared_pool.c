/* The pool as many threads see it: blocks are reused, limits hold, large ones pass, age empties. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "harness/services/shared_pool.h"
#include "optimizations/core/compiler.h"
#include "tests/support/together.h"
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
    cr_assert_eq(test_together(6, churn, pool), 0);
    cr_expect_eq(look(pool).hits + look(pool).misses, 6 * 300);
    cr_expect_eq(look(pool).live_bytes, 0);
    end(pool);
}

/* Another thread that does one thing at a time, when it is told to. */
struct helper {
    vlt_shared_pool *pool;
    pthread_t thread;
    pthread_barrier_t barrier;
    size_t bytes;
    void *block; /* to be given; NULL: it takes one of `bytes` */
    bool end;
};

static void *help(void *argument)
{
    struct helper *helper = argument;
    for (pthread_barrier_wait(&helper->barrier); !helper->end;
         pthread_barrier_wait(&helper->barrier)) {
        if (helper->block) {
            give(helper->pool, helper->block);
            helper->block = NULL;
        } else {
            helper->block = take(helper->pool, helper->bytes);
        }
        pthread_barrier_wait(&helper->barrier);
    }
    return NULL;
}

static void begin_help(struct helper *helper, vlt_shared_pool *pool)
{
    *helper = (struct helper){.pool = pool};
    pthread_barrier_init(&helper->barrier, NULL, 2);
    cr_assert_eq(pthread_create(&helper->thread, NULL, help, helper), 0);
}

static void *let_take(struct helper *helper, size_t bytes)
{
    helper->bytes = bytes;
    pthread_barrier_wait(&helper->barrier);
    pthread_barrier_wait(&helper->barrier);
    void *block = helper->block;
    helper->block = NULL;
    return block;
}

static void let_give(struct helper *helper, void *block)
{
    helper->block = block;
    pthread_barrier_wait(&helper->barrier);
    pthread_barrier_wait(&helper->barrier);
}

static void end_help(struct helper *helper)
{
    helper->end = true;
    pthread_barrier_wait(&helper->barrier);
    pthread_join(helper->thread, NULL);
    pthread_barrier_destroy(&helper->barrier);
}

Test(shared_pool, each_thread_has_its_last_blocks_again)
{
    vlt_shared_pool *pool = pool_of(1 << 20, 1 << 22);
    struct helper helper;
    begin_help(&helper, pool);
    void *mine = take(pool, 200000), *theirs = let_take(&helper, 200000);
    let_give(&helper, theirs);
    give(pool, mine); /* the newest of all */
    cr_expect_eq(let_take(&helper, 200000), theirs);
    cr_expect_eq(take(pool, 200000), mine);
    let_give(&helper, mine); /* whoever gives it back */
    give(pool, theirs);
    cr_expect_eq(take(pool, 200000), mine);
    cr_expect_eq(let_take(&helper, 200000), theirs);
    cr_expect(look(pool).misses == 2 && look(pool).hits == 4);
    give(pool, mine);
    give(pool, theirs);
    cr_expect_eq(look(pool).live_bytes, 0);
    end_help(&helper);
    end(pool);
}

Test(shared_pool, what_a_thread_has_left_serves_the_others)
{
    vlt_shared_pool *pool = pool_of(1 << 20, 1 << 22);
    struct helper helper;
    begin_help(&helper, pool);
    void *theirs = let_take(&helper, 200000);
    let_give(&helper, theirs);
    cr_expect_eq(take(pool, 200000), theirs, "while the thread lives, and uses none");
    give(pool, theirs);
    theirs = let_take(&helper, 500000);
    let_give(&helper, theirs);
    end_help(&helper);
    cr_expect_eq(take(pool, 450000), theirs, "after its end, and for a little less");
    give(pool, theirs);
    cr_expect(look(pool).misses == 2 && look(pool).hits == 2);
    end(pool);
}

Test(shared_pool, trim_and_age_reach_what_lies_near_a_thread)
{
    vlt_shared_pool *pool = pool_of(1 << 20, 1 << 22);
    struct helper helper;
    begin_help(&helper, pool);
    for (int round = 0; round < 2; round++) {
        void *out = let_take(&helper, 300000);
        let_give(&helper, let_take(&helper, 200000));
        cr_expect(look(pool).kept_bytes >= 200000 && look(pool).kept_bytes < 300000);
        cr_expect(look(pool).live_bytes >= 300000 && look(pool).live_bytes < 500000);
        if (round) {
            vlt_shared_pool_age(pool);
            cr_expect_gt(look(pool).kept_bytes, 0, "it was asked since");
            vlt_shared_pool_age(pool);
        } else {
            vlt_shared_pool_trim(pool, 250000);
            cr_expect_gt(look(pool).kept_bytes, 0, "as much as may stay");
            vlt_shared_pool_trim(pool, 100000);
        }
        cr_expect_eq(look(pool).kept_bytes, 0);
        give(pool, out);
        vlt_shared_pool_trim(pool, 0);
        cr_expect(!look(pool).kept_bytes && !look(pool).live_bytes);
    }
    end_help(&helper);
    end(pool);
}

/* Of many classes, from many threads, most of them out while others come back. */
Test(shared_pool, the_limit_holds_whatever_is_near_threads)
{
    enum { HELPERS = 5, LIMIT = 3000000 };
    vlt_shared_pool *pool = pool_of(1 << 20, LIMIT);
    struct helper helper[HELPERS];
    for (int i = 0; i < HELPERS; i++) {
        begin_help(&helper[i], pool);
    }
    for (int round = 0; round < 40; round++) {
        void *block[HELPERS];
        const size_t bytes = 20000 + (size_t)round * 7919 % 900000;
        for (int i = 0; i < HELPERS; i++) {
            block[i] = let_take(&helper[i], bytes);
        }
        for (int i = 0; i < HELPERS; i++) {
            let_give(&helper[(i + round) % HELPERS], block[i]);
            cr_assert_leq(look(pool).kept_bytes, LIMIT);
        }
        cr_assert_eq(look(pool).live_bytes, 0);
    }
    cr_expect_eq(look(pool).hits + look(pool).misses, 40 * HELPERS);
    cr_expect_geq(look(pool).kept_bytes, LIMIT / 4, "it keeps what it may");
    for (int i = 0; i < HELPERS; i++) {
        end_help(&helper[i]);
    }
    end(pool);
}

#ifndef NDEBUG
Test(shared_pool, a_block_that_is_given_twice_is_found, .signal = SIGABRT)
{
    vlt_shared_pool *pool = pool_of(1 << 20, 1 << 22);
    void *block = take(pool, 200000);
    give(pool, block);
    give(pool, block);
}

Test(shared_pool, a_third_block_that_is_given_twice_is_found_too, .signal = SIGABRT)
{
    vlt_shared_pool *pool = pool_of(1 << 20, 1 << 22);
    void *first = take(pool, 1000), *second = take(pool, 1000), *third = take(pool, 1000);
    give(pool, first); /* two lie near the thread, one in the pool */
    give(pool, second);
    give(pool, third);
    give(pool, third);
}
#endif

#if VLT_ASAN
Test(shared_pool, nobody_touches_what_was_given)
{
    vlt_shared_pool *pool = pool_of(1 << 20, 1 << 22);
    for (int i = 0; i < 3; i++) {
        char *block = take(pool, 200000);
        cr_expect_null(__asan_region_is_poisoned(block, 200000));
        give(pool, block);
        cr_expect_eq(__asan_region_is_poisoned(block, 200000), block);
        cr_expect(__asan_address_is_poisoned(block + 199999));
    }
    end(pool);
}
#endif

/* Many threads take and give blocks of one pool, each other's as well, while it is trimmed, aged
 * and looked at: no block is out twice, none is lost, the limit holds. Threads end and others
 * begin. Has its own main for ThreadSanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "harness/services/shared_pool.h"
#include "optimizations/core/random.h"
#include "tests/support/together.h"
#include "tests/support/variants.h"

enum { THREADS = 6, GENERATIONS = 3, ROUNDS = 3000, DESKS = 8, LIMIT = 1 << 20 };

static vlt_shared_pool *pool;
static _Atomic(unsigned char *) desk[DESKS]; /* where threads leave blocks for each other */
static atomic_int wrong, seeds;
static atomic_llong served;
static atomic_bool over;

static unsigned char *take(size_t bytes, unsigned char mark)
{
    void *block = NULL;
    if (vlt_block_take(vlt_shared_pool_source(pool), bytes, &block, NULL) != VLT_OK) {
        wrong++;
        return NULL;
    }
    served++;
    memset(block, mark, 64);
    return block;
}

/* All of its first bytes are as who took it left them. */
static void give(unsigned char *block)
{
    for (int i = 1; block && i < 64; i++) {
        wrong += block[i] != block[0];
    }
    vlt_block_give(vlt_shared_pool_source(pool), block);
}

static void *work(void *argument)
{
    vlt_random random = {(uint64_t)seeds++};
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        const size_t bytes = (size_t)64 << vlt_random_range(&random, 0, 11);
        unsigned char *block = take(bytes, (unsigned char)i);
        if (vlt_random_range(&random, 0, 3) == 0) {
            block = atomic_exchange(&desk[vlt_random_range(&random, 0, DESKS - 1)], block);
        }
        give(block);
    }
    return NULL;
}

static void *watch(void *argument)
{
    vlt_tensor_pool_stats stats;
    (void)argument;
    for (int i = 0; !over; i++) {
        vlt_shared_pool_look(pool, &stats);
        wrong += stats.kept_bytes > LIMIT;
        vlt_shared_pool_trim(pool, i % 2 ? LIMIT / 4 : 0);
        vlt_shared_pool_age(pool);
    }
    return NULL;
}

static int run(void)
{
    pthread_t watcher;
    int failed = 0;
    if (pthread_create(&watcher, NULL, watch, NULL) != 0) {
        return 1;
    }
    for (int generation = 0; generation < GENERATIONS && !failed; generation++) {
        failed = test_together(THREADS, work, NULL);
    }
    over = true;
    pthread_join(watcher, NULL);
    for (int i = 0; i < DESKS; i++) {
        give(desk[i]);
    }
    return failed;
}

int main(void)
{
    test_context test;
    vlt_tensor_pool_stats stats;
    test_context_init(&test);
    if (vlt_shared_pool_create(&test.context, 100000, LIMIT, &pool, NULL) != VLT_OK || run()) {
        return 1;
    }
    vlt_shared_pool_look(pool, &stats);
    const bool lost = stats.live_bytes || stats.kept_bytes > LIMIT || !stats.hits ||
                      stats.hits + stats.misses != (uint64_t)served;
    if (wrong || lost) {
        fprintf(stderr, "%d wrong; %zu live, %zu kept, %llu hits and %llu misses of %lld\n",
                (int)wrong, stats.live_bytes, stats.kept_bytes, (unsigned long long)stats.hits,
                (unsigned long long)stats.misses, (long long)served);
    }
    vlt_shared_pool_destroy(pool);
    test_context_release(&test);
    return wrong || lost;
}

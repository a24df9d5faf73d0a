/* What a block from the pool costs beside one from malloc, each taken, written at both ends and
 * given back: by one thread, and by two at once; in turn, so that both meet the same machine.
 *
 *     pool_rates
 *
 * One line a size: nanoseconds of malloc alone, pool alone, malloc contended, pool contended. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/services/shared_pool.h"
#include "optimizations/core/clock.h"
#include "optimizations/core/memory.h"
#include "tests/support/variants.h"

enum { THREADS = 2, ROUNDS = 21, CALLS = 400 };

struct taker {
    const vlt_block_source *pool; /* NULL: malloc */
    size_t bytes;
    pthread_barrier_t *begin; /* that all threads begin together: to start one is dearer */
    int64_t begin_ns, end_ns;
};

static void *take_and_give(void *argument)
{
    struct taker *taker = argument;
    pthread_barrier_wait(taker->begin);
    taker->begin_ns = vlt_now_ns();
    for (int i = 0; i < CALLS; i++) {
        void *block = NULL;
        if (taker->pool) {
            taker->pool->take(taker->pool->user, taker->bytes, &block, NULL);
        } else {
            block = malloc(taker->bytes);
        }
        if (!block) {
            abort();
        }
        ((volatile char *)block)[0] = 1;
        ((volatile char *)block)[taker->bytes - 1] = 1;
        if (taker->pool) {
            taker->pool->give(taker->pool->user, block);
        } else {
            free(block);
        }
    }
    taker->end_ns = vlt_now_ns();
    return NULL;
}

/* Nanoseconds a block of one round, from when the first thread begins until the last one ends. */
static double round_ns(const struct taker *taker, int threads)
{
    pthread_t other[THREADS];
    pthread_barrier_t begin;
    struct taker each[THREADS];
    pthread_barrier_init(&begin, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        each[i] = *taker;
        each[i].begin = &begin;
        if (i && pthread_create(&other[i], NULL, take_and_give, &each[i]) != 0) {
            abort();
        }
    }
    take_and_give(&each[0]);
    int64_t begin_ns = each[0].begin_ns, end_ns = each[0].end_ns;
    for (int i = 1; i < threads; i++) {
        pthread_join(other[i], NULL);
        begin_ns = each[i].begin_ns < begin_ns ? each[i].begin_ns : begin_ns;
        end_ns = each[i].end_ns > end_ns ? each[i].end_ns : end_ns;
    }
    pthread_barrier_destroy(&begin);
    return (double)(end_ns - begin_ns) / CALLS;
}

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Medians over rounds: malloc alone, pool alone, malloc contended, pool contended. */
static void measure(const vlt_block_source *pool, size_t bytes)
{
    double ns[4][ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        for (int which = 0; which < 4; which++) {
            const struct taker taker = {.pool = which % 2 ? pool : NULL, .bytes = bytes};
            ns[which][round] = round_ns(&taker, which / 2 ? THREADS : 1);
        }
    }
    for (int which = 0; which < 4; which++) {
        qsort(ns[which], ROUNDS, sizeof ns[which][0], by_value);
    }
    const int middle = ROUNDS / 2;
    printf("%8zu bytes: malloc %.0f ns, pool %.0f (%.2f); two threads: malloc %.0f, pool %.0f "
           "(%.2f)\n",
           bytes, ns[0][middle], ns[1][middle], ns[1][middle] / ns[0][middle], ns[2][middle],
           ns[3][middle], ns[3][middle] / ns[2][middle]);
}

int main(void)
{
    static const size_t sizes[] = {64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20};
    test_context test;
    vlt_shared_pool *pool = NULL;
    test_context_init(&test);
    if (vlt_shared_pool_create(&test.context, VLT_SHARED_POOL_LARGEST_BYTES,
                               VLT_SHARED_POOL_KEPT_BYTES, &pool, NULL) != VLT_OK) {
        return 1;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        measure(vlt_shared_pool_source(pool), sizes[i]);
    }
    vlt_shared_pool_destroy(pool);
    test_context_release(&test);
    return 0;
}

/* Many threads ask one small cache for few keys: everyone gets the right value, what is being made
 * is waited for, and the limit holds. Has its own main for ThreadSanitizer. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/services/content_cache.h"
#include "optimizations/core/random.h"
#include "tests/support/together.h"

enum { THREADS = 8, ROUNDS = 4000, KEYS = 24, VALUE = 300, LIMIT = 6000 };

struct shared {
    vlt_content_cache *cache;
    atomic_int wrong, made, slow;
};

static void one(struct shared *shared, int number, bool give_up)
{
    const vlt_content_piece key = {&number, sizeof number};
    unsigned char value[VALUE];
    bool make;
    size_t bytes;
    vlt_content_entry *entry = vlt_content_cache_take(shared->cache, &key, 1, &make);
    if (make && give_up) {
        vlt_content_cache_give_up(shared->cache, entry);
    } else if (make) {
        memset(value, number, sizeof value);
        vlt_content_cache_put(shared->cache, entry, &(vlt_content_piece){value, sizeof value}, 1);
        shared->made++;
    } else {
        const unsigned char *kept = vlt_content_value(entry, &bytes);
        shared->wrong += bytes != VALUE || kept[0] != number || kept[VALUE - 1] != number;
        vlt_content_cache_drop(shared->cache, entry);
    }
}

static void *ask_much(void *argument)
{
    static atomic_int seed;
    struct shared *shared = argument;
    vlt_random random = {(uint64_t)seed++};
    vlt_content_stats stats;
    for (int i = 0; i < ROUNDS; i++) {
        int number = (int)vlt_random_range(&random, 0, KEYS - 1);
        one(shared, number, i % 97 == 0);
        vlt_content_cache_look(shared->cache, &stats);
        shared->wrong += stats.bytes > LIMIT;
        if (i % 501 == 0) {
            vlt_content_cache_trim(shared->cache, 1000);
        }
    }
    return NULL;
}

/* Slow to make: who comes meanwhile waits. */
static void *ask_slow(void *argument)
{
    struct shared *shared = argument;
    const vlt_content_piece key = {"slow", 4};
    bool make;
    vlt_content_entry *entry = vlt_content_cache_take(shared->cache, &key, 1, &make);
    if (make) {
        usleep(50000);
        vlt_content_cache_put(shared->cache, entry, &key, 1);
        shared->slow++;
    } else {
        vlt_content_cache_drop(shared->cache, entry);
    }
    return NULL;
}

int main(void)
{
    struct shared shared = {0};
    vlt_content_stats stats;
    if (vlt_content_cache_create(LIMIT, &shared.cache, NULL) != VLT_OK ||
        test_together(THREADS, ask_much, &shared) || test_together(THREADS, ask_slow, &shared)) {
        return 1;
    }
    vlt_content_cache_look(shared.cache, &stats);
    vlt_content_cache_destroy(shared.cache);
    if (shared.wrong || shared.slow != 1 || !stats.hits || !stats.evictions ||
        stats.hits + stats.misses != THREADS * (ROUNDS + 1)) {
        fprintf(stderr, "%d wrong, %d made slowly, %llu hits, %llu misses, %llu evictions\n",
                (int)shared.wrong, (int)shared.slow, (unsigned long long)stats.hits,
                (unsigned long long)stats.misses, (unsigned long long)stats.evictions);
        return 1;
    }
    return 0;
}

/* Many threads ask one small ring for few keys, which is trimmed under them: each gets the right
 * value, what is being made is waited for, and the limit holds. Own main for ThreadSanitizer. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/services/result_ring.h"
#include "optimizations/core/random.h"
#include "tests/support/together.h"

enum { THREADS = 8, ROUNDS = 3000, KEYS = 60, KEY_BYTES = 3000, LIMIT = 1 << 20, SMALL = 60000 };

struct shared {
    vlt_result_ring *ring;
    size_t limit;
    atomic_int wrong, slow;
};

/* Keys that differ in one byte in the middle alone. */
static void ask(struct shared *shared, int number, bool give_up)
{
    unsigned char key[KEY_BYTES] = {0}, made[KEY_BYTES];
    const vlt_content_piece piece = {key, sizeof key};
    const size_t made_bytes = (size_t)number * 40;
    vlt_result_maker maker;
    void *value;
    size_t bytes;
    key[1234] = (unsigned char)number;
    const vlt_result result = vlt_result_ring_take(shared->ring, &piece, 1, &maker, &value, &bytes);
    memset(made, number, sizeof made);
    if (result == VLT_RESULT_TO_MAKE && give_up) {
        vlt_result_ring_give_up(shared->ring, &maker);
    } else if (result == VLT_RESULT_TO_MAKE) {
        vlt_result_ring_put(shared->ring, &maker, made, made_bytes);
    } else {
        shared->wrong += !value || bytes != made_bytes || memcmp(value, made, bytes) != 0;
        free(value);
    }
}

static void *ask_much(void *argument)
{
    static atomic_int seed;
    struct shared *shared = argument;
    vlt_random random = {(uint64_t)seed++};
    vlt_content_stats stats;
    for (int i = 0; i < ROUNDS; i++) {
        ask(shared, (int)vlt_random_range(&random, 0, KEYS - 1), i % 97 == 0);
        vlt_result_ring_look(shared->ring, &stats);
        shared->wrong += stats.bytes > shared->limit;
        if (i % 501 == 0) {
            vlt_result_ring_trim(shared->ring, i % 2 ? shared->limit / 4 : 0);
        }
    }
    return NULL;
}

/* Slow to make: who comes meanwhile waits. */
static void *ask_slow(void *argument)
{
    struct shared *shared = argument;
    const vlt_content_piece key[] = {{"slow", 4}, {NULL, 0}};
    vlt_result_maker maker;
    void *value;
    size_t bytes;
    if (vlt_result_ring_take(shared->ring, key, 2, &maker, &value, &bytes) == VLT_RESULT_TO_MAKE) {
        usleep(50000);
        shared->slow++;
        vlt_result_ring_put(shared->ring, &maker, "made", 4);
    } else {
        shared->wrong += bytes != 4 || memcmp(value, "made", 4) != 0;
        free(value);
    }
    return NULL;
}

static int check(size_t limit)
{
    struct shared shared = {.limit = limit};
    vlt_content_stats stats;
    if (vlt_result_ring_create(limit, NULL, &shared.ring, NULL) != VLT_OK ||
        test_together(THREADS, ask_much, &shared) || test_together(THREADS, ask_slow, &shared)) {
        return 1;
    }
    vlt_result_ring_look(shared.ring, &stats);
    vlt_result_ring_destroy(shared.ring);
    if (shared.wrong || shared.slow != 1 || !stats.hits || !stats.evictions ||
        stats.hits + stats.misses != THREADS * (ROUNDS + 1)) {
        fprintf(stderr, "%d wrong, %d made slowly, %llu hits, %llu misses, %llu evictions\n",
                (int)shared.wrong, (int)shared.slow, (unsigned long long)stats.hits,
                (unsigned long long)stats.misses, (unsigned long long)stats.evictions);
        return 1;
    }
    return 0;
}

int main(void)
{
    return check(LIMIT) || check(SMALL);
}

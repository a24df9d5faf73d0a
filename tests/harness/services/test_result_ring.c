/* What the ring of small results keeps, forgets and counts, that it stays below its limit, and that
 * no two keys are ever taken for each other. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/services/result_ring.h"
#include "optimizations/core/random.h"
#include "tests/support/mappings.h"

static vlt_result_ring *ring_of(size_t limit)
{
    vlt_result_ring *ring = NULL;
    cr_assert_eq(vlt_result_ring_create(limit, NULL, &ring, NULL), VLT_OK);
    return ring;
}

static vlt_content_stats look(vlt_result_ring *ring)
{
    vlt_content_stats stats;
    vlt_result_ring_look(ring, &stats);
    return stats;
}

enum { KEY_MOST = 70000 };

/* What is made of a key: a word of it, again and again, and where that ends. */
static void make(const unsigned char *key, size_t key_bytes, unsigned char *value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        value[i] = (unsigned char)(key[i % key_bytes] + i / key_bytes);
    }
}

/* Asks for the key, whose value has `value_bytes`. True: it was there, and right. */
static bool ask(vlt_result_ring *ring, const void *key, size_t key_bytes, size_t value_bytes)
{
    static unsigned char expected[KEY_MOST];
    const vlt_content_piece piece[] = {{key, 1}, {(const char *)key + 1, key_bytes - 1}};
    vlt_result_maker maker;
    void *value;
    size_t bytes;
    make(key, key_bytes, expected, value_bytes);
    const vlt_result result = vlt_result_ring_take(ring, piece, 2, &maker, &value, &bytes);
    if (result == VLT_RESULT_TO_MAKE) {
        cr_assert(!value && !bytes);
        vlt_result_ring_put(ring, &maker, expected, value_bytes);
    } else {
        cr_assert_eq(result, VLT_RESULT_KEPT);
        cr_assert(bytes == value_bytes && !memcmp(value, expected, bytes));
        free(value);
    }
    cr_assert_leq(look(ring).bytes, look(ring).limit);
    return result == VLT_RESULT_KEPT;
}

/* Number `number` of keys that differ all over. */
static bool ask_number(vlt_result_ring *ring, uint64_t number, size_t key_bytes, size_t value_bytes)
{
    static unsigned char key[KEY_MOST];
    vlt_random random = {number};
    for (size_t i = 0; i < key_bytes; i++) {
        key[i] = (unsigned char)vlt_random_next(&random);
    }
    return ask(ring, key, key_bytes, value_bytes);
}

Test(result_ring, what_was_made_is_found_and_counted)
{
    vlt_result_ring *ring = ring_of(1 << 20);
    cr_expect(!ask(ring, "one", 3, 9));
    cr_expect(!ask(ring, "two", 3, 0));
    cr_expect(ask(ring, "one", 3, 9));
    cr_expect(ask(ring, "two", 3, 0));
    cr_expect(!ask(ring, "on", 2, 9), "the beginning of a key is another key");
    const vlt_content_stats stats = look(ring);
    cr_expect(stats.hits == 2 && stats.misses == 3 && stats.limit == 1 << 20 && stats.bytes);
    vlt_result_ring_destroy(ring);
}

Test(result_ring, what_was_given_up_is_made_by_the_next)
{
    vlt_result_ring *ring = ring_of(1 << 20);
    const vlt_content_piece key = {"x", 1};
    vlt_result_maker maker;
    void *value;
    size_t bytes;
    cr_assert_eq(vlt_result_ring_take(ring, &key, 1, &maker, &value, &bytes), VLT_RESULT_TO_MAKE);
    vlt_result_ring_give_up(ring, &maker);
    cr_assert_eq(vlt_result_ring_take(ring, &key, 1, &maker, &value, &bytes), VLT_RESULT_TO_MAKE);
    vlt_result_ring_put(ring, &maker, "y", 1);
    cr_assert_eq(vlt_result_ring_take(ring, &key, 1, &maker, &value, &bytes), VLT_RESULT_KEPT);
    cr_expect(bytes == 1 && !memcmp(value, "y", 1));
    free(value);
    vlt_result_ring_destroy(ring);
}

/* Ends and beginnings of the block are met at every size, values checked each time. */
Test(result_ring, never_holds_more_than_its_limit_whatever_comes)
{
    static const size_t limits[] = {1, 100, 2047, 2048, 5000, 70000, 1 << 20, 3 << 20};
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        vlt_result_ring *ring = ring_of(limits[l]);
        vlt_random random = {7};
        for (int i = 0; i < 6000; i++) {
            const uint64_t number = (uint64_t)vlt_random_range(&random, 0, i % 3 ? 30 : 3000);
            const size_t bytes = 1 + (size_t)(number * number % 997);
            const bool large = number % 97 == 5;
            ask_number(ring, number, large ? 60 * bytes : bytes, number % 50 * 31);
            if (i % 1500 == 1499) {
                vlt_result_ring_trim(ring, limits[l] / 2);
            }
        }
        cr_expect(limits[l] < 2048 || look(ring).hits > 200, "%zu: %llu hits", limits[l],
                  (unsigned long long)look(ring).hits);
        cr_expect(look(ring).hits + look(ring).misses == 6000);
        vlt_result_ring_destroy(ring);
    }
}

Test(result_ring, what_was_used_outlives_what_was_not)
{
    vlt_result_ring *ring = ring_of(16 << 10);
    for (uint64_t number = 0; number < 3; number++) {
        ask_number(ring, number, 100, 4000);
    }
    cr_expect(ask_number(ring, 0, 100, 4000));
    ask_number(ring, 3, 100, 4000); /* no room for four */
    cr_expect(ask_number(ring, 0, 100, 4000));
    cr_expect(ask_number(ring, 2, 100, 4000));
    cr_expect(!ask_number(ring, 1, 100, 4000));
    cr_expect_geq(look(ring).evictions, 1);
    vlt_result_ring_destroy(ring);
}

Test(result_ring, what_is_too_large_passes_by_and_evicts_nothing)
{
    vlt_result_ring *ring = ring_of(10000);
    cr_expect(!ask_number(ring, 1, 8, 8));
    cr_expect(!ask_number(ring, 2, 8, 50000));
    cr_expect(!ask_number(ring, 2, 8, 50000));
    cr_expect(!ask_number(ring, 3, 50000, 8));
    cr_expect(ask_number(ring, 1, 8, 8));
    cr_expect_eq(look(ring).evictions, 0);
    vlt_result_ring_destroy(ring);
}

/* Keys of which every byte but one is the same: whatever a mark is made of, they have few. */
Test(result_ring, keys_that_hardly_differ_are_told_apart)
{
    enum { KEYS = 1500, BYTES = 1500 };
    vlt_result_ring *ring = ring_of(8 << 20);
    static unsigned char key[BYTES];
    for (int pass = 0; pass < 4; pass++) {
        int hits = 0;
        for (size_t i = 0; i < KEYS; i++) {
            key[i] ^= 1;
            hits += ask(ring, key, BYTES, 100);
            key[i] ^= 1;
        }
        cr_expect(pass ? hits > 0 : !hits);
        cr_expect(pass < 3 || hits > KEYS * 9 / 10, "pass %d: %d", pass, hits);
    }
    vlt_result_ring_trim(ring, 0);
    cr_expect(!ask(ring, key, BYTES, 100));
    for (size_t i = 0; i < KEYS; i++) { /* none was left behind where it would be taken for one */
        key[i] ^= 1;
        cr_assert(!ask(ring, key, BYTES, 200));
        cr_assert(ask(ring, key, BYTES, 200));
        key[i] ^= 1;
    }
    vlt_result_ring_destroy(ring);
}

/* What is asked for once takes no room from what is asked for again, and little memory. */
Test(result_ring, a_stream_of_new_keys_drives_nothing_out)
{
    enum { WANTED = 200, NEW = 8000 };
    vlt_result_ring *ring = ring_of(8 << 20);
    int lost = 0;
    for (int pass = 0; pass < 3; pass++) {
        for (uint64_t i = 0; i < WANTED; i++) {
            ask_number(ring, i, 500, 1500);
        }
    }
    const size_t before = look(ring).bytes;
    for (uint64_t i = 0; i < NEW; i++) {
        ask_number(ring, WANTED + i, 500, 1500);
    }
    cr_expect_leq(look(ring).bytes, before + (512 << 10), "%zu", look(ring).bytes);
    for (uint64_t i = 0; i < WANTED; i++) {
        lost += !ask_number(ring, i, 500, 1500);
    }
    cr_expect_leq(lost, WANTED / 20, "%d", lost);
    vlt_result_ring_destroy(ring);
}

/* Whatever fits as a whole is there from the third time on. */
Test(result_ring, a_loop_that_fits_is_kept)
{
    enum { KEYS = 1500 };
    vlt_result_ring *ring = ring_of(8 << 20);
    for (int pass = 0; pass < 5; pass++) {
        int hits = 0;
        for (uint64_t i = 0; i < KEYS; i++) {
            hits += ask_number(ring, i, 1000, 2000);
        }
        cr_expect(pass < 2 || hits > KEYS * 9 / 10, "pass %d: %d", pass, hits);
        cr_expect(pass < 4 || hits > KEYS * 99 / 100, "pass %d: %d", pass, hits);
    }
    vlt_result_ring_destroy(ring);
}

/* Hits of an exact cache of the least recently used with the same limit. */
static bool ask_exact(vlt_content_cache *cache, uint64_t number, size_t key_bytes, size_t bytes)
{
    static unsigned char key[KEY_MOST], value[KEY_MOST];
    const vlt_content_piece piece = {key, key_bytes}, made = {value, bytes};
    bool to_make;
    memset(key, 0, key_bytes);
    memcpy(key, &number, sizeof number);
    vlt_content_entry *entry = vlt_content_cache_take(cache, &piece, 1, &to_make);
    if (to_make) {
        vlt_content_cache_put(cache, entry, &made, 1);
    } else {
        vlt_content_cache_drop(cache, entry);
    }
    return !to_make;
}

/* A few keys are wanted often, most hardly ever; what is wanted changes with time. */
Test(result_ring, hits_as_often_as_the_least_recently_used)
{
    enum { CALLS = 40000 };
    static const size_t limits[] = {64 << 10, 512 << 10, 2 << 20, 8 << 20};
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        vlt_result_ring *ring = ring_of(limits[l]);
        vlt_content_cache *cache = NULL;
        vlt_random random = {3};
        int hits = 0, exact = 0;
        cr_assert_eq(vlt_content_cache_create(limits[l], &cache, NULL), VLT_OK);
        for (int i = 0; i < CALLS; i++) {
            const double u = (double)vlt_random_range(&random, 1, 1 << 30) / (1 << 30);
            const uint64_t number = (uint64_t)(exp(u * log(20000.0)) + i / 20000 * 50);
            const size_t bytes = 100 + (size_t)(number * 7919 % 1900);
            hits += ask_number(ring, number, bytes, bytes);
            exact += ask_exact(cache, number, bytes, bytes);
        }
        cr_expect_geq(hits, exact - exact / 50, "%zu: %d hits, exactly %d", limits[l], hits, exact);
        vlt_result_ring_destroy(ring);
        vlt_content_cache_destroy(cache);
    }
}

Test(result_ring, trim_keeps_the_newest_and_gives_pages_back)
{
    vlt_result_ring *ring = ring_of(8 << 20);
    for (int pass = 0; pass < 3; pass++) {
        for (uint64_t i = 0; i < 1500; i++) {
            ask_number(ring, i, 1000, 3000);
        }
    }
    ask_number(ring, 5000, 1000, 3000);
    const size_t held = look(ring).bytes, before = test_resident_bytes();
    cr_expect_geq(held, 5 << 20);
    vlt_result_ring_trim(ring, held / 2);
    cr_expect_leq(look(ring).bytes, held / 2);
    cr_expect_geq(look(ring).bytes, held / 2 - (64 << 10));
    cr_expect(ask_number(ring, 5000, 1000, 3000));
    const size_t half = test_resident_bytes();
    vlt_result_ring_trim(ring, 0);
    cr_expect(!ask_number(ring, 5000, 1000, 3000));
    const size_t after = test_resident_bytes();
    cr_expect_leq(half + (2 << 20), before, "%zu to %zu", before, half);
    cr_expect_leq(after + (2 << 20), half, "%zu to %zu", half, after);
    vlt_result_ring_destroy(ring);
}

Test(result_ring, none_is_like_an_empty_one)
{
    vlt_result_ring_trim(NULL, 0);
    cr_expect_eq(look(NULL).limit, 0);
    vlt_result_ring_destroy(NULL);
}

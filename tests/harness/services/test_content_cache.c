/* What the cache keeps, forgets and counts, and that it stays below its limit. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "harness/services/content_cache.h"
#include "optimizations/core/random.h"

static vlt_content_cache *cache_of(size_t limit)
{
    vlt_content_cache *cache = NULL;
    cr_assert_eq(vlt_content_cache_create(limit, &cache, NULL), VLT_OK);
    return cache;
}

/* What was made for the key, or made of it now: its bytes `times` times. True: it was there. */
static bool ask(vlt_content_cache *cache, const char *key, size_t times)
{
    const vlt_content_piece piece[] = {{key, 1}, {key + 1, strlen(key + 1)}};
    bool make;
    vlt_content_entry *entry = vlt_content_cache_take(cache, piece, 2, &make);
    size_t length = strlen(key), bytes;
    if (make) {
        char *value = malloc(length * times + 1);
        for (size_t i = 0; i < times; i++) {
            memcpy(value + i * length, key, length);
        }
        const vlt_content_piece halves[] = {{value, length}, {value, length * (times - 1)}};
        vlt_content_cache_put(cache, entry, halves, 2);
        free(value);
        return false;
    }
    const char *value = vlt_content_value(entry, &bytes);
    cr_assert_eq(bytes, length * times);
    cr_assert(!memcmp(value, key, length) && !memcmp(value + bytes - length, key, length));
    vlt_content_cache_drop(cache, entry);
    return true;
}

static vlt_content_stats look(vlt_content_cache *cache)
{
    vlt_content_stats stats;
    vlt_content_cache_look(cache, &stats);
    return stats;
}

Test(content_cache, what_was_made_is_found_and_counted)
{
    vlt_content_cache *cache = cache_of(1 << 20);
    cr_expect(!ask(cache, "one", 3));
    cr_expect(!ask(cache, "two", 3));
    cr_expect(ask(cache, "one", 3));
    cr_expect(ask(cache, "two", 3));
    cr_expect(!ask(cache, "on", 3), "the beginning of a key is another key");
    vlt_content_stats stats = look(cache);
    cr_expect_eq(stats.hits, 2);
    cr_expect_eq(stats.misses, 3);
    cr_expect_eq(stats.limit, 1 << 20);
    cr_expect_gt(stats.bytes, 0);
    vlt_content_cache_destroy(cache);
}

Test(content_cache, the_least_recently_used_goes_first)
{
    vlt_content_cache *cache = cache_of(16 << 10);
    ask(cache, "aaaa", 1000);
    ask(cache, "bbbb", 1000);
    ask(cache, "cccc", 1000);
    cr_expect(ask(cache, "aaaa", 1000));
    ask(cache, "dddd", 1000); /* no room for four */
    cr_expect(ask(cache, "aaaa", 1000));
    cr_expect(ask(cache, "cccc", 1000));
    cr_expect(!ask(cache, "bbbb", 1000));
    cr_expect_geq(look(cache).evictions, 1);
    vlt_content_cache_trim(cache, 6000);
    cr_expect_leq(look(cache).bytes, 6000);
    cr_expect(ask(cache, "bbbb", 1000), "the newest stays");
    vlt_content_cache_destroy(cache);
}

Test(content_cache, never_holds_more_than_its_limit)
{
    static const size_t limits[] = {0, 1, 100, 1024, 5000, 70000};
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        vlt_content_cache *cache = cache_of(limits[l]);
        vlt_random random = {7};
        for (int i = 0; i < 3000; i++) {
            char key[2048];
            size_t length = 1 + (size_t)vlt_random_range(&random, 0, 39);
            length = i % 50 ? length : 2000;
            memset(key, 'a' + (int)vlt_random_range(&random, 0, 25), length);
            key[length] = '\0';
            ask(cache, key, 1 + length % 5 * 20);
            cr_assert_leq(look(cache).bytes, limits[l]);
        }
        vlt_content_cache_destroy(cache);
    }
}

Test(content_cache, what_is_too_large_passes_by_and_evicts_nothing)
{
    vlt_content_cache *cache = cache_of(10000);
    cr_expect(!ask(cache, "keep", 2));
    cr_expect(!ask(cache, "huge", 100000));
    cr_expect(!ask(cache, "huge", 100000));
    cr_expect(ask(cache, "keep", 2));
    cr_expect_eq(look(cache).evictions, 0);
    vlt_content_cache_destroy(cache);
}

Test(content_cache, what_is_read_outlives_eviction)
{
    vlt_content_cache *cache = cache_of(16 << 10);
    const vlt_content_piece key[] = {{"h", 1}, {"eld", 3}};
    bool make;
    size_t bytes;
    ask(cache, "held", 100);
    vlt_content_entry *entry = vlt_content_cache_take(cache, key, 2, &make);
    cr_assert(!make);
    vlt_content_cache_trim(cache, 0);
    ask(cache, "other", 2000);
    const char *value = vlt_content_value(entry, &bytes);
    cr_expect_eq(bytes, 400);
    cr_expect(!memcmp(value + 396, "held", 4));
    vlt_content_cache_drop(cache, entry);
    vlt_content_cache_trim(cache, 0);
    cr_expect(!ask(cache, "held", 100));
    vlt_content_cache_destroy(cache);
}

Test(content_cache, what_was_given_up_is_made_by_the_next)
{
    vlt_content_cache *cache = cache_of(16 << 10);
    const vlt_content_piece key = {"x", 1};
    bool make;
    vlt_content_entry *entry = vlt_content_cache_take(cache, &key, 1, &make);
    cr_assert(make && entry);
    size_t before = look(cache).bytes;
    vlt_content_cache_give_up(cache, entry);
    cr_expect_lt(look(cache).bytes, before);
    cr_expect(!ask(cache, "x", 1));
    cr_expect(ask(cache, "x", 1));
    vlt_content_cache_destroy(cache);
}

Test(content_cache, none_is_like_an_empty_one)
{
    bool make;
    const vlt_content_piece key = {"x", 1};
    cr_expect_null(vlt_content_cache_take(NULL, &key, 1, &make));
    cr_expect(make);
    vlt_content_cache_put(NULL, NULL, &key, 1);
    vlt_content_cache_give_up(NULL, NULL);
    vlt_content_cache_drop(NULL, NULL);
    vlt_content_cache_trim(NULL, 0);
    cr_expect_eq(look(NULL).limit, 0);
    vlt_content_cache_destroy(NULL);
}

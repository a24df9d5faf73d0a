#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "optimizations/tensor_pool/tensor_pool.h"
#include "optimizations/tensor_pool/tensor_pool_sizes.h"
#include "tests/support/mappings.h"
#include "tests/support/variants.h"

Test(tensor_pool, variants_equal_the_baseline)
{
    static const int64_t sizes[][3] = {{1, 64, 0},
                                       {17, 100, 0},
                                       {500, 4096, 0},
                                       {400, 3 << 20, 0},
                                       {400, 1 << 20, 4 << 20},
                                       {60, 8 << 20, 25 << 20}};
    test_context test;
    test_context_init(&test);
    for (int i = 0; i < 6; i++) {
        cr_assert_gt(test_variants(&test, &vlt_op_tensor_pool, sizes[i]), 0);
    }
    test_context_release(&test);
}

Test(tensor_pool, variants_equal_the_baseline_on_the_named_shapes)
{
    test_context test;
    test_context_init(&test);
    for (int i = 0; i < vlt_op_tensor_pool.shape_count; i++) {
        int64_t dims[VLT_DIM_MAX];
        memcpy(dims, vlt_op_tensor_pool.shapes[i].dim, sizeof dims);
        dims[VLT_TENSOR_POOL_DIM_REQUESTS] = 30; /* layers of one picture: pages are dear */
        cr_assert_gt(test_variants(&test, &vlt_op_tensor_pool, dims), 0);
    }
    test_context_release(&test);
}

Test(tensor_pool, a_limit_that_cannot_hold_the_trace_is_refused)
{
    test_context test;
    test_context_init(&test);
    vlt_problem problem = vlt_tensor_pool_problem(10, 1 << 20, 1 << 20);
    vlt_workload workload;
    vlt_error err = {0};
    cr_assert_eq(vlt_workload_init(&workload, &test.context, &problem, 1, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "limit 1048576"), "%s", err.message);
    test_context_release(&test);
}

/* Calls check(variant, pool) for every variant with default knobs and the given limit. */
static void for_each_pool(int64_t limit, void (*check)(const vlt_variant *, vlt_tensor_pool))
{
    test_context test;
    test_context_init(&test);
    vlt_problem problem = vlt_tensor_pool_problem(1, 64, limit);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_tensor_pool); v++) {
        vlt_plan *plan = NULL;
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_tensor_pool, v);
        cr_assert_eq(vlt_plan_create_with(&test.context, &problem, variant, NULL, &plan, NULL),
                     VLT_OK);
        check(variant, vlt_tensor_pool_of(plan));
        vlt_plan_destroy(plan); /* with whatever is still handed out: LeakSanitizer watches */
    }
    test_context_release(&test);
}

enum { BLOCKS = 64, STEPS = 20000 };
struct held {
    unsigned char *block;
    size_t bytes;
};

static void fill(const struct held *held, unsigned char mark)
{
    memset(held->block, mark, held->bytes < 512 ? held->bytes : 512);
    held->block[held->bytes - 1] = mark;
}

static bool intact(const struct held *held, unsigned char mark)
{
    return held->block[0] == mark && held->block[held->bytes - 1] == mark &&
           held->block[held->bytes / 2 < 512 ? held->bytes / 2 : 0] == mark;
}

/* Random requests of 1 byte to 1 MiB: aligned, never overlapping, the limit never exceeded. */
static void check_random_use(const vlt_variant *variant, vlt_tensor_pool pool)
{
    vlt_random random = {11};
    struct held held[BLOCKS] = {{NULL, 0}};
    vlt_tensor_pool_stats stats;
    uint64_t refused = 0, served = 0;
    for (int step = 0; step < STEPS; step++) {
        int i = (int)vlt_random_range(&random, 0, BLOCKS - 1);
        if (held[i].block) {
            cr_assert(intact(&held[i], (unsigned char)i), "%s: block changed", variant->name);
            pool.release(pool.self, held[i].block);
            held[i].block = NULL;
        } else {
            size_t bytes = (size_t)1 << vlt_random_range(&random, 0, 20);
            bytes -= (size_t)vlt_random_range(&random, 0, (int64_t)bytes / 2);
            void *block;
            vlt_status status = pool.acquire(pool.self, bytes, &block, NULL);
            cr_assert(status == VLT_OK || status == VLT_STATUS_LIMIT);
            cr_assert_eq(status == VLT_OK, block != NULL);
            served += status == VLT_OK;
            refused += status != VLT_OK;
            if (block) {
                cr_assert_eq((uintptr_t)block % VLT_ALIGN, 0);
                held[i] = (struct held){block, bytes};
                fill(&held[i], (unsigned char)i);
            }
        }
        pool.stats(pool.self, &stats);
        cr_assert_leq(stats.live_bytes + stats.kept_bytes, 4 << 20, "%s", variant->name);
        if (step % 1000 == 999) {
            pool.trim(pool.self, 1 << 20);
            pool.stats(pool.self, &stats);
            cr_assert_leq(stats.kept_bytes, 1 << 20);
        }
    }
    cr_assert_gt(refused, 0);
    cr_assert_eq(stats.refusals, refused);
    cr_assert_eq(stats.hits + stats.misses, served);
    cr_assert_leq(stats.peak_bytes, 4 << 20);
}

Test(tensor_pool, limit_alignment_and_separation_hold)
{
    for_each_pool(4 << 20, check_random_use);
}

/* Each size has the smallest class that holds it, at most a quarter (or a line) larger. */
Test(tensor_pool, classes_hold_what_falls_into_them)
{
    vlt_random random = {5};
    for (int i = 0; i < 20000; i++) {
        size_t bytes = (size_t)i;
        if (i >= 10000) {
            bytes = (size_t)vlt_random_range(&random, 0, (int64_t)1 << (8 + i % 41));
        }
        const int c = vlt_pool_class(bytes);
        const size_t holds = vlt_pool_class_bytes(c), least = bytes ? bytes : 1;
        cr_assert(holds >= least && holds <= least + least / 4 + 64, "%zu in %zu", bytes, holds);
        cr_assert(!c || vlt_pool_class_bytes(c - 1) < least, "%zu in class %d", bytes, c);
    }
    cr_expect_eq(vlt_pool_class((size_t)1 << 48), 163);
}

/* has tells what acquire will do. */
static void check_has(const vlt_variant *variant, vlt_tensor_pool pool)
{
    const bool keeps = strcmp(variant->name, "baseline") && strcmp(variant->name, "mimalloc");
    void *block, *again;
    cr_assert_eq(pool.has != NULL, keeps, "%s", variant->name);
    cr_assert_eq(pool.acquire(pool.self, 10000, &block, NULL), VLT_OK);
    vlt_tensor_pool_tag *tag = vlt_tensor_pool_tag_of(block);
    cr_expect_null(tag->owner);
    cr_expect_geq(tag->footprint_bytes, 10000);
    tag->owner = tag;
    cr_expect(!keeps || !pool.has(pool.self, 10000), "it is out");
    pool.release(pool.self, block);
    cr_expect(!keeps || (pool.has(pool.self, 10000) && pool.has(pool.self, 9990)));
    cr_expect(!keeps || (!pool.has(pool.self, 20000) && !pool.has(pool.self, 100) &&
                         !pool.has(pool.self, SIZE_MAX)));
    cr_assert_eq(pool.acquire(pool.self, 9990, &again, NULL), VLT_OK);
    cr_expect_null(vlt_tensor_pool_tag_of(again)->owner, "%s: its next owner", variant->name);
    pool.release(pool.self, again);
}

Test(tensor_pool, who_stands_in_front_can_ask_what_is_kept)
{
    for_each_pool(0, check_has);
}

static void check_stats(const vlt_variant *variant, vlt_tensor_pool pool)
{
    bool keeps = strcmp(variant->name, "baseline") != 0;
    vlt_tensor_pool_stats stats;
    void *a, *b;
    cr_assert_eq(pool.acquire(pool.self, 10000, &a, NULL), VLT_OK);
    pool.stats(pool.self, &stats);
    cr_assert(stats.misses == 1 && stats.hits == 0 && stats.live_bytes >= 10000);
    cr_assert_leq(stats.live_bytes, 10000 * 5 / 4 + 64 + 64 * 64);
    pool.release(pool.self, a);
    pool.release(pool.self, NULL);
    pool.stats(pool.self, &stats);
    cr_assert_eq(stats.live_bytes, 0);
    cr_assert_eq(stats.kept_bytes > 0, keeps);
    cr_assert_eq(pool.acquire(pool.self, 9990, &b, NULL), VLT_OK);
    pool.stats(pool.self, &stats);
    cr_assert_eq(stats.hits, keeps ? 1 : 0);
    cr_assert(!keeps || a == b); /* the newest of its class comes first */
    pool.release(pool.self, b);
    pool.trim(pool.self, 0);
    pool.stats(pool.self, &stats);
    cr_assert(stats.kept_bytes == 0 && stats.trimmed == (keeps ? 1 : 0));
    cr_assert_eq(pool.acquire(pool.self, 0, &a, NULL), VLT_OK);
    cr_assert_not_null(a);
    cr_assert_eq(pool.acquire(pool.self, SIZE_MAX, &b, NULL), VLT_STATUS_LIMIT);
    cr_assert_eq(pool.acquire(pool.self, SIZE_MAX - 200, &b, NULL), VLT_STATUS_LIMIT);
    /* a stays with the pool */
}

/* What the header says of footprints: at most a quarter more than asked for, and a page or so. */
static void check_classes(const vlt_variant *variant, vlt_tensor_pool pool)
{
    vlt_random random = {3};
    for (int i = 0; i < 6000; i++) {
        size_t bytes = i < 4000 ? (size_t)i + 1
                                : (size_t)vlt_random_range(&random, 1, 1 << (10 + i % 15));
        vlt_tensor_pool_stats before, after;
        void *block;
        pool.stats(pool.self, &before);
        cr_assert_eq(pool.acquire(pool.self, bytes, &block, NULL), VLT_OK);
        ((unsigned char *)block)[bytes - 1] = 1;
        pool.stats(pool.self, &after);
        size_t footprint = after.live_bytes - before.live_bytes;
        cr_assert(footprint >= bytes && footprint <= bytes + bytes / 4 + 64 + 64 + 64 * 64 + 4096,
                  "%s: %zu bytes take %zu", variant->name, bytes, footprint);
        pool.release(pool.self, block);
        pool.trim(pool.self, 0);
    }
}

Test(tensor_pool, footprints_are_close_to_what_was_asked)
{
    for_each_pool(0, check_classes);
}

Test(tensor_pool, statistics_tell_what_happened)
{
    for_each_pool(64 << 20, check_stats);
}

/* Kept blocks make room, the oldest first; live ones never. */
static void check_eviction(const vlt_variant *variant, vlt_tensor_pool pool)
{
    enum { MIB = 1 << 20 };
    vlt_tensor_pool_stats stats;
    void *block[3], *large, *again;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(pool.acquire(pool.self, (size_t)(2 + i) * MIB / 2, &block[i], NULL), VLT_OK);
    }
    for (int i = 0; i < 3; i++) {
        pool.release(pool.self, block[i]);
    }
    cr_assert_eq(pool.acquire(pool.self, 5 * MIB, &large, NULL), VLT_OK); /* of 8 MiB */
    pool.stats(pool.self, &stats);
    if (strcmp(variant->name, "baseline") != 0) {
        cr_assert_gt(stats.evictions, 0);
        cr_assert_gt(stats.kept_bytes, 0); /* no more than needed */
        cr_assert_lt(stats.kept_bytes, 5 * MIB / 2);
    }
    cr_assert_eq(pool.acquire(pool.self, 3 * MIB, &again, NULL), VLT_STATUS_LIMIT);
    pool.set_limit(pool.self, 4 * MIB); /* below what is live: nothing new until it came back */
    cr_assert_eq(pool.acquire(pool.self, 1, &again, NULL), VLT_STATUS_LIMIT);
    pool.release(pool.self, large);
    pool.stats(pool.self, &stats);
    cr_assert_leq(stats.live_bytes + stats.kept_bytes, 4 * MIB);
    cr_assert_eq(pool.acquire(pool.self, 3 * MIB, &again, NULL), VLT_OK);
}

Test(tensor_pool, eviction_makes_room_and_a_lowered_limit_holds)
{
    for_each_pool(8 << 20, check_eviction);
}

static void check_trim(const vlt_variant *variant, vlt_tensor_pool pool)
{
    enum { COUNT = 8, MIB = 1 << 20 };
    void *block[COUNT];
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(pool.acquire(pool.self, 8 * MIB, &block[i], NULL), VLT_OK);
        memset(block[i], 1, 8 * MIB);
    }
    for (int i = 0; i < COUNT; i++) {
        pool.release(pool.self, block[i]);
    }
    if (strcmp(variant->name, "baseline") != 0) {
        size_t before = test_resident_bytes();
        pool.trim(pool.self, 0);
        size_t after = test_resident_bytes();
        cr_assert_lt(after + 60 * MIB, before, "%s: %zu MiB to %zu MiB", variant->name,
                     before / MIB, after / MIB);
    }
}

Test(tensor_pool, trim_really_gives_memory_back)
{
    for_each_pool(0, check_trim);
}

/* Blocks of one size begin at different cache lines of their pages, huge ones too. */
Test(tensor_pool, cache_aware_spreads_the_beginnings)
{
    enum { COUNT = 32 };
    test_context test;
    test_context_init(&test);
    const vlt_variant *variant = vlt_registry_find_variant(&vlt_op_tensor_pool, "cache_aware");
    vlt_problem problem = vlt_tensor_pool_problem(1, 64, 0);
    vlt_binding binding;
    vlt_plan *plan = NULL;
    cr_assert_eq(vlt_binding_parse(variant, "colours=16", &binding, NULL), VLT_OK);
    cr_assert_eq(vlt_plan_create_with(&test.context, &problem, variant, &binding, &plan, NULL),
                 VLT_OK);
    vlt_tensor_pool pool = vlt_tensor_pool_of(plan);
    for (size_t bytes = 256 << 10; bytes <= 4 << 20; bytes *= 4) {
        int seen[64] = {0}, lines = 0;
        for (int i = 0; i < COUNT; i++) {
            void *block;
            cr_assert_eq(pool.acquire(pool.self, bytes, &block, NULL), VLT_OK);
            lines += seen[(uintptr_t)block % 4096 / 64]++ == 0;
        }
        cr_assert_eq(lines, 16);
    }
    vlt_plan_destroy(plan);
    test_context_release(&test);
}

/* Blocks by a policy: where they are from, what is asked for them, and in which order. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

#include "optimizations/core/frame.h"
#include "optimizations/core/memory_policy.h"
#include "tests/support/data.h"
#include "tests/support/mappings.h"

enum { MB = 1 << 20 };

static struct {
    int count;
    void *pages;
    size_t bytes;
    size_t touched_bytes; /* when it was called */
} bound;

static void bind(void *user, void *pages, size_t bytes)
{
    cr_expect_eq(user, &bound);
    bound.count++;
    bound.pages = pages;
    bound.bytes = bytes;
    bound.touched_bytes = test_touched_bytes(pages, bytes);
}

static vlt_policy_block take(const vlt_memory_policy *policy, size_t bytes)
{
    vlt_policy_block block;
    vlt_error err = {0};
    cr_assert_eq(vlt_policy_block_take(policy, bytes, &block, &err), VLT_OK, "%s", err.message);
    cr_assert_eq((uintptr_t)block.data % VLT_ALIGN, 0);
    return block;
}

Test(memory_policy, without_one_blocks_are_mallocs)
{
    static const vlt_memory_policy none;
    static const size_t sizes[] = {0, 1, 100 << 10, 40 * MB};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        vlt_policy_block block = take(i % 2 ? &none : NULL, sizes[i / 2]);
        cr_expect_not(block.pages);
        memset(block.data, 1, sizes[i / 2]);
        vlt_policy_block_release(&block);
        vlt_policy_block_release(&block);
        cr_expect_null(block.data);
    }
}

Test(memory_policy, large_pages_are_forbidden_where_they_fit)
{
    const vlt_memory_policy small = {.small_pages = true};
    static const size_t sizes[] = {2 * MB - 1, 2 * MB, 40 * MB + 5};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !VLT_ASAN; i++) {
        vlt_policy_block block = take(&small, sizes[i]);
        cr_expect_eq(block.pages, i > 0);
        memset(block.data, 1, sizes[i]);
        if (i > 0) {
            cr_expect(test_mapping_has_flag(block.data, "nh"), "%zu", sizes[i]);
            cr_expect_eq(test_mapping_bytes(block.data, "AnonHugePages:"), 0);
        }
        vlt_policy_block_release(&block);
    }
}

/* Scratch asks for them as the rest does, where it is as large; not where nobody has a wish. */
Test(memory_policy, scratch_asks_for_large_pages)
{
    static const vlt_memory_policy large, small = {.small_pages = true};
    static const struct {
        const vlt_memory_policy *policy;
        size_t bytes;
        bool asked, refused;
    } cases[] = {{&large, 40 * MB + 5, true, false},
                 {&large, 32 * MB, true, false},
                 {&large, 30 * MB, false, false},
                 {&small, 40 * MB, false, true},
                 {NULL, 40 * MB, false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases && !VLT_ASAN; i++) {
        vlt_policy_block block;
        cr_assert_eq(vlt_policy_block_take_raw(cases[i].policy, cases[i].bytes, &block, NULL),
                     VLT_OK);
        cr_expect_eq(test_mapping_has_flag((unsigned char *)block.data + 4 * MB, "hg"),
                     cases[i].asked, "%zu", i);
        cr_expect_eq(test_mapping_has_flag((unsigned char *)block.data + 4 * MB, "nh"),
                     cases[i].refused, "%zu", i);
        memset(block.data, 1, cases[i].bytes);
        vlt_policy_block_release(&block);
    }
}

/* What is bound keeps its large pages. */
Test(memory_policy, large_pages_are_asked_for_as_without)
{
    const vlt_memory_policy binding = {.bind = bind, .user = &bound};
    vlt_policy_block plain = take(NULL, 40 * MB), placed = take(&binding, 40 * MB);
    memset(plain.data, 1, plain.bytes);
    memset(placed.data, 1, placed.bytes);
    if (test_mapping_bytes((unsigned char *)plain.data + 4 * MB, "AnonHugePages:") <= 0) {
        test_skip("the system gives no large pages");
    } else if (!VLT_ASAN) {
        cr_expect_geq(test_mapping_bytes(placed.data, "AnonHugePages:"), 30 * MB);
    }
    vlt_policy_block_release(&plain);
    vlt_policy_block_release(&placed);
}

Test(memory_policy, is_bound_before_anything_is_touched)
{
    vlt_threads *threads = NULL;
    const vlt_threads_options two = {.count = 2, .spin_us = 20};
    cr_assert_eq(vlt_threads_create(&two, &threads, NULL), VLT_OK);
    const vlt_memory_policy policy = {.bind = bind, .user = &bound, .touch = threads};
    static const size_t sizes[] = {1000, 64 << 10, 5 * MB + 77};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !VLT_ASAN; i++) {
        bound.count = 0;
        vlt_policy_block block = take(&policy, sizes[i]);
        cr_expect_eq(bound.count, i > 0, "what is small is left");
        if (i > 0) {
            cr_expect_eq(bound.pages, block.data);
            cr_expect_eq(bound.bytes, sizes[i]);
            cr_expect_eq(bound.touched_bytes, 0);
            cr_expect_geq(test_touched_bytes(block.data, sizes[i]), sizes[i],
                          "threads touch all of it");
        }
        for (size_t at = 0; i > 0 && at < sizes[i]; at++) {
            cr_assert_eq(((unsigned char *)block.data)[at], 0);
        }
        memset(block.data, 1, sizes[i]);
        vlt_policy_block_release(&block);
    }
    vlt_threads_destroy(threads);
}

/* They take no memory before they are used, unless threads touch them. */
Test(memory_policy, pages_are_zeros)
{
    vlt_threads *threads = NULL;
    const vlt_threads_options two = {.count = 2, .spin_us = 20};
    cr_assert_eq(vlt_threads_create(&two, &threads, NULL), VLT_OK);
    const vlt_memory_policy policies[] = {
        {0}, {.small_pages = true}, {.touch = threads}, {.bind = bind, .user = &bound}};
    bound.count = 0;
    for (size_t i = 0; i < 1 + sizeof policies / sizeof *policies; i++) {
        void *pages;
        cr_assert_eq(vlt_policy_pages_take(i ? &policies[i - 1] : NULL, 4 * MB, &pages, NULL),
                     VLT_OK);
        if (!VLT_ASAN) {
            cr_expect_eq(test_touched_bytes(pages, 4 * MB), i == 3 ? 4 * MB : 0, "%zu", i);
            cr_expect_eq(test_mapping_has_flag(pages, "nh"), i == 2);
        }
        for (int at = 0; at < 4 * MB; at += 1024) {
            cr_assert_eq(((unsigned char *)pages)[at], 0);
        }
        vlt_pages_release(pages, 4 * MB);
    }
    cr_expect_eq(bound.count, 0, "weights alone are bound");
    vlt_threads_destroy(threads);
}

/* Scratch is given back as it was taken, whatever the policy of the next time. */
Test(memory_policy, scratch_follows_it)
{
    const vlt_memory_policy small = {.small_pages = true};
    const vlt_memory_policy *const policies[] = {NULL, &small, NULL, &small};
    vlt_scratch scratch = {0};
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        const size_t bytes = (i + 1) * 3 * MB;
        cr_assert_eq(vlt_scratch_reserve_by(&scratch, policies[i], bytes, NULL), VLT_OK);
        cr_expect_eq(scratch.pages, !VLT_ASAN && policies[i] != NULL);
        memset(scratch.base, 1, bytes);
    }
    vlt_error err = {0};
    cr_expect_neq(vlt_scratch_reserve_by(&scratch, &small, SIZE_MAX - 3, &err), VLT_OK);
    memset(scratch.base, 1, 12 * MB);
    vlt_scratch_release(&scratch);
    vlt_scratch_release(&scratch);
}

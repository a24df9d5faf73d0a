/* The cache of words: what it says is what it was told last, whatever had to go. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "optimizations/bpe_encode/bpe_words.h"
#include "optimizations/bpe_encode/bpe_sample.h"
#include "optimizations/bpe_encode/bpe_scanner.h"
#include "optimizations/core/random.h"
#include "optimizations/core/registry.h"
#include "tests/support/mappings.h"
#include "tests/support/variants.h"

enum { ENTRIES = 1024, LONGEST = VLT_WORDS_LONG_BYTES + 40 };

/* Word number n, and its ids, which its bytes decide. */
static size_t word_of(int64_t n, size_t bytes, uint8_t *word, int32_t *ids, size_t *count)
{
    vlt_random random = {(uint64_t)n * 977 + bytes};
    memset(word, 0, LONGEST + 16);
    for (size_t i = 0; i < bytes; i++) {
        word[i] = (uint8_t)vlt_random_next(&random);
    }
    random.state = vlt_long_hash(word, bytes + 16);
    *count = (size_t)vlt_random_range(&random, 1, (int64_t)(bytes < 9 ? bytes : 9));
    for (size_t i = 0; i < *count; i++) {
        ids[i] = (int32_t)vlt_random_range(&random, 0, 1 << 20);
    }
    return bytes;
}

static bool is_short(size_t bytes, size_t count)
{
    return bytes <= VLT_WORD_BYTES && count <= VLT_WORDS_IDS;
}

static uint32_t hash_of(const uint8_t *word, size_t bytes)
{
    return bytes <= VLT_WORD_BYTES ? vlt_words_hash(vlt_word_key_of(word, bytes, true))
                                   : vlt_long_hash(word, bytes);
}

static void learn(vlt_words *words, const uint8_t *word, size_t bytes, const int32_t *ids,
                  size_t count)
{
    if (is_short(bytes, count)) {
        vlt_words_learn(words, vlt_word_key_of(word, bytes, true), hash_of(word, bytes), ids,
                        count);
    } else {
        vlt_words_learn_long(words, word, bytes, hash_of(word, bytes), ids, count);
    }
}

/* Ids that are kept for the word, 0 where none are. */
static size_t find(const vlt_words *words, const uint8_t *word, size_t bytes, size_t count,
                   int32_t *ids)
{
    if (!is_short(bytes, count)) {
        return vlt_words_find_long(words, word, bytes, hash_of(word, bytes), ids);
    }
    const vlt_word_key key = vlt_word_key_of(word, bytes, true);
    const vlt_words_entry *entry = vlt_words_find(vlt_words_line(words, vlt_words_hash(key)), key);
    if (entry) {
        memcpy(ids, entry->ids, vlt_words_count(entry) * sizeof *ids);
    }
    return entry ? vlt_words_count(entry) : 0;
}

/* Asks for words of which a share comes again; gives how many were there. */
static int ask(vlt_words *words, int rounds, int64_t different, uint64_t seed)
{
    uint8_t word[LONGEST + 16];
    int32_t ids[LONGEST], kept[LONGEST];
    vlt_random random = {seed};
    int hits = 0;
    for (int round = 0; round < rounds; round++) {
        const int64_t n = vlt_random_range(&random, 0, different - 1);
        size_t count;
        const size_t bytes = word_of(n, (size_t)(n % LONGEST) + 1, word, ids, &count);
        const size_t found = find(words, word, bytes, count, kept);
        cr_assert(!found || (found == count && !memcmp(ids, kept, count * sizeof *ids)),
                  "word %lld of %zu bytes", (long long)n, bytes);
        hits += found > 0;
        if (!found) {
            learn(words, word, bytes, ids, count);
            const bool kept_now = find(words, word, bytes, count, kept) == count;
            cr_assert_eq(kept_now, words->learns && bytes <= VLT_WORDS_LONG_BYTES,
                         "word %lld of %zu bytes", (long long)n, bytes);
        }
    }
    return hits;
}

Test(bpe_words, few_words_stay)
{
    vlt_words words;
    cr_assert_eq(vlt_words_init(&words, ENTRIES, true, NULL, NULL), VLT_OK);
    cr_assert_gt(ask(&words, 4000, 60, 1), 3600);
    vlt_words_release(&words);
}

/* More than there is room for, of every length: some are forgotten, none is mistaken. */
Test(bpe_words, many_words_come_and_go)
{
    vlt_words words;
    cr_assert_eq(vlt_words_init(&words, ENTRIES, true, NULL, NULL), VLT_OK);
    const int hits = ask(&words, 200000, 5000, 2);
    cr_assert(hits > 2000 && hits < 150000, "%d", hits);
    cr_assert_gt(ask(&words, 4000, 40, 3), 3000); /* and the next text is learnt */
    vlt_words_release(&words);
}

Test(bpe_words, without_entries_nothing_is_kept)
{
    vlt_words words;
    cr_assert_eq(vlt_words_init(&words, 0, false, NULL, NULL), VLT_OK);
    cr_assert_eq(ask(&words, 4000, 60, 1), 0);
    vlt_words_release(&words);
}

/* The key of what is too long is nobody's: not an empty place's either. */
Test(bpe_words, a_long_word_has_no_line)
{
    static const uint8_t zeros[32];
    vlt_words words;
    cr_assert_eq(vlt_words_init(&words, ENTRIES, true, NULL, NULL), VLT_OK);
    for (int readable = 0; readable < 2; readable++) {
        const vlt_word_key key = vlt_word_key_of(zeros, VLT_WORD_BYTES + 1, readable);
        cr_assert_null(vlt_words_find(vlt_words_line(&words, vlt_words_hash(key)), key));
    }
    vlt_words_release(&words);
}

/* The cache of a short text is as many pages as it has words, of megabytes. */
Test(bpe_words, a_prompt_takes_the_pages_that_it_meets)
{
    enum { MANY = 65536, PAGES = 2048, WORDS = 20 };
    vlt_words words;
    unsigned char resident[PAGES];
    size_t pages = 0;
    cr_assert_eq(vlt_words_init(&words, MANY, false, NULL, NULL), VLT_OK);
    const size_t whole = words.block_bytes / (size_t)sysconf(_SC_PAGESIZE);
    cr_assert(whole > 500 && whole <= PAGES);
    ask(&words, WORDS, WORDS, 1);
    cr_assert_eq(mincore(words.block, words.block_bytes, resident), 0);
    for (size_t i = 0; i < whole; i++) {
        pages += resident[i] & 1;
    }
    cr_expect(pages > 0 && pages <= 3 * WORDS, "%zu of %zu", pages, whole);
    vlt_words_release(&words);
}

static void expect_small_pages(const vlt_words *words, bool small)
{
    cr_expect_eq(test_mapping_has_flag(words->block, "nh"), small);
    if (small) {
        memset(words->block, 0, words->block_bytes);
        cr_expect_eq(test_mapping_bytes(words->block, "AnonHugePages:"), 0);
    }
}

/* What encoders keep, alone and together, whatever they are made for. */
Test(bpe_words, large_pages_are_forbidden_by_the_policy)
{
    test_context test;
    vlt_bpe_sample sample;
    test_context_init(&test);
    cr_assert_eq(vlt_bpe_sample_init(1, &sample, NULL), VLT_OK);
    for (int i = 0; i < 8 && !VLT_ASAN; i++) {
        const bool small = i & 1, shares = i & 2;
        const vlt_memory_policy policy = {.small_pages = small};
        vlt_bpe_encode_constants constants = {.vocab = sample.vocab};
        const vlt_problem problem = vlt_bpe_encode_problem(i & 4 ? 1 << 20 : 1 << 12, &constants);
        vlt_plan *plan = NULL;
        test.context.memory = &policy;
        if (shares) {
            cr_assert_eq(vlt_shared_words_create(&policy, &constants.shared, NULL), VLT_OK);
            expect_small_pages(vlt_shared_words_view(constants.shared), small);
        }
        cr_assert_eq(vlt_plan_create_with(&test.context, &problem,
                                          vlt_registry_find_variant(&vlt_op_bpe_encode, "scanner"),
                                          NULL, &plan, NULL),
                     VLT_OK);
        if (!shares) {
            expect_small_pages(&((vlt_scanner *)plan->state)->own, small);
        }
        vlt_plan_destroy(plan);
        vlt_shared_words_destroy(constants.shared);
    }
    vlt_bpe_sample_release(&sample);
    test_context_release(&test);
}

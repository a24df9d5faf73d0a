/* Words that encoders share: what one learns the others find, what is full is left to each one's
 * own, nothing is mistaken, and a renewal forgets. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/bpe_encode.h"
#include "optimizations/bpe_encode/bpe_sample.h"
#include "optimizations/bpe_encode/shared_words.h"
#include "tests/support/tokens.h"
#include "tests/support/variants.h"

enum { TEXT_MAX = 1 << 21, LONGEST = VLT_WORDS_LONG_BYTES };

static vlt_shared_words *make(void)
{
    vlt_shared_words *shared = NULL;
    cr_assert_eq(vlt_shared_words_create(NULL, &shared, NULL), VLT_OK);
    return shared;
}

static vlt_word_key key_of(uint32_t number)
{
    uint8_t bytes[16] = {0};
    memcpy(bytes, &number, sizeof number);
    return vlt_word_key_of(bytes, 9, true);
}

/* Of those of one part, which the other finds; wrong ids fail. */
static size_t count_short(const vlt_words *words, uint32_t first, uint32_t end)
{
    size_t found = 0;
    for (uint32_t n = first; n < end; n++) {
        const vlt_word_key key = key_of(n);
        const vlt_words_entry *entry = vlt_words_find_in(vlt_words_line(words, vlt_words_hash(key)),
                                                         key, true);
        cr_assert(!entry || (vlt_words_count(entry) == n % 4 + 1 && entry->ids[0] == (int32_t)n));
        found += entry != NULL;
    }
    return found;
}

static size_t learn_short(vlt_words_share *share, uint32_t first, uint32_t end)
{
    size_t learnt = 0;
    for (uint32_t n = first; n < end; n++) {
        const int32_t ids[4] = {(int32_t)n, 1, 2, 3};
        const vlt_word_key key = key_of(n);
        learnt += vlt_words_share_learn(share, key, vlt_words_hash(key), ids, n % 4 + 1);
    }
    return learnt;
}

Test(shared_words, what_one_part_learns_all_find)
{
    vlt_shared_words *shared = make();
    vlt_words_share part = {.shared = shared};
    vlt_words_share_begin(&part);
    cr_assert_gt(learn_short(&part, 0, 1000), 990);
    vlt_words_share_end(&part);
    cr_assert_gt(count_short(vlt_shared_words_view(shared), 0, 1000), 990);
    vlt_shared_words_renew(shared); /* there is room left: nothing goes */
    cr_assert_gt(count_short(vlt_shared_words_view(shared), 0, 1000), 990);
    vlt_shared_words_destroy(shared);
}

/* What has its place keeps it; the rest is told that there is none. */
Test(shared_words, full_ones_say_so_and_are_renewed)
{
    enum { MANY = 300000 };
    vlt_shared_words *shared = make();
    const vlt_words *words = vlt_shared_words_view(shared);
    vlt_words_share part = {.shared = shared};
    vlt_words_share_begin(&part);
    const size_t learnt = learn_short(&part, 0, MANY);
    cr_assert(learnt > 60000 && learnt <= 65536, "%zu", learnt);
    cr_assert_eq(count_short(words, 0, MANY), learnt);
    vlt_words_share_end(&part);
    vlt_shared_words_renew(shared);
    cr_assert_eq(count_short(words, 0, MANY), 0);
    vlt_words_share_begin(&part);
    cr_assert_gt(learn_short(&part, MANY, MANY + 100), 90);
    vlt_shared_words_destroy(shared);
}

static size_t long_word(uint32_t number, uint8_t *word, int32_t *ids)
{
    const size_t bytes = 16 + number % (LONGEST - 15);
    memset(word, (int)(number % 251), bytes);
    memcpy(word, &number, sizeof number);
    for (size_t i = 0; i < number % 90 + 1; i++) {
        ids[i] = (int32_t)(number + i);
    }
    return bytes;
}

static size_t count_long(const vlt_words *words, uint32_t end)
{
    uint8_t word[LONGEST];
    int32_t ids[LONGEST], found_ids[LONGEST];
    size_t found = 0;
    for (uint32_t n = 0; n < end; n++) {
        const size_t bytes = long_word(n, word, ids);
        const size_t count = vlt_words_find_long(words, word, bytes, vlt_long_hash(word, bytes),
                                                 found_ids);
        cr_assert(!count || (count == n % 90 + 1 && !memcmp(ids, found_ids, count * sizeof *ids)));
        found += count > 0;
    }
    return found;
}

Test(shared_words, long_words_of_two_parts)
{
    enum { MANY = 20000 };
    vlt_shared_words *shared = make();
    vlt_words_share part[2] = {{.shared = shared}, {.shared = shared}};
    uint8_t word[LONGEST];
    int32_t ids[LONGEST];
    for (int round = 0; round < 2; round++) {
        size_t learnt = 0;
        vlt_words_share_begin(&part[0]);
        vlt_words_share_begin(&part[1]);
        for (uint32_t n = 0; n < MANY; n++) {
            const size_t bytes = long_word(n, word, ids);
            learnt += vlt_words_share_learn_long(&part[n % 2], word, bytes,
                                                 vlt_long_hash(word, bytes), ids, n % 90 + 1);
        }
        cr_assert(learnt > 1500 && learnt < 16384, "%zu", learnt);
        cr_assert_eq(count_long(vlt_shared_words_view(shared), MANY), learnt);
        vlt_shared_words_renew(shared); /* its room is used up */
        cr_assert_eq(count_long(vlt_shared_words_view(shared), MANY), 0);
    }
    vlt_shared_words_destroy(shared);
}

/* More different words than there is room for, a few of them often. */
static size_t fill_text(char *text)
{
    size_t used = 0;
    for (uint32_t n = 0; used + 64 < TEXT_MAX; n++) {
        const uint32_t other = n % 3 ? n * 2654435761u : n % 1000;
        used += (size_t)sprintf(text + used, n % 50 ? " %c%xq%c" : " \xE4\xB8\xAD%c%x\xC3\xA9%c\n",
                                (int)('a' + other % 26), other, (int)('a' + n % 7));
    }
    return used;
}

static void check_variant(test_context *test, const vlt_variant *variant, const vlt_vocab *vocab,
                          const char *text, size_t bytes)
{
    vlt_bpe_encode_constants constants = {.vocab = vocab, .shared = make()};
    const vlt_problem problem = vlt_bpe_encode_problem(TEXT_MAX, &constants);
    int32_t *ids = malloc(vlt_bpe_encode_bound(bytes) * sizeof *ids);
    size_t expected_count, count;
    int32_t *expected = test_encode(vocab, "baseline", text, bytes, false, &expected_count);
    for (int i = 0; i < 3; i++) { /* the second one finds what the first one learnt */
        vlt_plan *plan = NULL;
        cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                     VLT_OK);
        const vlt_bpe_encode_args args = {
            .text = text, .text_bytes = bytes, .ids = ids, .id_count = &count};
        cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
        cr_expect(count == expected_count && !memcmp(ids, expected, count * sizeof *ids),
                  "%s, time %d: %zu ids, expected %zu", variant->name, i, count, expected_count);
        vlt_plan_destroy(plan);
        if (i == 1) {
            vlt_shared_words_renew(constants.shared);
        }
    }
    vlt_shared_words_destroy(constants.shared);
    free(expected);
    free(ids);
}

Test(shared_words, encoders_give_the_same_ids_when_all_is_full)
{
    static char text[TEXT_MAX];
    const size_t bytes = fill_text(text);
    vlt_bpe_sample sample;
    test_context test;
    test_context_init(&test);
    cr_assert_eq(vlt_bpe_sample_init(5, &sample, NULL), VLT_OK);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_bpe_encode); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_bpe_encode, v);
        const vlt_problem problem = vlt_bpe_encode_problem(TEXT_MAX, NULL);
        if (vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
            check_variant(&test, variant, sample.vocab, text, bytes);
        }
    }
    vlt_bpe_sample_release(&sample);
    test_context_release(&test);
}

/* An encoder that shares finds a word where another one has put it. */
Test(shared_words, an_encoder_tells_the_others)
{
    vlt_bpe_sample sample;
    test_context test;
    vlt_plan *plan = NULL;
    int32_t ids[64];
    size_t count, missing = 0;
    test_context_init(&test);
    cr_assert_eq(vlt_bpe_sample_init(5, &sample, NULL), VLT_OK);
    vlt_bpe_encode_constants constants = {.vocab = sample.vocab, .shared = make()};
    const vlt_problem problem = vlt_bpe_encode_problem(64, &constants);
    cr_assert_eq(vlt_plan_create(&test.context, &problem, &plan, NULL), VLT_OK);
    const vlt_bpe_encode_args args = {
        .text = "zqxj zqxjzqxjzqxjzqxjzqxj", .text_bytes = 25, .ids = ids, .id_count = &count};
    cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
    const vlt_words *words = vlt_shared_words_view(constants.shared);
    for (uint32_t line = 0; line <= words->line_mask; line++) {
        missing += !words->entry[2 * (size_t)line].key.high;
    }
    cr_assert_eq(missing, words->line_mask); /* one line has a word */
    const uint8_t *word = (const uint8_t *)args.text + 4;
    cr_assert_gt(vlt_words_find_long(words, word, 21, vlt_long_hash(word, 21), ids), 0);
    vlt_plan_destroy(plan);
    vlt_shared_words_destroy(constants.shared);
    vlt_bpe_sample_release(&sample);
    test_context_release(&test);
}

/* What a vocabulary refuses, and the added tokens. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/vocab_internal.h"
#include "tests/support/tokens.h"

enum { TOKENS = 258 };

struct source {
    uint8_t bytes[256];
    vlt_token_text token[TOKENS];
    vlt_merge merge[2];
    vlt_added_token added[4];
    vlt_vocab_source source;
};

static void fill(struct source *s)
{
    *s = (struct source){.merge = {{'a', 'b', 256}, {256, 'c', 257}},
                         .added = {{"<a>", 3, 258, true},
                                   {"<a>b", 4, 259, false},
                                   {"<ab>", 4, 262, false},
                                   {"!", 1, 261, true}}};
    for (int i = 0; i < 256; i++) {
        s->bytes[i] = (uint8_t)i;
        s->token[i] = (vlt_token_text){s->bytes + i, 1};
    }
    s->token[256] = (vlt_token_text){(const uint8_t *)"ab", 2};
    s->token[257] = (vlt_token_text){(const uint8_t *)"abc", 3};
    s->added[3].text = "\n\n";
    s->added[3].length = 2;
    s->source = (vlt_vocab_source){s->token, TOKENS, s->merge, 2, s->added, 4};
}

static void refused(const struct source *s, const char *part)
{
    vlt_vocab *vocab;
    vlt_error err = {0};
    cr_assert_eq(vlt_vocab_create(&s->source, &vocab, &err), VLT_STATUS_INPUT);
    cr_assert_null(vocab);
    cr_assert(strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
}

Test(vocab, refuses_contradictions)
{
    struct source s;
    fill(&s);
    s.merge[1].left = 300;
    refused(&s, "merge 1: its left part, id 300");
    fill(&s);
    s.merge[0].result = -5;
    refused(&s, "merge 0: its result, id -5");
    fill(&s);
    s.merge[1].right = 'd';
    refused(&s, "merge 1: token 257 is not tokens 256 and 100 joined");
    fill(&s);
    s.token['q'].bytes = NULL;
    refused(&s, "no token for the byte 0x71");
    fill(&s);
    s.added[1].id = 257;
    refused(&s, "id 257: added token '<a>b', expected 'abc'");
    fill(&s);
    s.added[1].id = 258;
    refused(&s, "id 258");
    fill(&s);
    s.added[1] = (vlt_added_token){"<a>", 3, 270, true};
    refused(&s, "'<a>' has the ids");
    fill(&s);
    s.added[2].id = -1;
    refused(&s, "'<ab>': id -1");
    fill(&s);
    s.token[256].length = 0;
    refused(&s, "token 256 is empty");
}

Test(vocab, tokens_and_gaps)
{
    struct source s;
    vlt_vocab *vocab;
    fill(&s);
    cr_assert_eq(vlt_vocab_create(&s.source, &vocab, NULL), VLT_OK);
    cr_assert_eq(vlt_vocab_size(vocab), 263);
    cr_assert_null(vlt_vocab_token(vocab, 260).bytes);
    cr_assert_null(vlt_vocab_token(vocab, 263).bytes);
    cr_assert_null(vlt_vocab_token(vocab, -1).bytes);
    cr_assert_eq(vlt_vocab_token(vocab, 257).length, 3);
    cr_assert(vlt_vocab_is_special(vocab, 258));
    cr_assert_not(vlt_vocab_is_special(vocab, 259));
    cr_assert(vlt_vocab_is_added(vocab, 259));
    cr_assert_not(vlt_vocab_is_added(vocab, 'a'));
    cr_assert_eq(vlt_vocab_find_added(vocab, "<ab>", 4), 262);
    cr_assert_eq(vlt_vocab_find_added(vocab, "<ab", 3), -1);
    vlt_vocab_destroy(vocab);
}

static void encodes(const vlt_vocab *vocab, const char *text, size_t bytes, bool no_special,
                    const int32_t *expected, size_t expected_count)
{
    static const char *const variants[] = {"baseline", "scanner", NULL};
    for (int v = 0; v < 3; v++) {
        size_t count;
        int32_t *ids = test_encode(vocab, variants[v], text, bytes, no_special, &count);
        cr_assert(count == expected_count && memcmp(ids, expected, count * sizeof *ids) == 0,
                  "%s of '%s': %zu ids, the first %d", variants[v] ? variants[v] : "default", text,
                  count, count ? ids[0] : -1);
        free(ids);
    }
}

/* Tables that move hold what they held. */
Test(vocab, follows_a_policy_of_memory)
{
    struct source s;
    vlt_vocab *vocab;
    fill(&s);
    cr_assert_eq(vlt_vocab_create(&s.source, &vocab, NULL), VLT_OK);
    for (int small = 0; small < 2; small++) {
        const vlt_memory_policy policy = {.small_pages = small};
        const void *pair = vocab->pair, *word = vocab->word;
        cr_assert_eq(vlt_vocab_follow(vocab, &policy, NULL), VLT_OK);
        cr_expect_eq(vocab->pair != pair, small);
        cr_expect_eq(vocab->word != word, small);
        encodes(vocab, "<a>b<a><ab>", 11, false, (int32_t[]){259, 258, 262}, 3);
        encodes(vocab, "a\n\n\nabc", 7, false, (int32_t[]){'a', 261, '\n', 257}, 4);
    }
    vlt_vocab_destroy(vocab);
}

Test(vocab, added_tokens_leftmost_longest)
{
    struct source s;
    vlt_vocab *vocab;
    fill(&s);
    cr_assert_eq(vlt_vocab_create(&s.source, &vocab, NULL), VLT_OK);
    encodes(vocab, "<a>b<a><ab>", 11, false, (int32_t[]){259, 258, 262}, 3);
    encodes(vocab, "<<a>", 4, false, (int32_t[]){'<', 258}, 2);
    encodes(vocab, "<a", 2, false, (int32_t[]){'<', 'a'}, 2);
    encodes(vocab, "<a>", 3, true, (int32_t[]){'<', 'a', '>'}, 3);
    encodes(vocab, "a\n\n\nabc", 7, false, (int32_t[]){'a', 261, '\n', 257}, 4);
    encodes(vocab, "", 0, false, (int32_t[]){0}, 0);
    encodes(vocab, "a\0b", 3, false, (int32_t[]){'a', 0, 'b'}, 3);
    vlt_vocab_destroy(vocab);
}

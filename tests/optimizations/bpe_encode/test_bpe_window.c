/* Words by bits against words byte by byte, and words in pieces against whole ones, on texts that
 * mean nothing and meet everything. */
#include "optimizations/bpe_encode/cuts.h"
#include "optimizations/bpe_encode/vocab_internal.h"
#include "tests/optimizations/bpe_encode/window_checks.h"
#include "tests/support/tokens.h"

Test(bpe_window, words_are_those_of_the_scanner, .timeout = 120)
{
    check_random_texts();
    check_code_points();
    check_reach(false);
}

Test(bpe_window, a_word_at_once_is_that_of_the_scanner)
{
    static uint8_t text[TEXT_BYTES];
    vlt_random random = {6};
    for (int round = 0; round < 4000; round++) {
        const uint8_t *p = text, *end = text + TEXT_BYTES;
        fill(&random, alphabets[(size_t)round % (sizeof alphabets / sizeof *alphabets)], text);
        for (; end - p >= 16; p = vlt_scan_word(p, end)) {
            cr_assert_eq(vlt_scan_word_fast(p, end), vlt_scan_word(p, end), "round %d, byte %td",
                         round, p - text);
        }
    }
}

/* No token of the vocabulary holds a cut: the place between the two halves of a token of two or
 * more characters never is one, whatever stands around it. */
Test(bpe_window, no_token_reaches_across_a_cut)
{
    vlt_tokenizer *tokenizer = test_real_tokenizer();
    static vlt_cuts cuts;
    int tokens = 0;
    if (!tokenizer) {
        return;
    }
    const vlt_vocab *vocab = vlt_tokenizer_vocab(tokenizer);
    for (int32_t id = 0; id < vlt_vocab_size(vocab); id++) {
        const vlt_token_text token = vlt_vocab_token(vocab, id);
        vlt_cuts_note(&cuts, token.bytes, token.length);
    }
    for (int32_t id = 0; id < vlt_vocab_size(vocab); id++) {
        const vlt_token_text token = vlt_vocab_token(vocab, id);
        const char *text = (const char *)token.bytes;
        if (token.length && vlt_utf8_valid(text, token.length)) {
            cr_assert_eq(vlt_cuts_next(&cuts, token.bytes, token.length), token.length, "%s",
                         vlt_quoted(text, token.length).text);
            tokens++;
        }
    }
    cr_assert_gt(tokens, 100000);
    vlt_tokenizer_destroy(tokenizer);
}

/* One at a time or all at once. */
static void expect_same_cuts(const vlt_cuts *cuts, const uint8_t *text, size_t bytes)
{
    uint8_t all[VLT_CUTS_ALL_BYTES];
    const size_t count = vlt_cuts_all(cuts, text, bytes, all);
    size_t at = vlt_cuts_next(cuts, text, bytes);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(all[i], at, "%zu", i);
        at += vlt_cuts_next(cuts, text + at, bytes - at);
    }
    cr_assert_eq(at, bytes);
}

static size_t put(uint8_t *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (uint8_t)(0xC0 | code >> 6);
        to[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    to[0] = (uint8_t)(0xE0 | code >> 12);
    to[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    to[2] = (uint8_t)(0x80 | (code & 0x3F));
    return 3;
}

/* Letters of scripts that are cut: the ids are the baseline's. */
Test(bpe_window, pieces_give_the_ids_of_the_whole, .timeout = 120)
{
    static const uint32_t scripts[][2] = {{0x4E00, 0x4E80}, {0x3041, 0x3096}, {0xAC00, 0xAC60},
                                          {0x430, 0x44F},   {0xE01, 0xE30},   {0x61, 0x7A},
                                          {0x5DD0, 0x5E10}, {0x628, 0x64A}};
    vlt_tokenizer *tokenizer = test_real_tokenizer();
    static uint8_t text[4 * TEXT_BYTES];
    vlt_random random = {7};
    if (!tokenizer) {
        return;
    }
    const vlt_vocab *vocab = vlt_tokenizer_vocab(tokenizer);
    for (int round = 0; round < 300; round++) {
        size_t bytes = 0, count[2];
        while (bytes < TEXT_BYTES) {
            const int64_t script = vlt_random_range(&random, 0, 7);
            for (int64_t i = vlt_random_range(&random, 1, 12); i > 0; i--) {
                bytes += put(text + bytes, (uint32_t)vlt_random_range(&random, scripts[script][0],
                                                                      scripts[script][1]));
            }
            if (vlt_random_range(&random, 0, 3) == 0) {
                text[bytes++] = ' ';
            }
        }
        for (size_t at = 0, next; at < bytes; at = next) {
            for (next = at + 1; next < bytes && ((text[next] & 0xC0) == 0x80 || next < at + 250);) {
                next++;
            }
            expect_same_cuts(vocab->cuts, text + at, next - at);
        }
        int32_t *ids[2];
        ids[0] = test_encode(vocab, "baseline", (const char *)text, bytes, false, &count[0]);
        ids[1] = test_encode(vocab, round % 2 ? NULL : "scanner", (const char *)text, bytes, false,
                             &count[1]);
        cr_assert_eq(count[0], count[1], "round %d", round);
        cr_assert(!memcmp(ids[0], ids[1], count[0] * sizeof *ids[0]), "round %d", round);
        free(ids[0]);
        free(ids[1]);
    }
    vlt_tokenizer_destroy(tokenizer);
}

/* At every seam the ids of the halves are the ids of the whole; and there are enough of them. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/bpe_sample.h"
#include "optimizations/bpe_encode/seams.h"
#include "optimizations/bpe_encode/utf8.h"
#include "optimizations/core/random.h"
#include "tests/support/tokens.h"
#include "tests/support/variants.h"

enum { TEXT_MAX = 1 << 14 };

static const char *const parts[] = {
    " ",          "  ",     "\n",     "\r\n",      "\n ",      " \n",    "\t",
    "'",          "'s",     "'re",    "'ll",       "n't",      "a",      "e",
    "the",        "there",  "1",      "20",        "3.14",     ".",      ", ",
    "!\n",        "_",      "<",      "im_",       "st",       "<|im_",  "<|im_start|>",
    "<|im_end|>", "art|>",  "\u0301", "\u0323",    "\u00BD",   "\u0663", "\u4E2D",
    "\u56FD",     "\u4EBA", "\u3042", "\u3099",    "\u30AB",   "\uAC00", "\u1161",
    "\u11A8",     "\u0433", "\u0438", "\xFF",      "\xE4\xB8", "\u3000", "ing",
    "A",          "QUJD",   "token",  "tool_call", "</",       "\u017F", "\u2167"};

struct encoder {
    test_context test;
    vlt_plan *plan;
    vlt_seams *seams;
    int32_t *whole, *half;
};

static void begin(struct encoder *encoder, const vlt_vocab *vocab)
{
    static vlt_bpe_encode_constants constants;
    constants.vocab = vocab;
    vlt_problem problem = vlt_bpe_encode_problem(TEXT_MAX, &constants);
    test_context_init(&encoder->test);
    cr_assert_eq(vlt_plan_create(&encoder->test.context, &problem, &encoder->plan, NULL), VLT_OK);
    cr_assert_eq(vlt_seams_create(vocab, &encoder->seams, NULL), VLT_OK);
    encoder->whole = malloc(vlt_bpe_encode_bound(TEXT_MAX) * sizeof(int32_t));
    encoder->half = malloc(vlt_bpe_encode_bound(TEXT_MAX) * sizeof(int32_t));
}

static void end(struct encoder *encoder)
{
    vlt_plan_destroy(encoder->plan);
    vlt_seams_destroy(encoder->seams);
    test_context_release(&encoder->test);
    free(encoder->whole);
    free(encoder->half);
}

static size_t encode(const struct encoder *encoder, const char *text, size_t bytes, int32_t *ids)
{
    size_t count = 0;
    const vlt_bpe_encode_args args = {
        .text = text, .text_bytes = bytes, .ids = ids, .id_count = &count};
    cr_assert_eq(test_run(encoder->plan, &args, NULL), VLT_OK);
    return count;
}

/* Cuts at every seam of the text; how many there are. */
static size_t cut_everywhere(struct encoder *encoder, const char *text, size_t bytes)
{
    size_t seams = 0, whole = encode(encoder, text, bytes, encoder->whole);
    for (size_t at = 1; at < bytes; at++) {
        if (!vlt_seams_at(encoder->seams, text, bytes, at)) {
            continue;
        }
        seams++;
        size_t count = encode(encoder, text, at, encoder->half);
        count += encode(encoder, text + at, bytes - at, encoder->half + count);
        cr_assert(count == whole && !memcmp(encoder->half, encoder->whole, count * sizeof(int32_t)),
                  "cut at %zu of %zu: %zu ids, expected %zu", at, bytes, count, whole);
    }
    return seams;
}

/* vlt_seams_next passes over nothing but seams between letters; gives how many it finds. */
static size_t check_next(const vlt_seams *seams, const char *text, size_t bytes)
{
    size_t count = 0;
    for (size_t from = 1, at; from < bytes; from = at + 1, count++) {
        at = vlt_seams_next(seams, text, bytes, from);
        cr_assert(at == bytes || vlt_seams_at(seams, text, bytes, at), "%zu is none", at);
        for (size_t between = from; between < at; between++) {
            cr_assert(!vlt_seams_at(seams, text, bytes, between) ||
                          (isalpha((uint8_t)text[between - 1]) && isalpha((uint8_t)text[between])),
                      "%zu of %zu is passed over", between, bytes);
        }
    }
    return count;
}

static void cut_random_texts(const vlt_vocab *vocab, int rounds)
{
    struct encoder encoder;
    vlt_random random = {9};
    char text[512];
    size_t seams = 0;
    begin(&encoder, vocab);
    for (int round = 0; round < rounds; round++) {
        size_t used = 0, limit = (size_t)vlt_random_range(&random, 8, 120);
        while (used < limit) {
            const char *part =
                parts[vlt_random_range(&random, 0, sizeof parts / sizeof *parts - 1)];
            memcpy(text + used, part, strlen(part));
            used += strlen(part);
        }
        seams += cut_everywhere(&encoder, text, used);
        check_next(encoder.seams, text, used);
    }
    cr_expect_gt(seams, (size_t)rounds, "texts of this kind have seams");
    end(&encoder);
}

Test(seams, own_vocabulary)
{
    vlt_bpe_sample sample;
    cr_assert_eq(vlt_bpe_sample_init(5, &sample, NULL), VLT_OK);
    cut_random_texts(sample.vocab, 4000);
    vlt_bpe_sample_release(&sample);
}

static void cut_file(struct encoder *encoder, const char *relative, size_t least)
{
    size_t bytes;
    char *text = test_read_data(relative, &bytes);
    if (text) {
        size_t length = bytes < 6000 ? bytes : 6000;
        size_t seams = cut_everywhere(encoder, text, length);
        cr_expect_geq(seams, least, "%s: %zu seams", relative, seams);
        cr_expect_geq(check_next(encoder->seams, text, length), least / 2, "%s", relative);
        free(text);
    }
}

Test(seams, real_vocabulary)
{
    vlt_tokenizer *tokenizer = test_real_tokenizer();
    struct encoder encoder;
    char base64[4000], letters[9000];
    vlt_random random = {4};
    if (!tokenizer) {
        return;
    }
    cut_random_texts(vlt_tokenizer_vocab(tokenizer), 12000);
    begin(&encoder, vlt_tokenizer_vocab(tokenizer));
    for (size_t i = 0; i < sizeof base64; i++) {
        base64[i] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[vlt_random_range(
                &random, 0, 63)];
    }
    cr_expect_gt(cut_everywhere(&encoder, base64, sizeof base64), 400);
    cr_expect_gt(check_next(encoder.seams, base64, sizeof base64), 400);
    for (size_t i = 0; i < sizeof letters;
         i++) { /* nothing else for longer than it looks for that */
        letters[i] = (char)vlt_random_range(&random, 'a', 'z');
    }
    cr_expect_gt(check_next(encoder.seams, letters, sizeof letters), 100);
    cut_file(&encoder, "data/text/state-of-the-union-ascii.txt", 600);
    cut_file(&encoder, "data/text/poet.tang.0.json", 100);
    cut_file(&encoder, "data/text/package-lock.json", 100);
    cut_file(&encoder, "data/text/invalid-utf8-latin1.txt", 10);
    end(&encoder);
    vlt_tokenizer_destroy(tokenizer);
}

Test(seams, ends_and_runs_have_none)
{
    vlt_bpe_sample sample;
    vlt_seams *seams;
    cr_assert_eq(vlt_bpe_sample_init(5, &sample, NULL), VLT_OK);
    cr_assert_eq(vlt_seams_create(sample.vocab, &seams, NULL), VLT_OK);
    cr_expect(!vlt_seams_at(seams, "a b", 3, 0));
    cr_expect(vlt_seams_at(seams, "a b", 3, 1));
    cr_expect(!vlt_seams_at(seams, "a b", 3, 2));
    cr_expect(!vlt_seams_at(seams, "a b", 3, 3));
    cr_expect_eq(vlt_seams_next(seams, "      ", 6, 0), 6);
    cr_expect_eq(vlt_seams_next(seams, "", 0, 0), 0);
    vlt_seams_destroy(seams);
    vlt_bpe_sample_release(&sample);
}

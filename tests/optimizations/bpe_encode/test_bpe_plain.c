/* Plain stretches: no added token is found in them, the rest of the text is encoded as if they were
 * not there. Every variant of bpe_encode and of tokenize_batch against cutting by hand. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/bpe_sample.h"
#include "optimizations/core/random.h"
#include "optimizations/core/registry.h"
#include "optimizations/tokenize_batch/tokenize_batch.h"
#include "tests/support/tokens.h"
#include "tests/support/variants.h"

enum { TEXT_MAX = 512, RANGES_MAX = 6, TEXTS = 6 };

static const char *const added[] = {"<|im_start|>", "<|im_end|>"};

/* One text with its stretches, and what it must give. */
struct sample {
    char text[TEXT_MAX];
    size_t bytes;
    vlt_text_range range[RANGES_MAX];
    size_t ranges;
    int32_t expected[2 * TEXT_MAX * 3];
    size_t expected_count;
};

static void fill(vlt_random *random, struct sample *s)
{
    static const char *const parts[] = {"<|im_start|>", "<|im_end|>", "<|im_", "end|>", "<",
                                        "|>",           "\n",         "\n\n",  " the",  "a",
                                        "\xC3",         "e\u0301",    "'s",    "12"};
    s->bytes = s->ranges = 0;
    for (int64_t n = vlt_random_range(random, 0, 24); n > 0; n--) {
        const char *part = parts[vlt_random_range(random, 0, sizeof parts / sizeof *parts - 1)];
        memcpy(s->text + s->bytes, part, strlen(part));
        s->bytes += strlen(part);
    }
    s->text[s->bytes] = '\0';
    size_t at = 0;
    for (int64_t n = vlt_random_range(random, 0, RANGES_MAX); n > 0 && at < s->bytes; n--) {
        size_t first = (size_t)vlt_random_range(random, (int64_t)at, (int64_t)s->bytes - 1);
        size_t end = (size_t)vlt_random_range(random, (int64_t)first, (int64_t)s->bytes);
        s->range[s->ranges++] = (vlt_text_range){first, end};
        at = end;
    }
}

/* The added token at text[at] that touches no plain stretch; its number or -1. */
static int token_at(const struct sample *s, size_t at)
{
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(added[i]);
        bool free_of = at + length <= s->bytes && !memcmp(s->text + at, added[i], length);
        for (size_t r = 0; r < s->ranges; r++) {
            free_of = free_of && (s->range[r].end <= at || s->range[r].first >= at + length ||
                                  s->range[r].first == s->range[r].end);
        }
        if (free_of) {
            return i;
        }
    }
    return -1;
}

/* By hand: the pieces between the tokens that count, each encoded as plain text. */
static void expect(const vlt_vocab *vocab, struct sample *s)
{
    size_t piece = 0, count;
    s->expected_count = 0;
    for (size_t at = 0; at <= s->bytes;) {
        int token = at < s->bytes ? token_at(s, at) : -1;
        if (token < 0 && at < s->bytes) {
            at++;
            continue;
        }
        int32_t *ids = test_encode(vocab, "baseline", s->text + piece, at - piece, true, &count);
        memcpy(s->expected + s->expected_count, ids, count * sizeof *ids);
        s->expected_count += count;
        free(ids);
        if (token < 0) {
            break;
        }
        s->expected[s->expected_count++] = vlt_vocab_find_added(vocab, added[token],
                                                                strlen(added[token]));
        at += strlen(added[token]);
        piece = at;
    }
}

static void same(const struct sample *s, const vlt_variant *variant, const int32_t *ids,
                 size_t count, int round)
{
    cr_assert(count == s->expected_count && !memcmp(ids, s->expected, count * sizeof *ids),
              "round %d: %s gives %zu ids, expected %zu, of '%s'", round, variant->name, count,
              s->expected_count, s->text);
}

static void one_by_one(test_context *test, const vlt_bpe_encode_constants *constants,
                       const struct sample *samples, int round)
{
    static int32_t ids[TEXT_MAX * 3 + 8];
    vlt_problem problem = vlt_bpe_encode_problem(TEXT_MAX, constants);
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_bpe_encode); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_bpe_encode, v);
        vlt_plan *plan = NULL;
        if (!vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
            continue;
        }
        cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                     VLT_OK);
        for (int t = 0; t < TEXTS; t++) {
            const struct sample *s = &samples[t];
            size_t count = 0;
            const vlt_bpe_encode_args args = {.text = s->text,
                                              .text_bytes = s->bytes,
                                              .ids = ids,
                                              .id_count = &count,
                                              .plain = {s->range, s->ranges}};
            cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
            same(s, variant, ids, count, round);
        }
        vlt_plan_destroy(plan);
    }
}

static void together(test_context *test, const vlt_bpe_encode_constants *constants,
                     const struct sample *samples, int round)
{
    static int32_t ids[TEXTS * (TEXT_MAX * 3 + 8)];
    const char *text[TEXTS];
    size_t text_bytes[TEXTS], id_first[TEXTS + 1];
    vlt_text_ranges plain[TEXTS];
    vlt_problem problem = vlt_tokenize_batch_problem(TEXTS, TEXTS * TEXT_MAX, constants);
    for (int t = 0; t < TEXTS; t++) {
        text[t] = samples[t].text;
        text_bytes[t] = samples[t].bytes;
        plain[t] = (vlt_text_ranges){samples[t].range, samples[t].ranges};
    }
    const vlt_tokenize_batch_args args = {.text = text,
                                          .text_bytes = text_bytes,
                                          .text_count = TEXTS,
                                          .ids = ids,
                                          .id_first = id_first,
                                          .plain = plain};
    for (int v = 0; v < vlt_registry_variant_count(&vlt_op_tokenize_batch); v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_tokenize_batch, v);
        vlt_plan *plan = NULL;
        if (!vlt_registry_applicable(variant, &problem, &test->caps, NULL)) {
            continue;
        }
        cr_assert_eq(vlt_plan_create_with(&test->context, &problem, variant, NULL, &plan, NULL),
                     VLT_OK);
        cr_assert_eq(test_run(plan, &args, NULL), VLT_OK);
        for (int t = 0; t < TEXTS; t++) {
            same(&samples[t], variant, ids + id_first[t], id_first[t + 1] - id_first[t], round);
        }
        vlt_plan_destroy(plan);
    }
}

Test(bpe_plain, every_variant_equals_cutting_by_hand)
{
    enum { ROUNDS = 60 };
    static struct sample samples[TEXTS];
    vlt_bpe_sample sample;
    test_context test;
    vlt_random random = {20};
    test_context_init(&test);
    cr_assert_eq(vlt_bpe_sample_init(3, &sample, NULL), VLT_OK);
    const vlt_bpe_encode_constants constants = {.vocab = sample.vocab};
    size_t found = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int t = 0; t < TEXTS; t++) {
            fill(&random, &samples[t]);
            /* the same text with other stretches must not be mistaken for this one */
            if (t % 2) {
                memcpy(samples[t].text, samples[t - 1].text, TEXT_MAX);
                samples[t].bytes = samples[t - 1].bytes;
                samples[t].ranges = 0;
            }
            expect(sample.vocab, &samples[t]);
            found += samples[t].ranges > 0;
        }
        one_by_one(&test, &constants, samples, round);
        together(&test, &constants, samples, round);
    }
    cr_assert_gt(found, ROUNDS);
    vlt_bpe_sample_release(&sample);
    test_context_release(&test);
}

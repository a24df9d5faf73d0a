/* The scanner against PCRE2 with utf8proc on hard random texts: marks, Hangul, code points newer
 * than either library, invalid UTF-8, mixed white space, contractions, added tokens, NUL. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/bpe_sample.h"
#include "optimizations/bpe_encode/utf8.h"
#include "optimizations/core/random.h"
#include "tests/support/tokens.h"
#include "tests/support/variants.h"

enum { TEXT_MAX = 1 << 12 };

/* Parts that decide in the pattern, the normaliser or the matcher. */
static const char *const parts[] = {" ",
                                    "  ",
                                    "\n",
                                    "\r\n",
                                    "\t",
                                    "\v",
                                    "\u00A0",
                                    "\u3000",
                                    "\u2028",
                                    "\xC2\x85",
                                    "\u180E",
                                    "\u200B",
                                    "\x1C",
                                    "'s",
                                    "'S",
                                    "'\u017F",
                                    "'re",
                                    "'VE",
                                    "'ll",
                                    "'lL",
                                    "'d",
                                    "'k",
                                    "'",
                                    "''",
                                    "a",
                                    "Z",
                                    "the",
                                    "1",
                                    "\u00BD",
                                    "\u0663",
                                    "\u2167",
                                    ".",
                                    "...",
                                    "!?",
                                    "_",
                                    "<",
                                    "<|im_start|>",
                                    "<|im_end|>",
                                    "<|im_",
                                    "\u0301",
                                    "\u0323",
                                    "\u093C",
                                    "\u0915",
                                    "\u1100",
                                    "\u1161",
                                    "\u11A8",
                                    "\u11A7",
                                    "\uAC00",
                                    "\u0344",
                                    "\u0F73",
                                    "\u212B",
                                    "\u1E9B\u0323",
                                    "\xFF",
                                    "\xC3",
                                    "\xE2\x82",
                                    "\xF0\x9F\x98",
                                    "\xED\xA0\x80",
                                    "\xC0\x80",
                                    "\U0001F600",
                                    "\u200D",
                                    "\u05D0",
                                    "\u0E01\u0E33",
                                    "\u4E2D",
                                    "\U00031350",
                                    "\U0001E290",
                                    "\U00011F04",
                                    "\u1C89",
                                    "\uA7CB",
                                    "\U00010D40"};

static size_t random_text(vlt_random *random, char *text)
{
    size_t used = 0, limit = (size_t)vlt_random_range(random, 1, 300);
    while (used < limit) {
        int64_t kind = vlt_random_range(random, 0, 9);
        uint8_t code[4];
        const char *part = (const char *)code;
        size_t length = 1;
        if (kind < 6) {
            part = parts[vlt_random_range(random, 0, (int64_t)(sizeof parts / sizeof *parts) - 1)];
            length = strlen(part);
        } else if (kind < 8) {
            /* Any code point of the planes with characters, surrogates included: then invalid. */
            length = vlt_utf8_put(code, (uint32_t)vlt_random_range(random, 0, 0x323FF));
        } else {
            code[0] = (uint8_t)vlt_random_next(random);
        }
        for (int64_t n = vlt_random_range(random, 1, kind == 0 ? 9 : 1); n > 0; n--) {
            memcpy(text + used, part, length);
            used += length;
        }
    }
    return used;
}

static void compare(const vlt_vocab *vocab, uint64_t seed, int rounds)
{
    static vlt_bpe_encode_constants constants;
    test_context test;
    vlt_plan *plan[8];
    int plans = vlt_registry_variant_count(&vlt_op_bpe_encode);
    vlt_random random = {seed};
    char *text = malloc(TEXT_MAX);
    int32_t *expected = malloc(vlt_bpe_encode_bound(TEXT_MAX) * sizeof *expected);
    int32_t *ids = malloc(vlt_bpe_encode_bound(TEXT_MAX) * sizeof *ids);
    constants.vocab = vocab;
    test_context_init(&test);
    vlt_problem problem = vlt_bpe_encode_problem(TEXT_MAX, &constants);
    for (int v = 0; v < plans; v++) {
        const vlt_variant *variant = vlt_registry_variant(&vlt_op_bpe_encode, v);
        plan[v] = NULL;
        if (vlt_registry_applicable(variant, &problem, &test.caps, NULL)) {
            cr_assert_eq(
                vlt_plan_create_with(&test.context, &problem, variant, NULL, &plan[v], NULL),
                VLT_OK);
        }
    }
    for (int round = 0; round < rounds; round++) {
        size_t bytes = random_text(&random, text), expected_count, count;
        bool no_special = round % 7 == 0;
        vlt_bpe_encode_args args = {.text = text,
                                    .text_bytes = bytes,
                                    .no_special = no_special,
                                    .ids = expected,
                                    .id_count = &expected_count};
        cr_assert_eq(test_run(plan[0], &args, NULL), VLT_OK);
        for (int v = 1; v < plans; v++) {
            args.ids = ids;
            args.id_count = &count;
            cr_assert(!plan[v] || test_run(plan[v], &args, NULL) == VLT_OK);
            cr_assert(!plan[v] || (count == expected_count &&
                                   memcmp(ids, expected, count * sizeof *ids) == 0),
                      "seed %llu, round %d: %s gives %zu ids, the baseline %zu",
                      (unsigned long long)seed, round, plan[v]->variant->name, count,
                      expected_count);
        }
    }
    for (int v = 0; v < plans; v++) {
        vlt_plan_destroy(plan[v]);
    }
    free(text);
    free(expected);
    free(ids);
    test_context_release(&test);
}

Test(bpe_hard, own_vocabulary)
{
    vlt_bpe_sample sample;
    cr_assert_eq(vlt_bpe_sample_init(5, &sample, NULL), VLT_OK);
    compare(sample.vocab, 1, 30000);
    vlt_bpe_sample_release(&sample);
}

Test(bpe_hard, real_vocabulary)
{
    vlt_tokenizer *tokenizer = test_real_tokenizer();
    if (tokenizer) {
        compare(vlt_tokenizer_vocab(tokenizer), 2, 60000);
        vlt_tokenizer_destroy(tokenizer);
    }
}

/* Inputs that a square algorithm does not survive: every variant, one mebibyte. */
Test(bpe_hard, long_runs)
{
    enum { BYTES = 1 << 20 };
    static const char *const units[] = {"x",  " ",      "\n",   "<",   "'",
                                        "a1", "\u0301", "\xFF", " \n", "xy"};
    vlt_bpe_sample sample;
    cr_assert_eq(vlt_bpe_sample_init(5, &sample, NULL), VLT_OK);
    char *text = malloc(BYTES);
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t length = strlen(units[u]), count[2];
        for (size_t i = 0; i < BYTES; i++) {
            text[i] = units[u][i % length];
        }
        int32_t *a = test_encode(sample.vocab, "baseline", text, BYTES, false, &count[0]);
        for (int v = 0; v < 2; v++) {
            int32_t *b = test_encode(sample.vocab, v ? NULL : "scanner", text, BYTES, false,
                                     &count[1]);
            cr_assert(count[0] == count[1] && memcmp(a, b, count[0] * sizeof *a) == 0,
                      "run of '%s'", units[u]);
            free(b);
        }
        free(a);
    }
    free(text);
    vlt_bpe_sample_release(&sample);
}

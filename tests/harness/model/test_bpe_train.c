#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/bpe_train.h"
#include "harness/model/byte_alphabet.h"
#include "harness/model/corpus.h"
#include "optimizations/core/random.h"

static vlt_bpe_trained trained_on(const char *text, int32_t token_max, int64_t min_count)
{
    vlt_bpe_trained trained;
    vlt_error err = {0};
    cr_assert_eq(vlt_bpe_train(text, strlen(text), token_max, min_count, &trained, &err), VLT_OK,
                 "%s", err.message);
    return trained;
}

static bool spells(const vlt_bpe_trained *trained, int32_t id, const char *text)
{
    return trained->token[id].length == strlen(text) &&
           !memcmp(trained->token[id].bytes, text, strlen(text));
}

Test(bpe_train, merges_the_most_frequent_pair_first)
{
    /* words: aab x3, " aab" is "\x20" + aab; ab is most frequent, then aab */
    vlt_bpe_trained trained = trained_on("aab aab ab", 300, 2);
    cr_assert_eq(trained.token_count, 256 + trained.merge_count);
    cr_assert(spells(&trained, 256, "ab"), "ab occurs three times");
    cr_assert(spells(&trained, 257, "aab"), "then aab, twice, before the blank of higher id");
    cr_assert_eq(trained.merge[0].left, vlt_byte_alphabet_id('a'));
    cr_assert_eq(trained.merge[0].right, vlt_byte_alphabet_id('b'));
    cr_assert_eq(trained.merge[1].result, 257);
    vlt_bpe_trained_release(&trained);
}

Test(bpe_train, equal_counts_go_by_the_lowest_ids)
{
    vlt_bpe_trained trained = trained_on("dc dc ba ba", 258, 1);
    cr_assert(spells(&trained, 256, "ba"));
    cr_assert(spells(&trained, 257, "dc"));
    vlt_bpe_trained_release(&trained);
}

Test(bpe_train, two_ways_to_spell_a_token_are_one_token)
{
    /* ab and bc are merged first; then abc comes from ab+c and from a+bc. */
    vlt_bpe_trained trained = trained_on("ab\nab\nab\nbc\nbc\nbc\nbc\nabc\nabcx\nxab\nxabc\n", 400,
                                         1);
    int spelled = 0, made = 0;
    for (int32_t i = 0; i < trained.token_count; i++) {
        spelled += spells(&trained, i, "abc");
    }
    for (int32_t i = 0; i < trained.merge_count; i++) {
        made += spells(&trained, trained.merge[i].result, "abc");
    }
    cr_assert_eq(spelled, 1);
    cr_assert_geq(made, 1);
    vlt_bpe_trained_release(&trained);
}

/* Brute force over words separated by blanks: recounts everything at every step. Tokens are
 * strings; a word begins with the blank before it. */
enum { WORDS = 60, LETTERS = 3, TEXT = 1024 };

struct brute {
    int32_t word[WORDS][32];
    int length[WORDS];
    int words;
    char spelling[512][64];
    int tokens;
};

static void brute_init(struct brute *brute, const char *text)
{
    memset(brute, 0, sizeof *brute);
    for (int byte = 0; byte < 256; byte++) {
        brute->spelling[vlt_byte_alphabet_id((uint8_t)byte)][0] = (char)byte;
    }
    brute->tokens = 256;
    for (size_t i = 0; text[i]; i++) {
        brute->words += i == 0 || text[i] == ' ';
        int word = brute->words - 1;
        brute->word[word][brute->length[word]++] = vlt_byte_alphabet_id((uint8_t)text[i]);
    }
}

static bool brute_best(const struct brute *brute, int64_t min_count, int32_t *left, int32_t *right)
{
    int64_t best = min_count - 1;
    for (int32_t l = 0; l < brute->tokens; l++) {
        for (int32_t r = 0; r < brute->tokens; r++) {
            int64_t count = 0;
            for (int w = 0; w < brute->words; w++) {
                for (int i = 0; i + 1 < brute->length[w]; i++) {
                    count += brute->word[w][i] == l && brute->word[w][i + 1] == r;
                }
            }
            if (count > best) {
                best = count;
                *left = l;
                *right = r;
            }
        }
    }
    return best >= min_count;
}

static int32_t brute_merge(struct brute *brute, int32_t left, int32_t right)
{
    char spelling[130];
    int32_t id = 256; /* only single bytes are spelled by one byte */
    snprintf(spelling, sizeof spelling, "%s%s", brute->spelling[left], brute->spelling[right]);
    while (id < brute->tokens && strcmp(brute->spelling[id], spelling) != 0) {
        id++;
    }
    if (id == brute->tokens) {
        cr_assert_lt(strlen(spelling), 64);
        memcpy(brute->spelling[brute->tokens++], spelling, strlen(spelling) + 1);
    }
    for (int w = 0; w < brute->words; w++) {
        int length = 0;
        for (int i = 0; i < brute->length[w]; i++) {
            bool match = i + 1 < brute->length[w] && brute->word[w][i] == left &&
                         brute->word[w][i + 1] == right;
            brute->word[w][length++] = match ? id : brute->word[w][i];
            i += match;
        }
        brute->length[w] = length;
    }
    return id;
}

Test(bpe_train, equals_brute_force)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        vlt_random random = {seed};
        char text[TEXT];
        size_t used = 0;
        for (int w = 0; w < WORDS; w++) {
            if (w) {
                text[used++] = ' ';
            }
            int length = (int)vlt_random_range(&random, 1, 9);
            for (int i = 0; i < length; i++) {
                text[used++] = (char)('a' + vlt_random_range(&random, 0, LETTERS - 1));
            }
        }
        text[used] = '\0';
        enum { TOKENS = 285 };
        vlt_bpe_trained trained = trained_on(text, TOKENS, 2);
        struct brute *brute = malloc(sizeof *brute);
        brute_init(brute, text);
        for (int32_t rank = 0; rank < trained.merge_count; rank++) {
            int32_t left = -1, right = -1;
            cr_assert(brute_best(brute, 2, &left, &right));
            cr_assert_eq(trained.merge[rank].left, left, "seed %d rank %d", (int)seed, rank);
            cr_assert_eq(trained.merge[rank].right, right);
            cr_assert_eq(trained.merge[rank].result, brute_merge(brute, left, right));
        }
        cr_assert_eq(trained.token_count, TOKENS);
        cr_assert_eq(brute->tokens, TOKENS);
        free(brute);
        vlt_bpe_trained_release(&trained);
    }
}

Test(bpe_train, edge_cases)
{
    vlt_bpe_trained trained = trained_on("", 300, 1);
    cr_assert(trained.token_count == 256 && trained.merge_count == 0);
    vlt_bpe_trained_release(&trained);
    trained = trained_on("ab", 256, 1);
    cr_assert_eq(trained.merge_count, 0);
    vlt_bpe_trained_release(&trained);
    trained = trained_on("aaaaaaa", 1000, 1); /* overlapping pairs */
    cr_assert(spells(&trained, 256, "aa"));
    vlt_bpe_trained_release(&trained);
    vlt_bpe_trained_release(&trained);

    vlt_error err = {0};
    cr_assert_eq(vlt_bpe_train("\xFF", 1, 300, 1, &trained, &err), VLT_STATUS_INPUT);
    cr_assert_eq(vlt_bpe_train("e\xCC\x81", 3, 300, 1, &trained, &err), VLT_STATUS_INPUT);
    cr_assert_eq(vlt_bpe_train("a", 1, 255, 1, &trained, &err), VLT_STATUS_USAGE);
    cr_assert_eq(vlt_bpe_train("a", 1, 300, 0, &trained, &err), VLT_STATUS_USAGE);
    cr_assert_null(trained.token);
}

/* The order: harness/model/README.md#byte-alphabet. */
Test(bpe_train, byte_alphabet_is_the_published_one)
{
    static const int ids[][2] = {{'!', 0},    {'3', 18},   {'~', 93},   {0xA1, 94},
                                 {0xAE, 106}, {0xFF, 187}, {'\t', 197}, {'\n', 198},
                                 {' ', 220},  {0x7F, 221}, {0xAD, 255}, {0, 188}};
    bool seen[256] = {false};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        cr_assert_eq(vlt_byte_alphabet_id((uint8_t)ids[i][0]), ids[i][1], "byte %d", ids[i][0]);
    }
    for (int byte = 0; byte < 256; byte++) {
        int id = vlt_byte_alphabet_id((uint8_t)byte);
        cr_assert(id >= 0 && id < 256 && !seen[id]);
        seen[id] = true;
    }
    cr_assert_eq(vlt_byte_alphabet_code_point(' '), 0x120);
    cr_assert_eq(vlt_byte_alphabet_code_point('\n'), 0x10A);
    cr_assert_eq(vlt_byte_alphabet_code_point(0xAD), 0x143);
}

/* The numbers are those of Hugging Face tokenizers 0.23.3 (BpeTrainer, min_frequency 2) on the same
 * text: 2,855 tokens when it may have as many as it likes. */
Test(bpe_train, on_the_corpus_equals_hugging_face)
{
    vlt_bpe_trained trained;
    vlt_error err = {0};
    cr_assert_eq(
        vlt_bpe_train((const char *)vlt_corpus, vlt_corpus_bytes, 50000, 2, &trained, &err), VLT_OK,
        "%s", err.message);
    cr_assert_eq(trained.token_count, 2855);
    vlt_bpe_trained_release(&trained);
}

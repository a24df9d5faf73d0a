/* Every way of merging against the definition, on small vocabularies that provoke it: few letters,
 * merges in any order, tokens that encoding never makes. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/bpe_merge.h"
#include "optimizations/core/random.h"

enum { LETTERS = 3, MERGES_MAX = 40, TOKEN_MAX = 24 };

struct tiny {
    uint8_t bytes[256 + MERGES_MAX][TOKEN_MAX];
    vlt_token_text token[256 + MERGES_MAX];
    vlt_merge merge[MERGES_MAX];
    int32_t tokens, merges;
    vlt_vocab *vocab;
};

static int32_t find(const struct tiny *t, const uint8_t *bytes, uint32_t length)
{
    for (int32_t i = 0; i < t->tokens; i++) {
        if (t->token[i].length == length && memcmp(t->token[i].bytes, bytes, length) == 0) {
            return i;
        }
    }
    return -1;
}

/* Random merges of existing tokens; when `shuffled` their ranks are drawn anew. */
static struct tiny *make(uint64_t seed, bool shuffled)
{
    struct tiny *t = calloc(1, sizeof *t);
    vlt_random random = {seed};
    for (t->tokens = 0; t->tokens < 256; t->tokens++) {
        t->bytes[t->tokens][0] = (uint8_t)t->tokens;
        t->token[t->tokens] = (vlt_token_text){t->bytes[t->tokens], 1};
    }
    for (int tries = 0; tries < 400 && t->merges < MERGES_MAX; tries++) {
        int64_t known = LETTERS + t->tokens - 256;
        int64_t l = vlt_random_range(&random, 0, known - 1);
        int64_t r = vlt_random_range(&random, 0, known - 1);
        int32_t left = l < LETTERS ? 'a' + (int32_t)l : 256 + (int32_t)l - LETTERS;
        int32_t right = r < LETTERS ? 'a' + (int32_t)r : 256 + (int32_t)r - LETTERS;
        uint32_t length = t->token[left].length + t->token[right].length;
        bool listed = length > TOKEN_MAX;
        for (int32_t m = 0; m < t->merges; m++) {
            listed |= t->merge[m].left == left && t->merge[m].right == right;
        }
        if (listed) {
            continue;
        }
        uint8_t *bytes = t->bytes[t->tokens];
        memcpy(bytes, t->token[left].bytes, t->token[left].length);
        memcpy(bytes + t->token[left].length, t->token[right].bytes, t->token[right].length);
        int32_t id = find(t, bytes, length);
        if (id < 0) {
            id = t->tokens++;
            t->token[id] = (vlt_token_text){bytes, length};
        }
        t->merge[t->merges++] = (vlt_merge){left, right, id};
    }
    for (int32_t m = t->merges - 1; shuffled && m > 0; m--) {
        int32_t other = (int32_t)vlt_random_range(&random, 0, m);
        vlt_merge swap = t->merge[m];
        t->merge[m] = t->merge[other];
        t->merge[other] = swap;
    }
    vlt_vocab_source source = {t->token, t->tokens, t->merge, t->merges, NULL, 0};
    vlt_error err = {0};
    cr_assert_eq(vlt_vocab_create(&source, &t->vocab, &err), VLT_OK, "%s", err.message);
    return t;
}

static void release(struct tiny *t)
{
    vlt_vocab_destroy(t->vocab);
    free(t);
}

/* The definition: of all adjacent pairs the lowest in the list, the leftmost of equals. */
static size_t define(const struct tiny *t, int32_t *ids, size_t count)
{
    for (;;) {
        int32_t best = t->merges;
        size_t at = 0;
        for (size_t i = 0; i + 1 < count; i++) {
            for (int32_t m = 0; m < best; m++) {
                if (t->merge[m].left == ids[i] && t->merge[m].right == ids[i + 1]) {
                    best = m;
                    at = i;
                }
            }
        }
        if (best == t->merges) {
            return count;
        }
        ids[at] = t->merge[best].result;
        memmove(&ids[at + 1], &ids[at + 2], (count - at - 2) * sizeof *ids);
        count--;
    }
}

static void random_word(vlt_random *random, uint8_t *word, size_t bytes)
{
    uint8_t letter = 'a';
    for (size_t i = 0; i < bytes; i++) {
        /* Runs of one letter, where leftmost-first matters, and changes. */
        if (vlt_random_range(random, 0, 2) == 0) {
            letter = (uint8_t)('a' + vlt_random_range(random, 0, LETTERS - 1));
        }
        word[i] = letter;
    }
}

static void check_word(const struct tiny *t, const uint8_t *word, size_t bytes,
                       const vlt_merge_queue *queue)
{
    int32_t *expected = malloc(bytes * sizeof *expected), *ids = malloc(bytes * sizeof *ids);
    for (size_t i = 0; i < bytes; i++) {
        expected[i] = word[i];
    }
    size_t count = define(t, expected, bytes), got;
    if (bytes <= VLT_MERGE_SCAN_MAX) {
        got = vlt_merge_scan(t->vocab, word, bytes, ids);
        cr_assert(got == count && memcmp(ids, expected, count * sizeof *ids) == 0,
                  "scan of %zu bytes: %zu ids, expected %zu", bytes, got, count);
    }
    for (size_t i = 0; i < bytes; i++) {
        ids[i] = word[i];
    }
    got = vlt_merge_heap(t->vocab, queue, ids, bytes);
    cr_assert(got == count && memcmp(ids, expected, count * sizeof *ids) == 0,
              "heap of %zu bytes: %zu ids, expected %zu", bytes, got, count);
    got = vlt_merge_joined(t->vocab, queue, word, bytes);
    cr_assert(got == count && memcmp(queue->ids, expected, count * sizeof *ids) == 0,
              "joined %zu bytes: %zu ids, expected %zu", bytes, got, count);
    int32_t whole = vlt_vocab_find_word(t->vocab, word, bytes);
    cr_assert(whole < 0 || (count == 1 && expected[0] == whole),
              "a word of %zu bytes is looked up as %d but encodes to %zu ids", bytes, whole, count);
    free(expected);
    free(ids);
}

static void check_vocabulary(uint64_t seed, bool shuffled)
{
    static const size_t sizes[] = {1, 2, 3, 5, 9, 15, 16, 17, 60, 255, 256, 257, 300, 700};
    struct tiny *t = make(seed, shuffled);
    vlt_random random = {seed + 1000};
    vlt_merge_queue queue;
    size_t block_bytes;
    cr_assert(vlt_merge_queue_bytes(700, &block_bytes));
    void *block = malloc(block_bytes);
    vlt_merge_queue_init(&queue, 700, block);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int round = 0; round < 4; round++) {
            uint8_t word[700];
            random_word(&random, word, sizes[s]);
            check_word(t, word, sizes[s], &queue);
        }
    }
    for (int32_t id = 256; id < t->tokens; id++) {
        check_word(t, t->token[id].bytes, t->token[id].length, &queue);
    }
    free(block);
    release(t);
}

Test(merge, equals_the_definition)
{
    for (uint64_t seed = 1; seed <= 120; seed++) {
        check_vocabulary(seed, false);
        check_vocabulary(seed, true);
    }
}

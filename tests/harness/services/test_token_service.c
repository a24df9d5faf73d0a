/* Ids of the service are those of one encoder on the whole text, however texts are cut, kept and
 * waited for. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/memory_room.h"
#include "harness/services/token_service.h"
#include "tests/support/data.h"
#include "tests/support/mappings.h"
#include "tests/support/tokens.h"
#include "tests/support/variants.h"

struct service {
    test_context test;
    pthread_mutex_t making;
    vlt_tokenizer *tokenizer;
    vlt_token_service *service;
};

static const vlt_memory_policy *memory; /* of services to come */

static void begin(struct service *s, vlt_tokenizer *tokenizer, int threads, size_t chunk,
                  size_t cache)
{
    pthread_mutexattr_t kind;
    test_context_init(&s->test);
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->making, &kind);
    s->test.context.making = &s->making;
    s->test.context.memory = memory;
    s->tokenizer = tokenizer;
    const vlt_token_service_options options = {.vocab = vlt_tokenizer_vocab(tokenizer),
                                               .context = &s->test.context,
                                               .threads = threads,
                                               .chunk_bytes = chunk,
                                               .cache_bytes = cache};
    cr_assert_eq(vlt_token_service_create(&options, &s->service, NULL), VLT_OK);
}

static void end(struct service *s)
{
    vlt_token_service_destroy(s->service);
    test_context_release(&s->test);
    pthread_mutex_destroy(&s->making);
}

static vlt_tokenizer *demo_tokenizer(void)
{
    vlt_tokenizer *tokenizer = NULL;
    cr_assert_eq(vlt_tokenizer_load(test_source("harness/model/demo/checkpoint"), &tokenizer, NULL),
                 VLT_OK);
    return tokenizer;
}

static vlt_prompt_text text_of(const char *text)
{
    return (vlt_prompt_text){.text = text, .bytes = strlen(text)};
}

/* By a plan of its own, on the whole text. */
static void check(struct service *s, const vlt_prompt_text *text, const char *what)
{
    int32_t *expected, *ids;
    size_t expected_count, count;
    cr_assert_eq(vlt_tokenizer_encode(s->tokenizer, &s->test.context, text->text, text->bytes,
                                      &text->plain, &expected, &expected_count, NULL),
                 VLT_OK);
    cr_assert_eq(vlt_token_service_encode(s->service, text, &ids, &count, NULL), VLT_OK);
    cr_expect(count == expected_count && !memcmp(ids, expected, count * sizeof *ids),
              "%s: %zu ids, expected %zu", what, count, expected_count);
    free(expected);
    free(ids);
}

static vlt_content_stats look(const struct service *s)
{
    vlt_content_stats stats;
    vlt_token_service_look(s->service, &stats);
    return stats;
}

Test(token_service, equal_texts_are_encoded_once)
{
    struct service s;
    begin(&s, demo_tokenizer(), 2, 1 << 16, 1 << 20);
    const vlt_prompt_text text = text_of("<|im_start|>user\nHow many circles?<|im_end|>");
    const vlt_text_range range = {0, text.bytes};
    vlt_prompt_text plain = text;
    plain.plain = (vlt_text_ranges){&range, 1};
    for (int i = 0; i < 6; i++) {
        check(&s, &text, "equal");
    }
    cr_expect(look(&s).misses == 1 && look(&s).hits == 5);
    check(&s, &plain, "in which no token counts");
    cr_expect_eq(look(&s).misses, 2);
    vlt_prompt_text empty = text_of("");
    check(&s, &empty, "empty");
    end(&s);
    vlt_tokenizer_destroy(s.tokenizer);
}

/* Results when it is made, words of short texts and of long ones when they come; the stacks
 * of threads, which are in small pages anyway, come in the first pass. */
Test(token_service, what_it_keeps_is_in_small_pages_where_the_policy_says_so)
{
    enum { BYTES = 100000, STEPS = 3, PASSES = 3, LEAST_BYTES = 3 << 20 };
    static char text[BYTES + 16];
    size_t bytes = 0, more[PASSES][STEPS] = {{0}};
    vlt_tokenizer *tokenizer = demo_tokenizer();
    while (bytes < BYTES) {
        bytes += (size_t)snprintf(text + bytes, 16, "word%zu ", bytes % 977);
    }
    for (int pass = 0; pass < PASSES && !VLT_ASAN; pass++) {
        const vlt_memory_policy policy = {.small_pages = pass == PASSES - 1};
        const vlt_prompt_text texts[] = {text_of("short"), text_of(text)};
        struct service s;
        memory = &policy;
        size_t before = test_bytes_with_flag("nh");
        begin(&s, tokenizer, 2, 1 << 12, 8 << 20);
        for (int i = 0; i < STEPS; i++) {
            const size_t now = test_bytes_with_flag("nh");
            more[pass][i] = now - before;
            before = now;
            if (i + 1 < STEPS) {
                check(&s, &texts[i], "in small pages");
            }
        }
        end(&s);
    }
    for (int i = 0; i < STEPS && !VLT_ASAN; i++) {
        cr_expect_geq(more[2][i], more[1][i] + LEAST_BYTES, "%d: %zu, %zu", i, more[2][i],
                      more[1][i]);
    }
    memory = NULL;
    vlt_tokenizer_destroy(tokenizer);
}

Test(token_service, a_cache_of_0_keeps_nothing)
{
    struct service s;
    begin(&s, demo_tokenizer(), 1, 1 << 16, 0);
    const vlt_prompt_text text = text_of("twice");
    check(&s, &text, "first");
    check(&s, &text, "second");
    cr_expect(!look(&s).hits && !look(&s).bytes && !look(&s).limit);
    end(&s);
    vlt_tokenizer_destroy(s.tokenizer);
}

static void check_file(struct service *s, const char *relative)
{
    size_t bytes;
    char *text = test_read_data(relative, &bytes);
    if (text) {
        vlt_prompt_text whole = {.text = text, .bytes = bytes < 300000 ? bytes : 300000};
        check(s, &whole, relative);
        vlt_text_range range[40]; /* stretches that seams fall into */
        for (size_t i = 0; i < 40; i++) {
            range[i] = (vlt_text_range){i * whole.bytes / 40, i * whole.bytes / 40 + 97};
        }
        whole.plain = (vlt_text_ranges){range, 40};
        check(s, &whole, relative);
        free(text);
    }
}

Test(token_service, long_texts_in_pieces)
{
    vlt_tokenizer *tokenizer = test_real_tokenizer();
    struct service s;
    if (!tokenizer) {
        return;
    }
    for (size_t chunk = 256; chunk <= 1 << 14; chunk *= 8) {
        begin(&s, tokenizer, 3, chunk, 1 << 22);
        check_file(&s, "data/text/state-of-the-union-ascii.txt");
        check_file(&s, "data/text/poet.tang.0.json");
        check_file(&s, "data/text/package-lock.json");
        check_file(&s, "data/text/invalid-utf8-latin1.txt");
        check_file(&s, "data/text/qwen3-vl-README.md");
        end(&s);
    }
    vlt_tokenizer_destroy(tokenizer);
}

/* Threads on the same new words, more of them than can be shared, twice: then all are forgotten. */
Test(token_service, threads_that_meet_the_same_new_words)
{
    enum { WORDS = 90000, WORD_MAX = 16 };
    struct service s;
    char *words = malloc((size_t)WORDS * WORD_MAX);
    begin(&s, demo_tokenizer(), 3, 1 << 12, 0);
    for (int round = 0; round < 2; round++) {
        size_t used = 0;
        for (unsigned i = 0; i < WORDS; i++) {
            const unsigned word = i / 1000 * 500 + i % 500 + (unsigned)round * 7;
            used += (size_t)sprintf(words + used, i % 40 ? " w%xq" : "\n\xE4\xB8\xAD%x",
                                    word * 2654435761u);
        }
        const vlt_prompt_text text = {.text = words, .bytes = used};
        check(&s, &text, "new words");
    }
    end(&s);
    free(words);
    vlt_tokenizer_destroy(s.tokenizer);
}

/* One piece without a seam keeps a thread busy while the others run ahead of it: their ids wait in
 * a room that is too small for all. */
Test(token_service, pieces_that_wait_for_a_long_one)
{
    enum { MARKS = 300000, BYTES = 900000 };
    struct service s;
    char *text = malloc(BYTES + 16);
    size_t used = MARKS;
    memset(text, '.', MARKS);
    begin(&s, demo_tokenizer(), 3, 256, 0);
    for (unsigned i = 0; used < BYTES; i++) {
        used += (size_t)sprintf(text + used, " word %u", i % 977);
    }
    const vlt_prompt_text whole = {.text = text, .bytes = used};
    check(&s, &whole, "a long piece first");
    check(&s, &whole, "and again");
    const vlt_prompt_text behind = {.text = text + MARKS, .bytes = used - MARKS};
    check(&s, &behind, "and without it");
    end(&s);
    free(text);
    vlt_tokenizer_destroy(s.tokenizer);
}

/* What texts of several sizes have left behind is at least the room that their ids took. */
Test(token_service, encoders_that_nobody_uses_are_forgotten)
{
    enum { BYTES = 1 << 20, SIZES = 4 };
    struct service s;
    char *text = malloc(BYTES);
    size_t taken = 0;
    memset(text, '.', BYTES);
    for (int i = 0; i < BYTES; i += 2) {
        text[i] = ' ';
    }
    begin(&s, demo_tokenizer(), 1, 256, 0);
    for (int i = 0; i < SIZES; i++) {
        const vlt_prompt_text part = {.text = text, .bytes = (size_t)BYTES >> i};
        int32_t *ids;
        size_t count;
        cr_assert_eq(vlt_token_service_encode(s.service, &part, &ids, &count, NULL), VLT_OK);
        taken += count * sizeof *ids;
        free(ids);
    }
    malloc_trim(0);
    const uint64_t before = vlt_memory_own_bytes_exactly(NULL);
    vlt_token_service_forget(s.service);
    malloc_trim(0);
    const uint64_t after = vlt_memory_own_bytes_exactly(NULL);
    cr_expect(VLT_ASAN || (taken > BYTES && before >= after + taken), "%llu, %llu, %zu",
              (unsigned long long)before, (unsigned long long)after, taken);
    const vlt_prompt_text again = {.text = text, .bytes = BYTES};
    check(&s, &again, "after it was forgotten");
    end(&s);
    free(text);
    vlt_tokenizer_destroy(s.tokenizer);
}

Test(token_service, futures_in_any_order_and_none)
{
    struct service s;
    vlt_prompt_text text[8];
    vlt_token_future *future[8];
    static char words[8][64];
    begin(&s, demo_tokenizer(), 2, 1 << 16, 1 << 20);
    for (int i = 0; i < 8; i++) {
        snprintf(words[i], sizeof words[i], "text number %d of eight", i % 5);
        text[i] = text_of(words[i]);
        future[i] = vlt_token_service_begin(s.service, &text[i]);
    }
    for (int i = 7; i >= 0; i--) {
        int32_t *ids, *expected;
        size_t count, expected_count;
        double busy_ms = -1;
        cr_assert_eq(vlt_token_service_collect(s.service, i == 3 ? NULL : future[i], &text[i], &ids,
                                               &count, &busy_ms, NULL),
                     VLT_OK);
        cr_assert_eq(vlt_tokenizer_encode(s.tokenizer, &s.test.context, text[i].text, text[i].bytes,
                                          NULL, &expected, &expected_count, NULL),
                     VLT_OK);
        cr_expect(count == expected_count && !memcmp(ids, expected, count * sizeof *ids));
        cr_expect_geq(busy_ms, 0);
        free(ids);
        free(expected);
    }
    cr_expect_eq(look(&s).misses, 5);
    end(&s); /* one future is never collected */
    vlt_tokenizer_destroy(s.tokenizer);
}

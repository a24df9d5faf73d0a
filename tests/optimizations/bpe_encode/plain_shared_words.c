/* Four threads, each with an encoder of its own, meet the same new words at the same time, again
 * and again: their ids are those of an encoder that is alone. Has its own main for
 * ThreadSanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/bpe_encode.h"
#include "optimizations/bpe_encode/bpe_sample.h"
#include "optimizations/bpe_encode/shared_words.h"
#include "tests/support/variants.h"

enum { THREADS = 4, ROUNDS = 12, TEXT_MAX = 60000 };

static char text[ROUNDS][TEXT_MAX];
static size_t text_bytes[ROUNDS], expected_count[ROUNDS];
static int32_t *expected[ROUNDS];
static vlt_shared_words *shared;
static pthread_barrier_t barrier;
static atomic_int wrong;

struct part {
    vlt_plan *plan;
    int32_t *ids;
    int number;
    pthread_t thread;
};

/* Words of every kind, each several times, none of which another round has. */
static void fill(int round)
{
    size_t used = 0;
    for (unsigned n = 0; used + 128 < TEXT_MAX; n++) {
        const unsigned word = (n / 200 * 100 + n % 100) * 2654435761u + (unsigned)round * 7919;
        const char *form = n % 9 == 0   ? " \xE4\xB8\xAD\xE5\x9B\xBD%x\xE4\xBA\xBA\n"
                           : n % 9 == 1 ? " aaaaaaaaaaaaaaaaaabcdefg%xzzzzzzzzz"
                                        : " w%xq";
        used += (size_t)sprintf(text[round] + used, form, word);
    }
    text_bytes[round] = used;
}

static bool encode(const struct part *part, int round, size_t *count)
{
    const vlt_bpe_encode_args args = {
        .text = text[round], .text_bytes = text_bytes[round], .ids = part->ids, .id_count = count};
    return test_run(part->plan, &args, NULL) == VLT_OK;
}

static void *run(void *argument)
{
    const struct part *part = argument;
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = 0;
        pthread_barrier_wait(&barrier);
        wrong += !encode(part, round, &count) || count != expected_count[round] ||
                 memcmp(part->ids, expected[round], count * sizeof *part->ids) != 0;
        pthread_barrier_wait(&barrier);
        if (part->number == 0) {
            vlt_shared_words_renew(shared);
        }
    }
    return NULL;
}

static bool make(vlt_context *context, const vlt_bpe_encode_constants *constants, struct part *part)
{
    const vlt_problem problem = vlt_bpe_encode_problem(TEXT_MAX, constants);
    part->ids = malloc(vlt_bpe_encode_bound(TEXT_MAX) * sizeof *part->ids);
    return part->ids && vlt_plan_create(context, &problem, &part->plan, NULL) == VLT_OK;
}

static void drop(struct part *part)
{
    vlt_plan_destroy(part->plan);
    free(part->ids);
}

static bool expect(vlt_context *context, const vlt_vocab *vocab)
{
    const vlt_bpe_encode_constants constants = {.vocab = vocab};
    struct part alone = {0};
    bool made = make(context, &constants, &alone);
    for (int round = 0; round < ROUNDS && made; round++) {
        fill(round);
        made = encode(&alone, round, &expected_count[round]);
        expected[round] = malloc(expected_count[round] * sizeof *alone.ids);
        memcpy(expected[round], alone.ids, expected_count[round] * sizeof *alone.ids);
    }
    drop(&alone);
    return made;
}

int main(void)
{
    vlt_bpe_sample sample;
    test_context test;
    struct part part[THREADS] = {{0}};
    test_context_init(&test);
    if (vlt_bpe_sample_init(3, &sample, NULL) != VLT_OK ||
        vlt_shared_words_create(NULL, &shared, NULL) != VLT_OK ||
        !expect(&test.context, sample.vocab)) {
        return 1;
    }
    const vlt_bpe_encode_constants constants = {.vocab = sample.vocab, .shared = shared};
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        part[i].number = i;
        if (!make(&test.context, &constants, &part[i])) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&part[i].thread, NULL, run, &part[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(part[i].thread, NULL);
        drop(&part[i]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        free(expected[round]);
    }
    pthread_barrier_destroy(&barrier);
    vlt_shared_words_destroy(shared);
    vlt_bpe_sample_release(&sample);
    test_context_release(&test);
    if (wrong) {
        fprintf(stderr, "%d wrong texts\n", (int)wrong);
    }
    return wrong != 0;
}

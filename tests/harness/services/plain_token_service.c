/* Sixteen threads ask one service with a small cache, some through futures; it is closed with
 * futures in flight. Has its own main for ThreadSanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/services/token_service.h"
#include "tests/support/data.h"
#include "tests/support/together.h"
#include "tests/support/variants.h"

enum { THREADS = 16, ROUNDS = 60, TEXTS = 9, BYTES = 5000 };

static char texts[TEXTS][BYTES];
static int32_t *expected[TEXTS];
static size_t expected_count[TEXTS];
static vlt_token_service *service;
static atomic_int wrong, numbers;

static vlt_prompt_text text_of(int number)
{
    return (vlt_prompt_text){.text = texts[number], .bytes = strlen(texts[number])};
}

static void *ask(void *argument)
{
    int number = numbers++;
    (void)argument;
    for (int round = 0; round < ROUNDS; round++, number = (number + 5) % TEXTS) {
        const vlt_prompt_text text = text_of(number % TEXTS);
        int32_t *ids = NULL;
        size_t count = 0;
        double ms;
        vlt_status status;
        if (round % 3) {
            status = vlt_token_service_encode(service, &text, &ids, &count, NULL);
        } else {
            vlt_token_future *future = vlt_token_service_begin(service, &text);
            status = vlt_token_service_collect(service, future, &text, &ids, &count, &ms, NULL);
        }
        wrong += status != VLT_OK || count != expected_count[number % TEXTS] ||
                 memcmp(ids, expected[number % TEXTS], count * sizeof *ids) != 0;
        free(ids);
        if (round == ROUNDS / 2) {
            vlt_token_service_trim(service, 0);
        }
    }
    return NULL;
}

int main(void)
{
    test_context test;
    pthread_mutex_t making;
    pthread_mutexattr_t kind;
    vlt_tokenizer *tokenizer = NULL;
    test_context_init(&test);
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&making, &kind);
    test.context.making = &making;
    if (vlt_tokenizer_load(test_source("harness/model/demo/checkpoint"), &tokenizer, NULL)) {
        return 1;
    }
    for (int t = 0; t < TEXTS; t++) {
        for (size_t used = 0; used < (size_t)(t + 1) * BYTES / (TEXTS + 1); used += 6) {
            snprintf(texts[t] + used, 7, "w%d 5x%c", t, (int)('a' + used % 7));
        }
        const vlt_prompt_text text = text_of(t);
        if (vlt_tokenizer_encode(tokenizer, &test.context, text.text, text.bytes, NULL,
                                 &expected[t], &expected_count[t], NULL) != VLT_OK) {
            return 1;
        }
    }
    const vlt_token_service_options options = {.vocab = vlt_tokenizer_vocab(tokenizer),
                                               .context = &test.context,
                                               .threads = 8,
                                               .chunk_bytes = 512,
                                               .cache_bytes = 40000};
    if (vlt_token_service_create(&options, &service, NULL) != VLT_OK ||
        test_together(THREADS, ask, NULL)) {
        return 1;
    }
    for (int t = 0; t < TEXTS; t++) {
        const vlt_prompt_text text = text_of(t);
        vlt_token_service_begin(service, &text);
    }
    vlt_token_service_destroy(service);
    for (int t = 0; t < TEXTS; t++) {
        free(expected[t]);
    }
    vlt_tokenizer_destroy(tokenizer);
    test_context_release(&test);
    pthread_mutex_destroy(&making);
    pthread_mutexattr_destroy(&kind);
    if (wrong) {
        fprintf(stderr, "%d wrong answers\n", (int)wrong);
    }
    return wrong != 0;
}

/* Sessions of one engine on several threads: each gets the answer that it gets alone. Has its own
 * main so that ThreadSanitizer can run it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/vltune.h"
#include "optimizations/core/utf8_text.h"
#include "tests/support/data.h"

enum { THREADS = 4, ROUNDS = 3, TOKENS = 12 };

static const char *const prompts[THREADS] = {"How many?", "Describe the image.", "a", "What?"};

struct worker {
    vlt_engine *engine;
    const char *prompt;
    int32_t ids[ROUNDS][TOKENS];
    char error[256];
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    const vlt_request request = {
        .prompt = worker->prompt, .max_tokens = TOKENS, .greedy = true, .ignore_eos = true};
    for (int round = 0; round < ROUNDS && !worker->error[0]; round++) {
        vlt_session *session = NULL;
        vlt_response response = {0};
        vlt_error err = {0};
        if (vlt_session_open(worker->engine, NULL, &session, &err) != VLT_OK ||
            vlt_session_run(session, &request, &response, &err) != VLT_OK) {
            vlt_utf8_format(worker->error, sizeof worker->error, "%s", err.message);
        } else {
            memcpy(worker->ids[round], response.ids, sizeof worker->ids[round]);
        }
        vlt_response_release(&response);
        vlt_session_close(session);
    }
    return NULL;
}

static bool same(const struct worker *a, const struct worker *b)
{
    if (a->error[0] || b->error[0]) {
        fprintf(stderr, "%s%s\n", a->error, b->error);
        return false;
    }
    for (int round = 0; round < ROUNDS; round++) {
        if (memcmp(a->ids[0], b->ids[round], sizeof a->ids[0]) != 0) {
            fprintf(stderr, "'%s': round %d differs\n", a->prompt, round);
            return false;
        }
    }
    return true;
}

int main(void)
{
    static struct worker alone[THREADS], together[THREADS];
    const vlt_engine_options options = {.threads = 2};
    vlt_engine *engine = NULL;
    vlt_error err = {0};
    pthread_t thread[THREADS];
    int failed = 0;
    if (vlt_engine_open(test_source("harness/model/demo/checkpoint"), &options, &engine, &err) !=
        VLT_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        alone[i] = together[i] = (struct worker){.engine = engine, .prompt = prompts[i]};
        work(&alone[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&thread[i], NULL, work, &together[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        failed += !same(&alone[i], &together[i]);
    }
    vlt_engine_close(engine);
    return failed != 0;
}

/* Sixteen sessions on eight threads share pictures, texts and small caches, which are emptied under
 * them: each gets the answer that it gets alone. Has its own main for ThreadSanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/services.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"
#include "tests/support/together.h"

enum { THREADS = 8, SESSIONS = 2, QUESTIONS = 4, TOKENS = 3 };

static const char *const images[QUESTIONS][3] = {
    {"scenes/scene-000.jpg"},
    {"scenes/scene-001.jpg", "scenes/scene-000.jpg"},
    {"scenes/scene-000.jpg", "scenes/scene-002.jpg", "scenes/scene-001.jpg"},
    {NULL}};
static const int image_count[QUESTIONS] = {1, 2, 3, 0};
static int32_t expected[QUESTIONS][TOKENS];
static vlt_engine *engine;
static atomic_int wrong, numbers;

static vlt_request question(int number)
{
    static const char *const prompts[QUESTIONS] = {"How many?", "Describe the image.", "a",
                                                   "What?"};
    return (vlt_request){.prompt = prompts[number],
                         .images = images[number],
                         .image_count = image_count[number],
                         .max_tokens = TOKENS,
                         .greedy = true,
                         .ignore_eos = true};
}

static bool answer(int number, int32_t ids[TOKENS])
{
    const vlt_request request = question(number);
    vlt_session *session = NULL;
    vlt_response response = {0};
    vlt_error err = {0};
    const bool good = vlt_session_open(engine, NULL, &session, &err) == VLT_OK &&
                      vlt_session_run(session, &request, &response, &err) == VLT_OK;
    if (good) {
        memcpy(ids, response.ids, TOKENS * sizeof *ids);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    vlt_response_release(&response);
    vlt_session_close(session);
    return good;
}

static void *work(void *argument)
{
    (void)argument;
    const int first = numbers++;
    for (int i = 0; i < SESSIONS * QUESTIONS; i++) {
        const int number = (first + i) % QUESTIONS;
        int32_t ids[TOKENS] = {0};
        wrong += !answer(number, ids) || memcmp(ids, expected[number], sizeof ids) != 0;
        if (i == QUESTIONS) {
            vlt_services_forget(engine);
        }
    }
    return NULL;
}

static bool open_engine(int64_t cache)
{
    const vlt_engine_options options = {
        .threads = 2,
        .services = {.embedding_cache = cache, .tokenize_cache = 20000, .monitor_ms = 10}};
    vlt_error err = {0};
    if (vlt_engine_open(test_source("harness/model/demo/checkpoint"), &options, &engine, &err) !=
        VLT_OK) {
        fprintf(stderr, "%s\n", err.message);
        return false;
    }
    return true;
}

static int run(void)
{
    vlt_content_stats stats;
    if (test_together(THREADS, work, NULL)) {
        return 1;
    }
    vlt_content_cache_look(engine->embeddings, &stats);
    if (wrong || !stats.hits || stats.bytes > stats.limit) {
        fprintf(stderr, "%d wrong, %llu hits\n", (int)wrong, (unsigned long long)stats.hits);
        return 1;
    }
    return 0;
}

int main(void)
{
    int failed = 0;
    test_demo_make();
    if (!open_engine(-1)) {
        return 1;
    }
    for (int q = 0; q < QUESTIONS; q++) {
        failed |= !answer(q, expected[q]);
    }
    vlt_engine_close(engine);
    if (!failed && open_engine(200000)) { /* room for a few pictures */
        failed = run();
        vlt_engine_close(engine);
    }
    test_demo_remove();
    return failed;
}

/* Sixteen sessions of one engine on eight threads, two of them stepped together on each: every one
 * gets the answer that it gets alone. Has its own main so that ThreadSanitizer can run it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/generation.h"
#include "optimizations/core/utf8_text.h"
#include "tests/support/data.h"

enum { THREADS = 8, PAIR = 2, ROUNDS = 2, TOKENS = 8 };

static const char *const prompts[] = {"How many?", "Describe the image.", "a", "What?", "Why"};

/* One conversation with a question. */
struct talk {
    vlt_request request;
    vlt_prompt prompt;
    vlt_session *session;
    vlt_generation *generation;
    vlt_response response;
};

struct worker {
    vlt_engine *engine;
    int first, count; /* of the prompts, and how many are answered at a time */
    int32_t ids[ROUNDS][PAIR][TOKENS];
    char error[256];
};

static vlt_status begin(vlt_engine *engine, struct talk *talk, const char *prompt, vlt_error *err)
{
    talk->request = (vlt_request){
        .prompt = prompt, .max_tokens = TOKENS, .greedy = true, .ignore_eos = true};
    vlt_status status = vlt_prompt_build(engine, &talk->request, NULL, NULL, &talk->prompt, err);
    if (status == VLT_OK) {
        status = vlt_session_open(engine, NULL, &talk->session, err);
    }
    return status == VLT_OK ? vlt_generation_begin(talk->session, &talk->request, &talk->prompt,
                                                   &talk->generation, err)
                            : status;
}

static void step_all(struct talk *talk, int count)
{
    for (int left = 1; left;) {
        vlt_generation *list[PAIR];
        left = 0;
        for (int i = 0; i < count; i++) {
            if (!vlt_generation_done(talk[i].generation)) {
                list[left++] = talk[i].generation;
            }
        }
        if (left) {
            vlt_generation_step(list, left);
        }
    }
}

static void answer(struct worker *worker, int round)
{
    struct talk talk[PAIR] = {0};
    vlt_error err = {0};
    vlt_status status = VLT_OK;
    const int kinds = sizeof prompts / sizeof *prompts;
    for (int i = 0; i < worker->count && status == VLT_OK; i++) {
        status = begin(worker->engine, &talk[i], prompts[(worker->first + i) % kinds], &err);
    }
    if (status == VLT_OK) {
        step_all(talk, worker->count);
    }
    for (int i = 0; i < worker->count; i++) {
        if (talk[i].generation && status == VLT_OK) {
            status = vlt_generation_end(talk[i].generation, &talk[i].response, &err);
        }
        if (talk[i].response.id_count == TOKENS) {
            memcpy(worker->ids[round][i], talk[i].response.ids, sizeof worker->ids[round][i]);
        }
        vlt_response_release(&talk[i].response);
        vlt_session_close(talk[i].session);
        vlt_prompt_release(&talk[i].prompt);
    }
    vlt_utf8_format(worker->error, sizeof worker->error, "%s", err.message);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (int round = 0; round < ROUNDS && !worker->error[0]; round++) {
        answer(worker, round);
    }
    return NULL;
}

/* alone[2] holds one answer each. */
static bool same(const struct worker *alone, const struct worker *pair)
{
    if (pair->error[0]) {
        fprintf(stderr, "%s\n", pair->error);
        return false;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PAIR; i++) {
            if (memcmp(alone[i].ids[0][0], pair->ids[round][i], sizeof pair->ids[round][i]) != 0) {
                fprintf(stderr, "session %d: round %d differs\n", pair->first + i, round);
                return false;
            }
        }
    }
    return true;
}

/* Do the sessions of such an engine answer as each does alone? */
static int failures(const vlt_engine_options *options)
{
    static struct worker alone[THREADS * PAIR], together[THREADS];
    vlt_engine *engine = NULL;
    vlt_error err = {0};
    pthread_t thread[THREADS];
    int failed = 0;
    if (vlt_engine_open(test_source("harness/model/demo/checkpoint"), options, &engine, &err) !=
        VLT_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (int i = 0; i < THREADS * PAIR; i++) {
        alone[i] = (struct worker){.engine = engine, .first = i, .count = 1};
        work(&alone[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        together[i] = (struct worker){.engine = engine, .first = i * PAIR, .count = PAIR};
        if (pthread_create(&thread[i], NULL, work, &together[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        failed += !same(&alone[i * PAIR], &together[i]);
    }
    vlt_engine_close(engine);
    return failed;
}

/* The second engine's caches and packs are touched by its pinned threads, its weights wished on two
 * nodes, of which hwloc is told. */
int main(void)
{
    const vlt_engine_options plain = {.threads = 2};
    const vlt_engine_options placed = {.threads = 2,
                                       .pin = true,
                                       .weights = "interleave",
                                       .huge_pages = "off",
                                       .first_touch = "on",
                                       .quality = "int8",
                                       .pack_cache = -1};
    int failed = failures(&plain);
    setenv("HWLOC_SYNTHETIC", "numa:2(memory=1GiB) core:1 pu:1", 1);
    setenv("HWLOC_THISSYSTEM", "1", 1);
    return failed || failures(&placed);
}

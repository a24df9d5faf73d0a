/* Sessions on the demo model that the repository owns: no golden data needed. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/infer/session.h"
#include "harness/infer/towers.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

static const char question[] = "How many shapes are there? Describe the image.";

static vlt_session *open_session(vlt_engine *engine, int64_t context)
{
    const vlt_session_options options = {.context = context};
    vlt_session *session = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_session_open(engine, &options, &session, &err), VLT_OK, "%s", err.message);
    return session;
}

static vlt_response run(vlt_session *session, const vlt_request *request)
{
    vlt_response response;
    vlt_error err = {0};
    cr_assert_eq(vlt_session_run(session, request, &response, &err), VLT_OK, "%s", err.message);
    return response;
}

static void same_ids(const vlt_response *a, const vlt_response *b)
{
    cr_assert_eq(a->id_count, b->id_count);
    cr_assert_arr_eq(a->ids, b->ids, (size_t)a->id_count * sizeof *a->ids);
}

static const vlt_request base = {
    .prompt = question, .max_tokens = 12, .greedy = true, .ignore_eos = true};

Test(session, a_second_turn_reuses_the_first)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0), *fresh = open_session(engine, 0);
    vlt_response first = run(session, &base);
    cr_expect_eq(first.cached_count, 0);
    vlt_request next = base;
    next.prompt = "What is in the top left?";
    vlt_response second = run(session, &next);
    cr_expect_geq(second.cached_count, first.prompt_count - 1);

    /* The same conversation in one piece, nothing cached: the same answer. */
    vlt_request whole = base;
    char *messages = NULL;
    cr_assert_gt(asprintf(&messages,
                          "[{\"role\":\"user\",\"content\":\"%s\"},"
                          "{\"role\":\"assistant\",\"content\":\"%s\"},"
                          "{\"role\":\"user\",\"content\":\"%s\"}]",
                          question, first.text, next.prompt),
                 0);
    whole.prompt = NULL;
    whole.messages = messages;
    whole.messages_bytes = strlen(messages);
    vlt_response again = run(fresh, &whole);
    cr_expect_eq(again.cached_count, 0);
    cr_expect_eq(again.prompt_count, second.prompt_count);
    same_ids(&again, &second);
    free(messages);
    vlt_response_release(&first);
    vlt_response_release(&second);
    vlt_response_release(&again);
    vlt_session_close(session);
    vlt_session_close(fresh);
    vlt_engine_close(engine);
}

Test(session, the_same_prompt_twice_computes_one_row)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0);
    vlt_request request = base;
    request.prompt = NULL;
    request.messages = "[{\"role\":\"user\",\"content\":\"How many?\"}]";
    request.messages_bytes = strlen(request.messages);
    vlt_response first = run(session, &request), second = run(session, &request);
    cr_expect_eq(second.cached_count, first.prompt_count - 1);
    same_ids(&first, &second);
    vlt_response_release(&first);
    vlt_response_release(&second);
    vlt_session_close(session);
    vlt_engine_close(engine);
}

Test(session, too_long_for_the_context_is_refused_with_numbers)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 40);
    vlt_request request = base;
    vlt_response response;
    vlt_error err = {0};
    request.max_tokens = 1000;
    cr_expect_eq(vlt_session_run(session, &request, &response, &err), VLT_STATUS_LIMIT);
    cr_expect_not_null(strstr(err.message, "1000"), "%s", err.message);
    cr_expect_not_null(strstr(err.message, "40"), "%s", err.message);
    cr_expect_eq(session->cache.count, 0);

    /* The default length is cut to what fits: nobody asked for it. */
    request.max_tokens = 0;
    response = run(session, &request);
    cr_expect_eq(response.prompt_count + response.id_count, 40);
    cr_expect_eq(response.finish, VLT_FINISH_LENGTH);
    vlt_response_release(&response);
    vlt_session_close(session);
    vlt_engine_close(engine);
}

/* An answer that outgrows its first room is the answer of a session that had the room before; a
 * long context costs nothing that is not used. */
Test(session, the_cache_grows_as_it_is_used)
{
    enum { TOKENS = 700, CONTEXT = 262144 };
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *growing = open_session(engine, CONTEXT), *roomy = open_session(engine, CONTEXT);
    vlt_request request = base;
    cr_expect_eq(growing->capacity, 0);
    request.max_tokens = TOKENS;
    cr_assert_eq(vlt_session_reserve(roomy, 4 * TOKENS, NULL), VLT_OK);
    vlt_response a = run(growing, &request), b = run(roomy, &request);
    cr_expect_eq(a.id_count, TOKENS);
    same_ids(&a, &b);
    cr_expect_leq(growing->capacity, a.prompt_count + TOKENS);
    cr_expect_eq(atomic_load(&engine->memory.promised_bytes), 0);
    vlt_response_release(&a);
    vlt_response_release(&b);
    vlt_session_close(growing);
    vlt_session_close(roomy);
    vlt_engine_close(engine);
}

/* Refused before anything is computed, with need and limit; the session is as good as before. */
Test(session, what_memory_cannot_hold_is_refused_with_numbers)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0);
    vlt_request request = base;
    vlt_response response;
    vlt_error err = {0};
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    struct rlimit limit = unlimited;
    if (VLT_ASAN) {
        test_skip("a sanitizer needs the address space");
        vlt_session_close(session);
        vlt_engine_close(engine);
        return;
    }
    limit.rlim_cur = UINT64_C(200) << 20;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    request.max_tokens = 250000;
    cr_expect_eq(vlt_session_run(session, &request, &response, &err), VLT_STATUS_LIMIT);
    cr_expect(strstr(err.message, "needs ") && strstr(err.message, "of 209.7 MB") &&
                  strstr(err.message, "RLIMIT_AS"),
              "%s", err.message);
    cr_expect_eq(session->cache.count, 0);
    cr_expect_eq(atomic_load(&engine->memory.promised_bytes), 0);
    setrlimit(RLIMIT_AS, &unlimited);
    response = run(session, &base);
    vlt_response_release(&response);
    vlt_session_close(session);
    vlt_engine_close(engine);
}

/* The first run of a session counts opening it. */
Test(session, opening_is_part_of_the_total)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0);
    vlt_request request = base;
    session->open_ms += 5000;
    request.max_tokens = 1;
    vlt_response first = run(session, &request), second = run(session, &request);
    cr_expect_gt(first.timings.load, 5000);
    cr_expect_gt(first.timings.total, first.timings.load);
    cr_expect_lt(second.timings.total, 5000);
    vlt_response_release(&first);
    vlt_response_release(&second);
    vlt_session_close(session);
    vlt_engine_close(engine);
}

Test(session, saved_and_continued_elsewhere)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/vlt-session-%d", (int)getpid());
    vlt_engine *engine = test_demo_engine(NULL), *other = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0), *loaded = NULL;
    vlt_error err = {0};
    vlt_response first = run(session, &base);
    cr_assert_eq(vlt_session_save(session, path, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_session_load(other, path, NULL, &loaded, &err), VLT_OK, "%s", err.message);
    vlt_request next = base;
    next.prompt = "Describe the image.";
    vlt_response here = run(session, &next), there = run(loaded, &next);
    same_ids(&here, &there);
    cr_expect_eq(here.cached_count, there.cached_count);
    cr_expect_gt(there.cached_count, 0);
    vlt_session_close(loaded);

    /* Every kind of damage is found out. */
    size_t bytes;
    char *data = test_read_file(path, &bytes);
    for (size_t at = 0; at < bytes; at += bytes / 40 + 1) {
        data[at] ^= 4;
        cr_assert_eq(vlt_write_file(path, data, bytes, NULL), VLT_OK);
        cr_expect_neq(vlt_session_load(other, path, NULL, &loaded, &err), VLT_OK, "byte %zu", at);
        data[at] ^= 4;
        cr_assert_eq(vlt_write_file(path, data, at, NULL), VLT_OK);
        cr_expect_neq(vlt_session_load(other, path, NULL, &loaded, &err), VLT_OK, "cut %zu", at);
    }
    free(data);
    unlink(path);
    vlt_response_release(&first);
    vlt_response_release(&here);
    vlt_response_release(&there);
    vlt_session_close(session);
    vlt_engine_close(engine);
    vlt_engine_close(other);
}

Test(session, another_model_is_refused)
{
    const char *tiny = test_data("golden/model/tiny-tied/checkpoint");
    char path[64];
    if (!tiny) {
        test_skip("golden/model/tiny-tied");
        return;
    }
    snprintf(path, sizeof path, "/tmp/vlt-session-other-%d", (int)getpid());
    vlt_engine *engine = test_demo_engine(NULL), *other = NULL;
    vlt_session *session = open_session(engine, 0), *loaded = NULL;
    vlt_error err = {0};
    vlt_response response = run(session, &base);
    cr_assert_eq(vlt_session_save(session, path, &err), VLT_OK);
    cr_assert_eq(vlt_engine_open(tiny, NULL, &other, &err), VLT_OK, "%s", err.message);
    cr_expect_eq(vlt_session_load(other, path, NULL, &loaded, &err), VLT_STATUS_STALE);
    cr_expect_not_null(strstr(err.message, "model"), "%s", err.message);
    unlink(path);
    vlt_response_release(&response);
    vlt_session_close(session);
    vlt_engine_close(engine);
    vlt_engine_close(other);
}

struct listener {
    char text[4096];
    size_t bytes;
    int pieces, tokens, stop_after;
};

static bool hear(void *user, const char *text, size_t bytes)
{
    struct listener *listener = user;
    memcpy(listener->text + listener->bytes, text, bytes);
    listener->bytes += bytes;
    listener->pieces++;
    return true;
}

static bool count(void *user, int32_t id)
{
    struct listener *listener = user;
    (void)id;
    return ++listener->tokens != listener->stop_after;
}

Test(session, the_stream_joined_is_the_text)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0);
    struct listener listener = {.pieces = 0};
    vlt_request request = base;
    request.max_tokens = 60;
    request.greedy = false;
    request.given = VLT_GIVEN_TEMPERATURE | VLT_GIVEN_SEED;
    request.temperature = 5; /* far from words: broken characters among them */
    request.seed = 3;
    request.on_text = hear;
    request.on_token = count;
    request.user = &listener;
    vlt_response response = run(session, &request);
    cr_expect_eq(listener.tokens, 60);
    cr_expect_gt(listener.pieces, 5);
    cr_expect_eq(listener.bytes, response.text_bytes);
    cr_expect_arr_eq(listener.text, response.text, response.text_bytes);
    json_t *valid = json_stringn(response.text, response.text_bytes);
    cr_expect_not_null(valid, "the text is no UTF-8");
    json_decref(valid);
    vlt_response_release(&response);
    vlt_session_close(session);
    vlt_engine_close(engine);
}

Test(session, a_callback_may_stop)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0);
    struct listener listener = {.stop_after = 3};
    vlt_request request = base;
    request.on_token = count;
    request.user = &listener;
    vlt_response response = run(session, &request);
    cr_expect_eq(response.finish, VLT_FINISH_INTERRUPTED);
    cr_expect_eq(response.id_count, 3);
    vlt_response_release(&response);
    vlt_session_close(session);
    vlt_engine_close(engine);
}

/* Stops the prompt at its second block. */
static bool stop_in_prompt(void *user, const char *phase, int64_t done, int64_t total)
{
    int *asked = user;
    (void)total;
    *asked += !strcmp(phase, "prefill");
    return strcmp(phase, "prefill") != 0 || done == 0;
}

/* What a stopped prompt has computed is kept, what it has not is computed again, and no empty turn
 * enters the conversation. */
Test(session, a_prompt_that_was_stopped_leaves_no_turn)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0), *fresh = open_session(engine, 0);
    static char prompt[6000];
    for (size_t i = 0; i + 8 < sizeof prompt; i += 7) {
        memcpy(prompt + i, "circle ", 8);
    }
    int asked = 0;
    vlt_request request = base, again = base;
    again.prompt = request.prompt = prompt;
    request.on_progress = stop_in_prompt;
    request.user = &asked;
    vlt_response stopped = run(session, &request);
    cr_expect_eq(stopped.finish, VLT_FINISH_INTERRUPTED);
    cr_expect_eq(stopped.id_count, 0);
    cr_expect_eq(asked, 2);
    cr_expect_null(session->conversation, "%s", session->conversation);
    cr_expect_eq(session->cache.count, VLT_PROMPT_BLOCK, "the first block's rows are valid");
    vlt_response resumed = run(session, &again), expected = run(fresh, &again);
    cr_expect_eq(resumed.prompt_count, expected.prompt_count);
    cr_expect_eq(resumed.cached_count, VLT_PROMPT_BLOCK);
    same_ids(&resumed, &expected);
    vlt_response_release(&stopped);
    vlt_response_release(&resumed);
    vlt_response_release(&expected);
    vlt_session_close(session);
    vlt_session_close(fresh);
    vlt_engine_close(engine);
}

Test(session, stop_strings_cut_the_text)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0), *stopped = open_session(engine, 0);
    vlt_request request = base;
    request.greedy = false;
    request.max_tokens = 60;
    request.given = VLT_GIVEN_TEMPERATURE | VLT_GIVEN_SEED;
    request.temperature = 3;
    request.seed = 5;
    vlt_response whole = run(session, &request);
    size_t first = 5;
    while (first + 2 < whole.text_bytes &&
           ((whole.text[first] | whole.text[first + 1]) & 0x80) != 0) {
        first++;
    }
    cr_assert_lt(first + 2, whole.text_bytes);
    char stop[3] = {whole.text[first], whole.text[first + 1]};
    const char *stops[] = {"never said", stop};
    request.stops = stops;
    request.stop_count = 2;
    vlt_response cut = run(stopped, &request);
    size_t at = (size_t)(strstr(whole.text, stop) - whole.text);
    cr_expect_eq(cut.finish, VLT_FINISH_STOP);
    cr_expect_eq(cut.text_bytes, at);
    cr_expect_arr_eq(cut.text, whole.text, at);
    cr_expect_leq(cut.id_count, whole.id_count);
    vlt_response_release(&whole);
    vlt_response_release(&cut);
    vlt_session_close(session);
    vlt_session_close(stopped);
    vlt_engine_close(engine);
}

Test(session, equal_seeds_give_equal_ids)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_request request = base;
    request.greedy = false;
    request.max_tokens = 30;
    request.given = VLT_GIVEN_TEMPERATURE | VLT_GIVEN_SEED | VLT_GIVEN_TOP_K;
    request.temperature = 2;
    vlt_response response[3];
    for (int i = 0; i < 3; i++) {
        vlt_session *session = open_session(engine, 0);
        request.seed = i == 2 ? 8 : 7;
        response[i] = run(session, &request);
        vlt_session_close(session);
    }
    same_ids(&response[0], &response[1]);
    cr_expect(memcmp(response[0].ids, response[2].ids, 30 * sizeof(int32_t)) != 0);
    for (int i = 0; i < 3; i++) {
        vlt_response_release(&response[i]);
    }
    vlt_engine_close(engine);
}

Test(session, thread_counts_do_not_change_the_baseline)
{
    vlt_response response[3];
    static const int threads[] = {1, 2, 5};
    for (int i = 0; i < 3; i++) {
        const vlt_engine_options options = {.baseline = true, .threads = threads[i]};
        vlt_engine *engine = test_demo_engine(&options);
        vlt_session *session = open_session(engine, 0);
        vlt_request request = base;
        request.max_tokens = 40;
        response[i] = run(session, &request);
        if (i) {
            same_ids(&response[0], &response[i]);
        }
        vlt_session_close(session);
        vlt_engine_close(engine);
    }
    for (int i = 0; i < 3; i++) {
        vlt_response_release(&response[i]);
    }
}

Test(session, logprobs_are_a_distribution_in_order)
{
    enum { TOP = 5 };
    vlt_engine *engine = test_demo_engine(NULL);
    for (int greedy = 0; greedy < 2; greedy++) {
        vlt_session *session = open_session(engine, 0);
        vlt_request request = base;
        request.greedy = greedy;
        request.given = VLT_GIVEN_TOP_K | VLT_GIVEN_SEED;
        request.logprobs = TOP;
        vlt_response response = run(session, &request);
        for (int64_t i = 0; i < response.id_count; i++) {
            const vlt_logprob *row = response.logprobs + i * (TOP + 1);
            double sum = 0;
            cr_expect_eq(row[0].id, response.ids[i]);
            cr_expect_leq(row[0].logprob, 0);
            for (int k = 1; k <= TOP; k++) {
                sum += exp((double)row[k].logprob);
                cr_expect(k == 1 || row[k].logprob <= row[k - 1].logprob);
            }
            cr_expect(!greedy || row[1].id == row[0].id);
            cr_expect_leq(sum, 1 + 1e-5);
        }
        vlt_response_release(&response);
        vlt_session_close(session);
    }
    vlt_engine_close(engine);
}

struct forced {
    const vlt_response *free;
    int64_t agreed;
};

/* Greedy: the largest logit of every step is the id of the free run. */
static bool compare_logits(void *user, int64_t step, const float *logits, int64_t vocab)
{
    struct forced *forced = user;
    int64_t best = 0;
    for (int64_t i = 1; i < vocab; i++) {
        best = logits[i] > logits[best] ? i : best;
    }
    forced->agreed += best == forced->free->ids[step];
    return true;
}

Test(session, forced_on_its_own_ids_it_agrees_with_itself)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0), *fresh = open_session(engine, 0);
    vlt_response free_run = run(session, &base);
    struct forced forced = {.free = &free_run};
    vlt_request request = base;
    request.forced_ids = free_run.ids;
    request.forced_count = free_run.id_count;
    request.on_logits = compare_logits;
    request.user = &forced;
    vlt_response again = run(fresh, &request);
    same_ids(&free_run, &again);
    cr_expect_eq(forced.agreed, free_run.id_count);
    vlt_response_release(&free_run);
    vlt_response_release(&again);

    const int32_t wrong[] = {1 << 20};
    vlt_response response;
    request.forced_ids = wrong;
    request.forced_count = 1;
    request.on_logits = NULL;
    cr_expect_eq(vlt_session_run(fresh, &request, &response, NULL), VLT_STATUS_USAGE);
    vlt_session_close(session);
    vlt_session_close(fresh);
    vlt_engine_close(engine);
}

Test(session, times_add_up)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_session *session = open_session(engine, 0);
    double start = vlt_now_ms() - engine->load_ms;
    vlt_response response = run(session, &base);
    double wall = vlt_now_ms() - start;
    const vlt_timings *t = &response.timings;
    double sum = t->load + t->image_decode + t->preprocess + t->tokenize + t->vision + t->prefill +
                 t->decode + t->other;
    cr_expect_float_eq(sum, t->total, 1e-6);
    cr_expect_float_eq(t->total, wall, 0.02 * wall + 1);
    cr_expect_geq(t->other, 0);
    vlt_response_release(&response);
    vlt_session_close(session);
    vlt_engine_close(engine);
}

Test(session, wrong_requests_are_refused)
{
    static const struct {
        vlt_request request;
        const char *words;
    } cases[] = {
        {{.max_tokens = 1}, "either"},
        {{.prompt = "a", .messages = "[]", .messages_bytes = 2}, "either"},
        {{.messages = "{", .messages_bytes = 1}, "messages"},
        {{.messages = "{}", .messages_bytes = 2}, ""},
        {{.prompt = "a", .given = VLT_GIVEN_TOP_P, .top_p = 0}, "top_p"},
        {{.prompt = "a", .given = VLT_GIVEN_TOP_P, .top_p = 1.5}, "top_p"},
        {{.prompt = "a", .given = VLT_GIVEN_TEMPERATURE, .temperature = -1}, "temperature"},
        {{.prompt = "a", .given = VLT_GIVEN_REPETITION_PENALTY}, "repetition_penalty"},
        {{.prompt = "a", .given = VLT_GIVEN_TOP_K, .top_k = -1}, "top_k"},
        {{.prompt = "a", .logprobs = -1}, "logprobs"},
    };
    vlt_engine *engine = test_demo_engine(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlt_session *session = open_session(engine, 0);
        vlt_response response;
        vlt_error err = {0};
        vlt_status status = vlt_session_run(session, &cases[i].request, &response, &err);
        cr_expect_neq(status, VLT_OK, "case %zu", i);
        cr_expect_eq(vlt_status_exit_code(status), 2, "case %zu: %s", i, err.message);
        cr_expect_not_null(strstr(err.message, cases[i].words), "case %zu: %s", i, err.message);
        vlt_session_close(session);
    }
    vlt_engine_close(engine);
}

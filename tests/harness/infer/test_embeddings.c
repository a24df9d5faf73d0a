/* What the vision tower made of a picture is kept by content: found by other requests, sessions and
 * names of the same picture, and by no other picture; ids are those without it. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "harness/infer/session.h"
#include "harness/services/content_cache.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

static json_t *cache_of(const json_t *answer)
{
    return json_object_get(json_object_get(answer, "caches"), "embedding");
}

static double vision_ms(const json_t *answer)
{
    return test_demo_number(json_object_get(answer, "timings_ms"), "vision");
}

enum { LINES = 7 };

static const char lines[] =
    "{\"id\": 0, \"prompt\": \"Describe the image.\", \"images\": [\"scenes/scene-000.jpg\"]}\n"
    "{\"id\": 1, \"prompt\": \"How many?\", \"images\": [\"scenes/scene-001.jpg\"]}\n"
    "{\"id\": 2, \"prompt\": \"How many circles?\", \"images\": [\"scenes/scene-000.jpg\"]}\n"
    "{\"id\": 3, \"prompt\": \"How many?\", \"images\": [\"copy.jpg\", \"scenes/scene-001.jpg\"]}\n"
    "{\"id\": 4, \"prompt\": \"And?\", \"images\": [\"scenes/scene-001.jpg\", \"copy.jpg\"]}\n"
    "{\"id\": 5, \"prompt\": \"And?\", \"images\": [\"scenes/scene-002.jpg\", \"copy.jpg\"]}\n"
    "{\"id\": 6, \"prompt\": \"Describe the image.\", \"images\": [\"scenes/scene-000.jpg\"]}\n";

/* Answers of the lines above. */
static void batch(const char *options, json_t *answer[LINES])
{
    test_output output = test_demo_run("batch %s in.jsonl -n 6 --greedy %s", options);
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    const char *line = output.out;
    for (int i = 0; i < LINES; i++) {
        answer[i] = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
        cr_assert_not_null(answer[i]);
        line = strchr(line, '\n') + 1;
    }
    test_output_release(&output);
}

Test(embeddings, a_picture_is_seen_once, .init = test_demo_make, .fini = test_demo_remove)
{
    static const bool seen[LINES] = {0, 0, 1, 1, 1, 0, 1};
    static const int hits[LINES] = {0, 0, 1, 3, 5, 6, 7};
    json_t *with[LINES], *without[LINES], *small[LINES];
    test_demo_write("in.jsonl", lines);
    cr_assert_eq(link("scenes/scene-000.jpg", "copy.jpg"), 0);
    batch("", with);
    batch("--embedding-cache 0", without);
    batch("--embedding-cache 100K", small); /* room for one at a time, or none */
    for (int i = 0; i < LINES; i++) {
        cr_expect_eq(vision_ms(with[i]) == 0, seen[i], "line %d", i);
        cr_expect_eq(test_demo_number(cache_of(with[i]), "hits"), hits[i], "line %d", i);
        cr_expect_gt(vision_ms(without[i]), 0);
        cr_expect_eq(test_demo_number(cache_of(without[i]), "limit"), 0);
        cr_expect_eq(test_demo_number(cache_of(without[i]), "bytes"), 0);
        cr_expect_leq(test_demo_number(cache_of(small[i]), "bytes"), 100 << 10);
        cr_expect(json_equal(json_object_get(with[i], "ids"), json_object_get(without[i], "ids")));
        cr_expect(json_equal(json_object_get(with[i], "ids"), json_object_get(small[i], "ids")));
        json_decref(with[i]);
        json_decref(without[i]);
        json_decref(small[i]);
    }
}

/* The reference, EXIF and pixel limits change the patches: another picture. */
Test(embeddings, run_reports_the_cache, .init = test_demo_make, .fini = test_demo_remove)
{
    json_t *answer = test_demo_json(
        "run %s --json -n 2 --greedy --prompt x --image scenes/scene-000.jpg "
        "--image scenes/scene-001.jpg --image scenes/scene-000.jpg%s",
        "");
    cr_expect_eq(test_demo_number(cache_of(answer), "hits"), 1);
    cr_expect_eq(test_demo_number(cache_of(answer), "misses"), 2);
    cr_expect_eq(test_demo_number(cache_of(answer), "limit"), 256 << 20);
    json_decref(answer);
    test_output output = test_demo_run(
        "run %s --json -n 2 --greedy --prompt x --image scenes/scene-000.jpg %s --dump out.st", "");
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    json_t *dumped = json_loads(output.out, 0, NULL);
    cr_expect_eq(test_demo_number(cache_of(dumped), "misses"), 0, "a dump sees everything");
    json_decref(dumped);
    test_output_release(&output);
}

/* What the pool and the cache of embeddings hold while the first token is chosen. */
struct held {
    vlt_engine *engine;
    size_t live_bytes, kept_bytes, embedding_bytes;
};

static bool look(void *user, int32_t id)
{
    struct held *held = user;
    vlt_tensor_pool_stats pool;
    vlt_content_stats embeddings;
    (void)id;
    vlt_shared_pool_look(held->engine->pool, &pool);
    vlt_content_cache_look(held->engine->embeddings, &embeddings);
    held->live_bytes = pool.live_bytes;
    held->kept_bytes = pool.kept_bytes;
    held->embedding_bytes = embeddings.bytes;
    return true;
}

static struct held ask(vlt_engine *engine, bool last, int pictures, vlt_response *response)
{
    static const char *const images[] = {"scenes/scene-000.jpg", "scenes/scene-000.jpg"};
    struct held held = {.engine = engine};
    const vlt_request request = {.prompt = "Describe the image.",
                                 .images = images,
                                 .image_count = pictures,
                                 .max_tokens = 1,
                                 .greedy = true,
                                 .on_token = look,
                                 .user = &held,
                                 .last = last};
    vlt_session *session = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_session_open(engine, NULL, &session, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_session_run(session, &request, response, &err), VLT_OK, "%s", err.message);
    vlt_session_close(session);
    return held;
}

/* Nobody takes up again what the last request leaves: its patches, 196 KB here and 6 MB of a photo,
 * are gone when the prompt is computed, and its embeddings, but where the picture comes again. */
Test(embeddings, the_last_request_keeps_nothing, .init = test_demo_make, .fini = test_demo_remove)
{
    vlt_engine *engine = test_demo_engine(NULL);
    vlt_response once, twice, kept;
    struct held held = ask(engine, true, 1, &once);
    cr_expect_eq(held.live_bytes, 0, "%zu", held.live_bytes);
    cr_expect_eq(held.kept_bytes, 0, "%zu", held.kept_bytes);
    const size_t empty = held.embedding_bytes;
    held = ask(engine, true, 2, &twice);
    cr_expect_eq(held.live_bytes + held.kept_bytes, 0);
    cr_expect_gt(held.embedding_bytes, empty);
    vlt_content_cache_trim(engine->embeddings, 0);
    held = ask(engine, false, 1, &kept);
    cr_expect_gt(held.live_bytes, 0);
    cr_expect_gt(held.embedding_bytes, empty);
    cr_expect_eq(once.ids[0], kept.ids[0]);
    vlt_response_release(&once);
    vlt_response_release(&twice);
    vlt_response_release(&kept);
    vlt_engine_close(engine);
}

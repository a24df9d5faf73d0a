/* Where something may be lost still pictures stay bytes until they are in the tower: an eighth of
 * the memory, the same values in a dump, keys by content and table, and videos beside them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/session.h"
#include "harness/infer/visual.h"
#include "harness/model/safetensors.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

static vlt_engine *open_as(const char *quality, const char *force)
{
    const vlt_engine_options options = {.no_config = true,
                                        .quality = quality,
                                        .force = &force,
                                        .force_count = force != NULL,
                                        .pack_cache = -1};
    return test_demo_engine(&options);
}

/* The first scene, as this engine's requests would have it. */
static vlt_visual make(vlt_engine *engine, const vlt_processor *processor)
{
    const vlt_media media = {.kind = VLT_MEDIA_IMAGE, .source = "scenes/scene-000.jpg"};
    vlt_visual_files files;
    vlt_visual visual;
    vlt_visual_times times = {0};
    vlt_vision_reader *reader = NULL;
    vlt_error err = {0};
    cr_assert_eq(vlt_visual_read(&media, NULL, NULL, &files, &times, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(vlt_vision_reader_create(&engine->prepare_context, processor,
                                          &engine->vision_options, &reader, &err),
                 VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_visual_make(reader, media.kind, &files, &visual, &times, &err), VLT_OK, "%s",
                 err.message);
    vlt_visual_files_release(&files);
    vlt_vision_reader_destroy(reader);
    return visual;
}

static bool same_content(const vlt_visual *a, const vlt_visual *b)
{
    return vlt_hash128_same(a->content, b->content) && a->hash == b->hash;
}

Test(compact_pictures, form_and_keys, .init = test_demo_make, .fini = test_demo_remove)
{
    static const char *const qualities[] = {"exact", "bf16", "int8"};
    for (int i = 0; i < 3; i++) {
        vlt_engine *engine = open_as(qualities[i], NULL);
        const bool compact = engine->quality != VLT_QUALITY_EXACT;
        vlt_processor other = engine->processor;
        vlt_visual picture = make(engine, &engine->processor);
        vlt_visual again = make(engine, &engine->processor);
        other.image.std[1] *= 2;
        vlt_visual lighter = make(engine, &other);
        cr_expect_eq(compact, i > 0, "%s", qualities[i]);
        cr_expect_eq(picture.pixels != NULL, compact, "%s", qualities[i]);
        cr_expect_eq(picture.patches == NULL, compact, "%s", qualities[i]);
        cr_expect(same_content(&picture, &again), "%s", qualities[i]);
        cr_expect_not(same_content(&picture, &lighter), "the same bytes are other values");
        vlt_visual_drop_patches(&picture);
        cr_expect(!picture.pixels && !picture.patches);
        vlt_visual_release(&picture);
        vlt_visual_release(&again);
        vlt_visual_release(&lighter);
        vlt_engine_close(engine);
    }
}

struct held {
    vlt_engine *engine;
    size_t live_bytes;
};

static bool look(void *user, int32_t id)
{
    struct held *held = user;
    vlt_tensor_pool_stats pool;
    (void)id;
    vlt_shared_pool_look(held->engine->pool, &pool);
    held->live_bytes = pool.live_bytes;
    return true;
}

/* What is alive while the first token is chosen: patches, and features that have the same size in
 * either form. */
static size_t live_bytes(const char *quality)
{
    static const char *const images[] = {"scenes/scene-000.jpg"};
    vlt_engine *engine = open_as(quality, NULL);
    struct held held = {.engine = engine};
    const vlt_request request = {.prompt = "Describe the image.",
                                 .images = images,
                                 .image_count = 1,
                                 .max_tokens = 1,
                                 .greedy = true,
                                 .on_token = look,
                                 .user = &held};
    vlt_session *session = NULL;
    vlt_response response;
    vlt_error err = {0};
    cr_assert_eq(vlt_session_open(engine, NULL, &session, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_session_run(session, &request, &response, &err), VLT_OK, "%s", err.message);
    vlt_response_release(&response);
    vlt_session_close(session);
    vlt_engine_close(engine);
    return held.live_bytes;
}

Test(compact_pictures, take_an_eighth, .init = test_demo_make, .fini = test_demo_remove)
{
    enum { F32_BYTES = 64 * 1536 * sizeof(float), SIXTEENTH = F32_BYTES / 16 };
    const size_t exact = live_bytes("exact"), compact = live_bytes("int8");
    cr_expect_geq(exact - compact, (size_t)F32_BYTES * 7 / 8 - SIXTEENTH, "%zu, %zu", exact,
                  compact);
    cr_expect_leq(exact - compact, (size_t)F32_BYTES * 7 / 8 + SIXTEENTH, "%zu, %zu", exact,
                  compact);
}

/* The dump's pixel_values, a picture and two frames that differ, whatever the form. */
Test(compact_pictures, a_dump_has_the_values, .init = test_demo_make, .fini = test_demo_remove)
{
    static const char *const qualities[] = {"exact", "int8"};
    static const char *const names[] = {"pixel_values", "pixel_values_videos", "image_grid_thw"};
    vlt_safetensors *file[2];
    vlt_error err = {0};
    test_demo_write("m.json",
                    "[{\"role\": \"user\", \"content\": [{\"type\": \"image\", \"image\": "
                    "\"scenes/scene-000.jpg\"}, {\"type\": \"video\", \"video\": "
                    "[\"scenes/scene-001.jpg\", \"scenes/scene-002.jpg\"]}, {\"type\": \"text\", "
                    "\"text\": \"How many?\"}]}]");
    for (int i = 0; i < 2; i++) {
        char path[32];
        snprintf(path, sizeof path, "%s.safetensors", qualities[i]);
        char rest[96];
        snprintf(rest, sizeof rest, "--quality %s --dump %s", qualities[i], path);
        test_output output = test_demo_run(
            "run %s --messages m.json --json -n 2 --greedy --no-config %s", rest);
        cr_assert_eq(output.exit_code, 0, "%s", output.err);
        test_output_release(&output);
        cr_assert_eq(vlt_safetensors_open(path, &file[i], &err), VLT_OK, "%s", err.message);
    }
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        const vlt_tensor *exact = vlt_safetensors_find(file[0], names[n]);
        const vlt_tensor *compact = vlt_safetensors_find(file[1], names[n]);
        cr_assert(exact && compact, "%s", names[n]);
        cr_assert_eq(exact->bytes, compact->bytes, "%s", names[n]);
        cr_expect_arr_eq(exact->data, compact->data, exact->bytes, "%s", names[n]);
    }
    vlt_safetensors_close(file[0]);
    vlt_safetensors_close(file[1]);
}

/* Which variant ran, and that one may be had instead of the other. */
Test(compact_pictures, the_variant_is_a_choice, .init = test_demo_make, .fini = test_demo_remove)
{
    static const char *const options[] = {
        "--quality int8", "--quality int8 --force patch_embed=baseline", "--quality exact"};
    static const char *const expected[] = {"folded", "baseline", NULL};
    for (int i = 0; i < 3; i++) {
        json_t *answer = test_demo_json(
            "run %s --json -n 2 --greedy --no-config --prompt x --image "
            "scenes/scene-000.jpg %s",
            options[i]);
        char *text = json_dumps(json_object_get(answer, "choices"), 0);
        const char *at = strstr(text, "patch_embed");
        cr_expect_eq(at != NULL, expected[i] != NULL, "%s: %s", options[i], text);
        cr_expect(!at || strstr(at, expected[i]), "%s: %s", options[i], text);
        free(text);
        json_decref(answer);
    }
}

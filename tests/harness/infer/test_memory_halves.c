/* Admission and the governor, each alone: the one refuses before anything is taken, the other gives
 * back what is kept and begins less; neither needs the other to do so. */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "harness/infer/services.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"
#include "tests/support/image_files.h"

enum { TOKENS = 3, LIMIT_BYTES = 120 << 20 };

TestSuite(memory_halves, .init = test_demo_make, .fini = test_demo_remove);

static vlt_engine *open_engine(const vlt_service_options *services)
{
    const vlt_engine_options options = {.threads = 2, .no_config = true, .services = *services};
    return test_demo_engine(&options);
}

static vlt_status ask(vlt_engine *engine, const char *image, int32_t ids[TOKENS], vlt_error *err)
{
    vlt_session *session = NULL;
    vlt_response response = {0};
    const vlt_request request = {.prompt = "How many?",
                                 .images = &image,
                                 .image_count = 1,
                                 .max_tokens = TOKENS,
                                 .greedy = true,
                                 .ignore_eos = true};
    vlt_status status = vlt_session_open(engine, NULL, &session, err);
    if (status == VLT_OK) {
        status = vlt_session_run(session, &request, &response, err);
    }
    for (int64_t i = 0; status == VLT_OK && i < TOKENS; i++) {
        ids[i] = response.ids[i];
    }
    vlt_response_release(&response);
    vlt_session_close(session);
    return status;
}

/* The ids of a small picture, and of one whose pixels are 189 MB, without any limit. */
static void ask_freely(int32_t small[TOKENS], int32_t large[TOKENS])
{
    vlt_engine *engine = open_engine(&(vlt_service_options){0});
    vlt_error err = {0};
    test_png_one_colour("large.png", 9000, 7000, 1);
    cr_assert_eq(ask(engine, "scenes/scene-000.jpg", small, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(ask(engine, "large.png", large, &err), VLT_OK, "%s", err.message);
    vlt_engine_close(engine);
}

Test(memory_halves, admission_refuses_without_a_governor)
{
    int32_t small[TOKENS], large[TOKENS], got[TOKENS] = {0};
    vlt_error err = {0};
    ask_freely(small, large);
    vlt_engine *engine = open_engine(&(vlt_service_options){.memory_limit = LIMIT_BYTES});
    cr_assert_null(engine->governor, "nobody looks at memory");
    cr_expect_eq(ask(engine, "large.png", got, &err), VLT_STATUS_LIMIT);
    cr_expect(strstr(err.message, "large.png") && strstr(err.message, "needs ") &&
                  strstr(err.message, "125.8 MB"),
              "%s", err.message);
    cr_assert_eq(ask(engine, "scenes/scene-000.jpg", got, &err), VLT_OK, "%s", err.message);
    cr_expect_arr_eq(got, small, sizeof small);
    vlt_engine_close(engine);
}

static void wait_for(const vlt_engine *engine, vlt_memory_level level)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int i = 0; i < 500 && vlt_governor_level(engine->governor) != level; i++) {
        nanosleep(&pause, NULL);
    }
    nanosleep(&pause, NULL); /* what it does comes behind the level */
    cr_expect_eq(vlt_governor_level(engine->governor), level);
}

Test(memory_halves, the_governor_throttles_without_admission)
{
    int32_t small[TOKENS], large[TOKENS], got[TOKENS] = {0};
    vlt_error err = {0};
    vlt_content_stats empty, kept;
    ask_freely(small, large);
    vlt_engine *engine = open_engine(&(vlt_service_options){
        .memory_limit = LIMIT_BYTES, .memory_low = 99, .memory_critical = 98, .monitor_ms = 10});
    vlt_content_cache_look(engine->embeddings, &empty); /* its own table counts */
    engine->memory.limit_bytes = 0;                     /* whoever asks is let have it */
    wait_for(engine, VLT_MEMORY_CRITICAL);
    cr_expect_eq(vlt_services_ahead(engine), 1);
    cr_expect_eq(vlt_services_side_by_side(engine, 8), 1);
    cr_assert_eq(ask(engine, "large.png", got, &err), VLT_OK, "nothing is refused: %s",
                 err.message);
    cr_expect_arr_eq(got, large, sizeof large);
    cr_assert_eq(ask(engine, "scenes/scene-000.jpg", got, &err), VLT_OK, "%s", err.message);
    cr_expect_arr_eq(got, small, sizeof small);
    for (int i = 0; i < 500; i++) { /* while it is short, it looks again at what came since */
        vlt_content_cache_look(engine->embeddings, &kept);
        if (kept.bytes == empty.bytes) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    cr_expect_eq(kept.bytes, empty.bytes, "nothing that can be made again is kept");
    vlt_engine_close(engine);
}

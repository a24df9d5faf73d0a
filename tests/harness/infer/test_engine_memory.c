/* Where the memory of an engine lies, as options, config and machine say. hwloc is told of two
 * nodes where the machine has one; the kernel makes of a wish for both what it has. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/engine.h"
#include "tests/support/data.h"
#include "tests/support/mappings.h"

enum { IDS = 8, SAID_BYTES = 2048 };

static char said[SAID_BYTES];

static void say(void *user, int level, const char *message)
{
    (void)user;
    if (level == 0) {
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", message);
    }
}

/* hwloc reads these when an engine looks at the machine. */
static void pretend(const char *topology, bool this_system)
{
    setenv("HWLOC_SYNTHETIC", topology, 1);
    setenv("HWLOC_THISSYSTEM", this_system ? "1" : "0", 1);
}

static const char two_nodes[] = "numa:2(memory=1GiB) core:1 pu:1";

static vlt_status try_open(vlt_engine_options options, vlt_engine **out, vlt_error *err)
{
    said[0] = '\0';
    options.threads = 2;
    options.pack_cache = -1;
    options.no_config = true;
    options.message = say;
    *err = (vlt_error){0};
    return vlt_engine_open(test_source("harness/model/demo/checkpoint"), &options, out, err);
}

static vlt_engine *open_engine(vlt_engine_options options)
{
    vlt_engine *engine = NULL;
    vlt_error err;
    cr_assert_eq(try_open(options, &engine, &err), VLT_OK, "%s", err.message);
    return engine;
}

static void answer(vlt_engine *engine, int32_t ids[IDS])
{
    vlt_session *session = NULL;
    const vlt_request request = {
        .prompt = "How many shapes are there?", .max_tokens = IDS, .greedy = true, .ignore_eos = 1};
    vlt_response response;
    vlt_error err = {0};
    cr_assert_eq(vlt_session_open(engine, NULL, &session, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(vlt_session_run(session, &request, &response, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(response.id_count, IDS);
    memcpy(ids, response.ids, IDS * sizeof *ids);
    vlt_response_release(&response);
    vlt_session_close(session);
}

/* Packs of an engine that rounds are bound, those of another beside it are not; equal ids. */
Test(engine_memory, weights_lie_where_each_engine_wants_them)
{
    static const char *const values[] = {"interleave", "local"}, *const policies[] = {"interleave",
                                                                                      "prefer"};
    int32_t usual[IDS], ids[IDS];
    pretend(two_nodes, true);
    for (int i = 0; i < 2 && !VLT_ASAN; i++) {
        const vlt_engine_options system = {.quality = "int8"};
        const vlt_engine_options wish = {.quality = "int8", .weights = values[i]};
        vlt_engine *plain = open_engine(system);
        answer(plain, usual);
        cr_expect_eq(test_mappings_with_policy(policies[i]), 0);
        vlt_engine *engine = open_engine(wish);
        if (strstr(said, "refuse") || !engine->nodes) {
            test_skip("the system refuses to bind memory");
        } else {
            const int lines = test_mappings_with_policy(policies[i]);
            cr_expect_gt(lines, 0, "%s", values[i]);
            cr_expect_str_eq(said, "");
            answer(engine, ids);
            cr_expect_arr_eq(ids, usual, sizeof ids);
            vlt_engine *third = open_engine(system);
            answer(third, ids);
            cr_expect_arr_eq(ids, usual, sizeof ids);
            vlt_engine_close(third);
            cr_expect_geq(test_mappings_with_policy(policies[i]), lines);
        }
        vlt_engine_close(engine);
        cr_expect_eq(test_mappings_with_policy(policies[i]), 0, "nothing of it stays");
        vlt_engine_close(plain);
    }
}

Test(engine_memory, ids_are_equal_with_every_value)
{
    static const char *const weights[] = {"system", "interleave", "local"},
                             *const switches[] = {"off", "on"},
                             *const qualities[] = {"exact", "int8"};
    pretend(two_nodes, true);
    for (int q = 0; q < 2; q++) {
        int32_t usual[IDS], ids[IDS];
        vlt_engine *engine = open_engine((vlt_engine_options){.quality = qualities[q]});
        answer(engine, usual);
        vlt_engine_close(engine);
        for (int i = 0; i < 12; i++) {
            const vlt_engine_options options = {.quality = qualities[q],
                                                .pin = true,
                                                .weights = weights[i % 3],
                                                .huge_pages = switches[i / 3 % 2],
                                                .first_touch = switches[i / 6]};
            engine = open_engine(options);
            cr_expect_eq(engine->tuned.huge_pages, i / 3 % 2);
            cr_expect_eq(engine->tuned.first_touch, i / 6);
            cr_expect_eq((int)engine->tuned.weights, i % 3);
            answer(engine, ids);
            cr_expect_arr_eq(ids, usual, sizeof ids, "%s %s", qualities[q], weights[i % 3]);
            vlt_engine_close(engine);
        }
    }
}

Test(engine_memory, what_a_machine_has_not_is_refused)
{
    static const struct {
        const char *topology;
        bool pin;
        const char *weights, *huge_pages, *first_touch;
        vlt_status status;
        const char *message;
    } cases[] = {
        {"numa:1 core:2 pu:1", false, "interleave", NULL, NULL, VLT_STATUS_UNSUPPORTED,
         "weights interleave: one NUMA node may be used here, 2 or more are needed"},
        {"numa:1 core:2 pu:1", false, "local", NULL, NULL, VLT_STATUS_UNSUPPORTED,
         "weights local: one NUMA node"},
        {"numa:1 core:2 pu:1", true, NULL, NULL, "on", VLT_STATUS_UNSUPPORTED,
         "first touch: one NUMA node"},
        {two_nodes, false, NULL, NULL, "on", VLT_STATUS_USAGE, "first touch: threads that go any"},
        {two_nodes, false, "everywhere", NULL, NULL, VLT_STATUS_USAGE, "weights 'everywhere', exp"},
        {two_nodes, false, NULL, "yes", NULL, VLT_STATUS_USAGE, "huge pages 'yes', expected on or"},
        {two_nodes, false, NULL, NULL, "", VLT_STATUS_USAGE, "first touch '', expected on or off"},
        {"numa:1 core:2 pu:1", false, "system", "off", "off", VLT_OK, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const vlt_engine_options options = {.pin = cases[i].pin,
                                            .weights = cases[i].weights,
                                            .huge_pages = cases[i].huge_pages,
                                            .first_touch = cases[i].first_touch};
        vlt_engine *engine = NULL;
        vlt_error err;
        pretend(cases[i].topology, true);
        cr_expect_eq(try_open(options, &engine, &err), cases[i].status, "%zu: %s", i, err.message);
        cr_expect(!strncmp(err.message, cases[i].message, strlen(cases[i].message)), "%zu: %s", i,
                  err.message);
        vlt_engine_close(engine);
    }
}

/* A forced knob asks for it as an option does, and is refused as that is; a knob that nobody named
 * is as it is, and so is what can be. */
Test(engine_memory, what_is_forced_and_not_possible_is_refused)
{
    static const struct {
        const char *topology, *forced, *said;
    } cases[] = {
        {"numa:1 core:2 pu:1", "weights=local,huge_pages=0", "weights local: one NUMA node"},
        {"numa:1 core:2 pu:1", "first_touch=1", "first touch: one NUMA node"},
        {two_nodes, "first_touch=1", "first touch: threads that go anywhere"},
        {two_nodes, "weights=local,huge_pages=0", NULL},
        {"numa:1 core:2 pu:1", "weights=system,first_touch=0,huge_pages=0", NULL},
        {"numa:1 core:2 pu:1", "huge_pages=0", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[96];
        const char *const forced[] = {text};
        const vlt_engine_options options = {.force = forced, .force_count = 1};
        vlt_engine *engine = NULL;
        vlt_error err = {0};
        snprintf(text, sizeof text, "pipeline=overlapped:%s", cases[i].forced);
        pretend(cases[i].topology, true);
        const vlt_status status = try_open(options, &engine, &err);
        cr_expect_eq(status == VLT_OK, !cases[i].said, "%zu: %s", i, err.message);
        cr_expect(!cases[i].said || strstr(err.message, cases[i].said), "%zu: %s", i, err.message);
        cr_expect(!engine || cases[i].said || i == 4 || !engine->tuned.huge_pages);
        vlt_engine_close(engine);
    }
}

/* Also beside an option that takes the pinned threads away. */
Test(engine_memory, a_forced_touch_needs_pinned_threads)
{
    static const char *const forced[] = {"pipeline=overlapped:pin=1,first_touch=1"};
    pretend(two_nodes, true);
    vlt_engine *engine = NULL;
    vlt_error err = {0};
    cr_expect_eq(try_open((vlt_engine_options){.force = forced, .force_count = 1, .no_pin = true},
                          &engine, &err),
                 VLT_STATUS_USAGE, "%s", err.message);
    vlt_engine_close(engine);
    engine = open_engine((vlt_engine_options){.force = forced, .force_count = 1});
    cr_expect(engine->tuned.first_touch && engine->pin);
    vlt_engine_close(engine);
}

/* On a replayed machine hwloc binds nothing and says it did. */
Test(engine_memory, a_replayed_machine_is_said_to_bind_nothing)
{
    pretend(two_nodes, false);
    vlt_engine *engine = open_engine((vlt_engine_options){.weights = "interleave"});
    cr_expect(strstr(said, "weights interleave") && strstr(said, "replayed"), "%s", said);
    cr_expect_null(engine->nodes);
    vlt_engine_close(engine);
}

/* Large blocks of an engine that wants no large pages have none, the KV cache among them. */
Test(engine_memory, huge_pages_off_reaches_scratch_and_caches)
{
    enum { ROWS = 4096 };
    for (int off = 0; off < 2 && !VLT_ASAN; off++) {
        vlt_engine *engine = open_engine((vlt_engine_options){.huge_pages = off ? "off" : NULL});
        vlt_kv_cache cache;
        const vlt_plan plan = {.context = &engine->context, .scratch_bytes = 8 << 20};
        cr_expect_eq(engine->context.memory->small_pages, off);
        cr_assert_eq(vlt_kv_cache_init(&cache, engine->kv_format, 1, 8, 128, NULL), VLT_OK);
        cache.memory = engine->context.memory;
        cr_assert_eq(vlt_kv_cache_reserve(&cache, ROWS, ROWS, NULL), VLT_OK);
        cr_expect_eq(test_mapping_has_flag(cache.layer[0].pages, "nh"), off);
        vlt_kv_cache_release(&cache);
        cr_assert_eq(vlt_plan_reserve(&engine->scratch, &plan, NULL), VLT_OK);
        cr_expect_eq(engine->scratch.pages, off);
        void *block = NULL; /* of images and patches */
        cr_assert_eq(vlt_block_take(engine->context.blocks, 8 << 20, &block, NULL), VLT_OK);
        cr_expect_not(off && test_mapping_has_flag(block, "hg"));
        vlt_block_give(engine->context.blocks, block);
        vlt_engine_close(engine);
    }
}

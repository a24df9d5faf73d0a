/* Services of run and batch through their options: what is counted, what is refused, and that ids
 * are the same whatever is kept, prepared ahead or short. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/tuned.h"
#include "harness/model/checkpoint.h"
#include "tests/support/demo.h"
#include "tests/support/image_files.h"
#include "tests/support/memory_cgroup.h"
#include "tests/support/data.h"

enum { LINES_MAX = 16 };

static json_t *part(const json_t *answer, const char *first, const char *second)
{
    return json_object_get(json_object_get(answer, first), second);
}

static double count(const json_t *answer, const char *cache, const char *what)
{
    return test_demo_number(part(answer, "caches", cache), what);
}

/* Answers of in.jsonl; *lines of them. */
static void batch(const char *options, json_t *answer[LINES_MAX], int expected, int exit_code)
{
    test_output output = test_demo_run("batch %s in.jsonl -n 4 --greedy %s", options);
    cr_assert_eq(output.exit_code, exit_code, "%s: %s", options, output.err);
    const char *line = output.out;
    for (int i = 0; i < expected; i++) {
        answer[i] = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
        cr_assert_not_null(answer[i], "%s: %s", options, output.err);
        line = strchr(line, '\n') + 1;
    }
    test_output_release(&output);
}

static void release(json_t **answer, int lines)
{
    for (int i = 0; i < lines; i++) {
        json_decref(answer[i]);
    }
}

/* Six times the same question about the same picture. */
static void write_equal_lines(void)
{
    char text[1024] = "";
    for (int i = 0; i < 6; i++) {
        strcat(text, "{\"prompt\": \"How many?\", \"images\": [\"scenes/scene-001.jpg\"]}\n");
    }
    test_demo_write("in.jsonl", text);
}

Test(service_options, six_equal_lines_are_one_miss, .init = test_demo_make,
     .fini = test_demo_remove)
{
    static const char *const options[] = {"", "--prefetch 0", "--prefetch 6 --preprocess-threads 4",
                                          "--parallel 3 --tokenize-threads 3",
                                          "--force pipeline=baseline"};
    json_t *reference[LINES_MAX], *answer[LINES_MAX];
    write_equal_lines();
    batch("--tokenize-cache 0 --embedding-cache 0 --prefetch 0", reference, 6, 0);
    cr_expect_eq(count(reference[5], "tokenize", "misses"), 0, "nothing is counted by what is off");
    for (size_t o = 0; o < sizeof options / sizeof *options; o++) {
        batch(options[o], answer, 6, 0);
        for (int i = 0; i < 6; i++) {
            cr_expect(
                json_equal(json_object_get(answer[i], "ids"), json_object_get(reference[i], "ids")),
                "%s, line %d", options[o], i);
        }
        cr_expect_eq(count(answer[5], "tokenize", "misses"), 1, "%s", options[o]);
        cr_expect_eq(count(answer[5], "embedding", "misses"), 1, "%s", options[o]);
        cr_expect_eq(count(answer[5], "tokenize", "hits"), 5, "%s", options[o]);
        cr_expect_eq(count(answer[5], "embedding", "hits"), 5, "%s", options[o]);
        release(answer, 6);
    }
    release(reference, 6);
}

Test(service_options, what_cannot_be_is_refused_with_both_values, .init = test_demo_make,
     .fini = test_demo_remove)
{
    static const struct {
        const char *options, *first, *second;
    } cases[] = {{"--memory-limit 0", "0 bytes", "more than 0"},
                 {"--memory-limit 900T", "989560464998400", "this machine has"},
                 {"--memory-limit -1", "-1", ""},
                 {"--embedding-cache 900T", "989560464998400", "this machine has"},
                 {"--tokenize-cache 900T", "989560464998400", "this machine has"},
                 {"--memory-low 3", "3 percent", "memory-critical 4"},
                 {"--memory-critical 30", "10 percent", "memory-critical 30"},
                 {"--memory-low 5 --memory-critical 5", "5 percent", "memory-critical 5"},
                 {"--memory-low 0", "0 percent", "at most 100"},
                 {"--memory-low 101", "101", "100"},
                 {"--tokenize-chunk 0", "0 bytes", "256"},
                 {"--tokenize-chunk 255", "255 bytes", "256 to 268435456 bytes"},
                 {"--tokenize-chunk 2G", "2147483648", "268435456"},
                 {"--monitor-interval 1ms", "is 1 ms", "10 to 3600000 ms"},
                 {"--cleanup-interval 5h", "18000000 ms", "3600000 ms"},
                 {"--tokenize-threads -1", "-1", "0"},
                 {"--preprocess-threads 100000", "100000", "1024"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char *const commands[] = {"batch %s missing.jsonl %s",
                                               "run %s --prompt a -n 1 %s"};
        for (int c = 0; c < 2; c++) {
            test_output output = test_demo_run(commands[c], cases[i].options);
            if (c == 0 && output.exit_code == 2 && strstr(output.err, "missing.jsonl")) {
                cr_expect_fail("%s: the input was looked at first", cases[i].options);
            }
            cr_expect_eq(output.exit_code, 2, "%s: %s", cases[i].options, output.err);
            cr_expect(strstr(output.err, cases[i].first) && strstr(output.err, cases[i].second),
                      "%s: %s", cases[i].options, output.err);
            test_output_release(&output);
        }
    }
}

static const char large_among_small[] =
    "{\"id\": 0, \"prompt\": \"How many?\", \"images\": [\"scenes/scene-000.jpg\"]}\n"
    "{\"id\": 1, \"prompt\": \"How many?\", \"images\": [\"large.png\"]}\n"
    "{\"id\": 2, \"prompt\": \"How many?\", \"images\": [\"scenes/scene-001.jpg\", \"no.jpg\"]}\n"
    "{\"id\": 3, \"prompt\": \"How many?\", \"images\": [\"scenes/scene-001.jpg\"]}\n"
    "{\"id\": 4, \"prompt\": \"How many?\", \"images\": [\"scenes/scene-002.jpg\", "
    "\"scenes/scene-000.jpg\"]}\n";

Test(service_options, a_picture_beyond_the_limit_fails_its_own_request, .init = test_demo_make,
     .fini = test_demo_remove)
{
    json_t *free_answer[LINES_MAX], *answer[LINES_MAX];
    test_png_one_colour("large.png", 9000, 7000, 1); /* 189 MB of pixels, decoded whole */
    test_demo_write("in.jsonl", large_among_small);
    batch("", free_answer, 5, 1);
    batch("--memory-limit 120M --monitor-interval 10ms", answer, 5, 1);
    for (int i = 0; i < 5; i++) {
        const char *error = json_string_value(json_object_get(answer[i], "error"));
        if (i == 1) {
            cr_expect(error && strstr(error, "large.png") && strstr(error, "needs ") &&
                          strstr(error, "125.8 MB"),
                      "%s", error ? error : "no error");
        } else if (i == 2) {
            cr_expect(error && strstr(error, "no.jpg"), "%s", error ? error : "no error");
        } else {
            cr_expect(json_equal(json_object_get(answer[i], "ids"),
                                 json_object_get(free_answer[i], "ids")),
                      "line %d: %s", i, error ? error : "");
        }
    }
    release(answer, 5);
    release(free_answer, 5);
}

/* Where hardly anything is left: fewer at a time, nothing kept, the same ids, and it is told. */
Test(service_options, short_memory_throttles_and_is_told, .init = test_demo_make,
     .fini = test_demo_remove)
{
    json_t *free_answer[LINES_MAX], *answer[LINES_MAX];
    write_equal_lines();
    batch("--parallel 3", free_answer, 6, 0);
    batch("--parallel 3 --memory-limit 100M --memory-low 99 --memory-critical 98 "
          "--monitor-interval 10ms",
          answer, 6, 0);
    const json_t *pressure = json_object_get(answer[5], "pressure");
    for (int i = 0; i < 6; i++) {
        cr_expect(
            json_equal(json_object_get(answer[i], "ids"), json_object_get(free_answer[i], "ids")));
    }
    cr_expect_str_eq(json_string_value(json_object_get(pressure, "level")), "critical");
    const json_t *event = json_array_get(json_object_get(pressure, "events"), 0);
    const char *cause = json_string_value(json_object_get(event, "cause"));
    const char *action = json_string_value(json_object_get(event, "action"));
    cr_assert(cause && action, "an event");
    cr_expect(strstr(cause, "memory limit of this process leaves"), "%s", cause);
    cr_expect(strstr(action, "one request at a time"), "%s", action);
    cr_expect_geq(test_demo_number(event, "at_ms"), 0);
    cr_expect_eq(
        json_array_size(json_object_get(json_object_get(free_answer[5], "pressure"), "events")), 0);
    release(answer, 6);
    release(free_answer, 6);
}

/* A config for this machine and model with one decision. */
static void write_config(const char *knobs)
{
    vlt_tuned_config config = {.model_name = "demo"};
    vlt_tuned_decision decision = {
        .op = "pipeline", .bucket = "stages=2", .variant = "overlapped", .reason = "asked for"};
    uint64_t hash = 0;
    cr_assert_eq(vlt_checkpoint_hash_of(test_source("harness/model/demo/checkpoint"), &hash, NULL),
                 VLT_OK);
    cr_assert_eq(vlt_tuned_key_here(hash, &config.key, NULL), VLT_OK);
    snprintf(decision.knobs, sizeof decision.knobs, "%s", knobs);
    cr_assert_eq(vlt_tuned_config_set(&config, &decision, NULL), VLT_OK);
    cr_assert_eq(vlt_tuned_write(&config, "tuned.toml", NULL), VLT_OK);
    vlt_tuned_config_release(&config);
}

/* A config of before names fewer knobs; what it does not say is the default. Options go before. */
Test(service_options, are_taken_from_the_tuned_config, .init = test_demo_make,
     .fini = test_demo_remove)
{
    static const struct {
        const char *knobs, *options;
        double tokenize_limit;
    } cases[] = {{"depth=4 threads=2 spin_us=20 parallel=1", "", 8 << 20},
                 {"depth=4 parallel=2 prefetch=8 tokenize_cache=1048576", "", 1 << 20},
                 {"tokenize_cache=1048576", "--tokenize-cache 3M", 3 << 20},
                 {"tokenize_cache=0 preprocess_threads=1 tokenize_threads=3", "", 0},
                 {"tokenize_cache=0 pin=1", "--tokenize-cache 1M --no-pin", 1 << 20}};
    write_equal_lines();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[128];
        json_t *answer[LINES_MAX];
        write_config(cases[i].knobs);
        snprintf(options, sizeof options, "--config tuned.toml %s", cases[i].options);
        batch(options, answer, 6, 0);
        cr_expect_eq(count(answer[5], "tokenize", "limit"), cases[i].tokenize_limit, "%s, %s",
                     cases[i].knobs, cases[i].options);
        const json_t *used = json_object_get(part(answer[5], "choices", "pipeline"), "stages=2");
        cr_expect_str_eq(json_string_value(json_object_get(used, "source")), "tuned");
        const json_t *knobs = json_object_get(used, "knobs");
        cr_expect(json_object_get(knobs, "preprocess_threads"));
        cr_expect_eq(json_number_value(json_object_get(knobs, "tokenize_cache")),
                     cases[i].tokenize_limit, "%s: what holds, options included", cases[i].options);
        release(answer, 6);
    }
}

/* One rule for places that a machine has not: an option and a forced knob are refused, a config
 * does not apply, whoever asks. */
Test(service_options, places_that_are_not_here, .init = test_demo_make, .fini = test_demo_remove)
{
    static const char *const knobs[] = {"weights=local", "pin=1 first_touch=1 huge_pages=0"};
    setenv("HWLOC_THISSYSTEM", "1", 1);
    setenv("HWLOC_SYNTHETIC", "numa:1(memory=1GiB) core:2 pu:1", 1);
    for (size_t i = 0; i < 2; i++) {
        write_config(knobs[i]);
        test_output output = test_demo_script(
            "$VLTUNE config validate tuned.toml; echo code $?; $VLTUNE config validate tuned.toml "
            "--model $DEMO --json >v; echo code $?; grep -c '\"mismatch\"' v;"
            "run='run $DEMO --prompt hi -n 2'; $VLTUNE run $DEMO --prompt hi -n 2 --json --config "
            "tuned.toml >r 2>said; echo code $?; grep -c '\"mismatch\"' r; cat said >&2;"
            "$VLTUNE run $DEMO --prompt hi -n 2 --config tuned.toml --require-tuned; echo code $?;"
            "for o in '--weights local' '--first-touch on' '--force "
            "pipeline=overlapped:weights=local' '--force pipeline=overlapped:first_touch=1'; do "
            "$VLTUNE run $DEMO --prompt hi -n 2 --no-config $o 2>said; echo code $?; grep -c 'one "
            "NUMA node' said; done");
        cr_expect(strstr(output.out, ": mismatch: pipeline ") &&
                      strstr(output.out, "one NUMA node may be used here"),
                  "%s", output.out);
        cr_expect(strstr(output.out, "code 2\ncode 2\n1\ncode 0\n1\ncode 2\ncode 2\n1\ncode 2\n1\n"
                                     "code 2\n1\ncode 2\n1\n"),
                  "%s%s", output.out, output.err);
        test_output_release(&output);
    }
    write_config("pin=1 weights=system huge_pages=0");
    test_output output = test_demo_script("$VLTUNE config validate tuned.toml; echo code $?");
    cr_expect(strstr(output.out, ": tuned: ") && strstr(output.out, "code 0"), "%s%s", output.out,
              output.err);
    test_output_release(&output);
}

/* A config of another quality serves, but is not what --require-tuned asks for. */
Test(service_options, require_tuned_is_for_this_quality, .init = test_demo_make,
     .fini = test_demo_remove)
{
    write_config("pin=0");
    test_output output = test_demo_script(
        "r='--prompt hi -n 2 --config tuned.toml'; $VLTUNE run $DEMO $r --require-tuned; echo code "
        "$?; $VLTUNE run $DEMO $r --quality int8 --json >a; echo code $?; grep -c '\"tuned\"' a;"
        "$VLTUNE run $DEMO $r --quality int8 --require-tuned; echo code $?");
    cr_expect(strstr(output.out, "code 0\ncode 0\n") && strstr(output.out, "code 2\n"), "%s%s",
              output.out, output.err);
    cr_expect(strstr(output.err, "--quality int8 is required") &&
                  strstr(output.err, "tuned.toml is tuned for exact") &&
                  strstr(output.err, "vltune tune"),
              "%s", output.err);
    test_output_release(&output);
}

/* What --parallel says is what `choices` shows, as is what is tuned. */
Test(service_options, choices_show_how_many_are_side_by_side, .init = test_demo_make,
     .fini = test_demo_remove)
{
    static const struct {
        const char *options;
        int parallel;
    } cases[] = {{"--no-config", 1},
                 {"--no-config --parallel 3", 3},
                 {"--config tuned.toml", 2},
                 {"--config tuned.toml --parallel 4", 4}};
    write_equal_lines();
    write_config("depth=4 parallel=2");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *answer[LINES_MAX];
        batch(cases[i].options, answer, 6, 0);
        const json_t *used = json_object_get(part(answer[5], "choices", "pipeline"), "stages=2");
        cr_expect_eq(test_demo_number(json_object_get(used, "knobs"), "parallel"),
                     cases[i].parallel, "%s", cases[i].options);
        release(answer, 6);
    }
}

/* Places of memory from a config: what the machine has is used. */
Test(service_options, places_of_memory_are_taken_from_the_tuned_config, .init = test_demo_make,
     .fini = test_demo_remove)
{
    static const struct {
        const char *topology, *knobs, *options, *weights;
        int pin, huge_pages, first_touch;
    } cases[] = {
        {"numa:2(memory=1GiB) core:1 pu:1", "pin=1 weights=interleave huge_pages=0 first_touch=1",
         "", "interleave", 1, 0, 1},
        {"numa:2(memory=1GiB) core:1 pu:1", "pin=1 weights=interleave huge_pages=0 first_touch=1",
         "--weights local --huge-pages on --first-touch off --no-pin", "local", 0, 1, 0},
        {"numa:2(memory=1GiB) core:1 pu:1", "depth=4 pin=1", "", "system", 1, 1, 0},
    };
    write_equal_lines();
    setenv("HWLOC_THISSYSTEM", "1", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[160];
        setenv("HWLOC_SYNTHETIC", cases[i].topology, 1);
        write_config(cases[i].knobs);
        snprintf(options, sizeof options, "run %%s --prompt hi -n 2 --json --config tuned.toml %s",
                 cases[i].options);
        test_output output = test_demo_run(options, "");
        json_t *answer = json_loads(output.out, 0, NULL);
        cr_assert_not_null(answer, "%s", output.err);
        const json_t *used = json_object_get(part(answer, "choices", "pipeline"), "stages=2");
        const json_t *knobs = json_object_get(used, "knobs");
        cr_expect_str_eq(json_string_value(json_object_get(used, "source")), "tuned");
        cr_expect_str_eq(json_string_value(json_object_get(knobs, "weights")), cases[i].weights);
        cr_expect_eq(test_demo_number(knobs, "pin"), cases[i].pin);
        cr_expect_eq(test_demo_number(knobs, "huge_pages"), cases[i].huge_pages);
        cr_expect_eq(test_demo_number(knobs, "first_touch"), cases[i].first_touch);
        cr_expect_not(strstr(output.err, "is passed over"), "%s", output.err);
        json_decref(answer);
        test_output_release(&output);
    }
}

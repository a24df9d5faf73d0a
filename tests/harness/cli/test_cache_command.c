/* vltune cache: shows what is kept, removes it, and nothing else. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/infer/vltune.h"
#include "harness/json/json.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"
#include "tests/support/folder.h"
#include "tests/support/run_program.h"
#include "tests/support/shelf.h"

#define CACHE_TEST(name) \
    Test(cache_command, name, .init = test_shelf_make, .fini = test_shelf_remove)

static char said[2048];

static void collect(void *user, int level, const char *message)
{
    size_t used = strlen(said);
    (void)user;
    snprintf(said + used, sizeof said - used, "%d %s\n", level, message);
}

static void open_demo(int64_t pack_cache)
{
    const vlt_engine_options options = {.threads = 1,
                                        .no_config = true,
                                        .quality = "int8",
                                        .pack_cache = pack_cache,
                                        .message = collect};
    said[0] = '\0';
    vlt_engine_close(test_demo_engine(&options));
}

static json_t *run_json(const char *arguments)
{
    json_t *answer = NULL;
    vlt_error err = {0};
    test_output output = test_program(arguments);
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert_eq(vlt_json_parse(output.out, output.out_bytes, "answer", &answer, &err), VLT_OK,
                 "%s", err.message);
    test_output_release(&output);
    return answer;
}

static json_int_t number(const json_t *object, const char *key)
{
    cr_assert(json_is_integer(json_object_get(object, key)), "%s", key);
    return json_integer_value(json_object_get(object, key));
}

static bool holds(const test_output *output, const char *text)
{
    return strstr(output->out, text) != NULL;
}

CACHE_TEST(shows_nothing_where_nothing_is)
{
    test_output output = test_program("cache show");
    cr_expect_eq(output.exit_code, 0, "%s", output.err);
    cr_expect(holds(&output, "nothing in "), "%s", output.out);
    test_output_release(&output);
    json_t *answer = run_json("cache show --json");
    cr_expect_eq(number(answer, "bytes"), 0);
    cr_expect_eq(json_array_size(json_object_get(answer, "packs")), 0);
    json_decref(answer);
    answer = run_json("cache clear --json");
    cr_expect_eq(number(answer, "removed"), 0);
    json_decref(answer);
    cr_expect_neq(access(test_folder_path("cache"), F_OK), 0, "looking makes nothing");
}

/* An engine that may round keeps what it has packed, and says so at the end. */
CACHE_TEST(shows_models_and_arrangements)
{
    open_demo(0);
    cr_expect(strstr(said, "1 packed weights kept: ") && strstr(said, test_shelf_folder()), "%s",
              said);
    open_demo(0);
    cr_expect_str_eq(said, "", "nothing was written");
    test_shelf_use("model", 0, NULL, 0);
    json_t *answer = run_json("cache show --json");
    json_t *packs = json_object_get(answer, "packs");
    cr_assert_eq(json_array_size(packs), 2);
    const json_t *latest = json_array_get(packs, 0), *demo = json_array_get(packs, 1);
    char *real = realpath(test_folder_path("model"), NULL);
    cr_expect_str_eq(json_string_value(json_object_get(latest, "kind")), "test/1");
    cr_expect_str_eq(json_string_value(json_object_get(latest, "model")), real);
    cr_expect_eq(number(latest, "packs"), TEST_SHELF_WEIGHTS);
    cr_expect_eq(number(latest, "bytes"),
                 TEST_SHELF_WEIGHTS * (TEST_SHELF_PACK_BYTES + TEST_SHELF_HEADER));
    cr_expect(strstr(json_string_value(json_object_get(demo, "model")), "demo/checkpoint"));
    cr_expect_geq(number(answer, "bytes"), number(latest, "bytes") + number(demo, "bytes"));
    cr_expect_eq(number(answer, "damaged"), 0);
    test_output output = test_program("cache show");
    cr_expect(holds(&output, real) && holds(&output, "test/1") && holds(&output, "    3 packs"),
              "%s", output.out);
    test_output_release(&output);
    json_decref(answer);
    free(real);
}

CACHE_TEST(pack_cache_that_is_off_writes_nothing)
{
    open_demo(-1);
    cr_expect_str_eq(said, "");
    cr_expect_neq(access(test_folder_path("cache"), F_OK), 0);
    open_demo(0);
    open_demo(-1); /* nor does it remove anything */
    cr_expect_gt(test_shelf_count(".pack"), 10);
    open_demo(1);
    cr_expect_eq(test_shelf_count(""), 0, "one byte is a limit like any other, %s is there",
                 test_shelf_file("", 0));
}

static void put(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(write(fd, "text", 4), 4);
    close(fd);
}

CACHE_TEST(clear_removes_what_is_ours_alone)
{
    char path[1024], outside[512];
    test_shelf_use("model", 0, NULL, 0);
    snprintf(path, sizeof path, "%s/notes.txt", test_shelf_folder());
    put(path);
    snprintf(outside, sizeof outside, "%s", test_folder_path("outside"));
    put(outside);
    snprintf(path, sizeof path, "%s/0123456789abcdef0123456789abcdef.pack", test_shelf_folder());
    cr_assert_eq(symlink(outside, path), 0);
    test_output output = test_program("cache clear");
    cr_expect_eq(output.exit_code, 0, "%s", output.err);
    cr_expect(holds(&output, "3 files removed, 35 KB, from ") &&
                  holds(&output, "2 that are none of vltune's stay"),
              "%s", output.out);
    test_output_release(&output);
    cr_expect_eq(test_shelf_count(""), 2);
    cr_expect_eq(access(outside, F_OK), 0);
    cr_assert_eq(unlink(path), 0);
    snprintf(path, sizeof path, "%s/notes.txt", test_shelf_folder());
    cr_assert_eq(unlink(path), 0);
    output = test_program("cache clear");
    cr_expect_eq(output.exit_code, 0, "%s", output.err);
    cr_expect_neq(access(test_shelf_folder(), F_OK), 0, "an empty folder goes, too");
    test_output_release(&output);
}

CACHE_TEST(counts_damaged_ones)
{
    test_shelf_use("model", 0, NULL, 0);
    cr_assert_eq(truncate(test_shelf_file(".pack", 0), 100), 0);
    cr_assert_eq(chmod(test_shelf_file(".pack", 1), 0644), 0);
    json_t *answer = run_json("cache show --json");
    cr_expect_eq(number(answer, "damaged"), 2);
    cr_expect_eq(number(json_array_get(json_object_get(answer, "packs"), 0), "packs"), 1);
    json_decref(answer);
    answer = run_json("cache clear --json");
    cr_expect_eq(number(answer, "removed"), 3);
    json_decref(answer);
}

/* Neither shown nor removed. */
CACHE_TEST(leaves_the_folder_of_others_alone)
{
    static const char *const commands[] = {"cache show", "cache clear"};
    test_shelf_use("model", 0, NULL, 0);
    cr_assert_eq(chmod(test_shelf_folder(), 0707), 0);
    for (int i = 0; i < 2; i++) {
        test_output output = test_program(commands[i]);
        cr_expect_eq(output.exit_code, 2);
        cr_expect(strstr(output.err, "others may write there (mode 707)"), "%s", output.err);
        test_output_release(&output);
    }
    cr_expect_eq(test_shelf_count(".pack"), TEST_SHELF_WEIGHTS);
    cr_assert_eq(chmod(test_shelf_folder(), 0700), 0);
    cr_assert_eq(rename(test_folder_path("cache/vltune/packs"), test_folder_path("moved")), 0);
    cr_assert_eq(symlink(test_folder_path("moved"), test_folder_path("cache/vltune/packs")), 0);
    test_output output = test_program("cache clear");
    cr_expect_eq(output.exit_code, 2);
    cr_expect(strstr(output.err, "is a link"), "%s", output.err);
    test_output_release(&output);
    cr_expect_eq(test_shelf_count(".pack"), TEST_SHELF_WEIGHTS);
}

#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "harness/model/scenes.h"
#include "optimizations/core/memory.h"
#include "tests/support/data.h"
#include "tests/support/folder.h"

static uint64_t fnv1a(const uint8_t *data, size_t bytes)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ data[i]) * 0x100000001B3u;
    }
    return hash;
}

/* tests/reference/scenes.tsv was drawn by Pillow: every pixel, question and answer equal. */
Test(scenes, equal_those_that_pillow_draws)
{
    size_t bytes;
    char *table = test_read_file(test_source("tests/reference/scenes.tsv"), &bytes);
    cr_assert_not_null(table);
    int rows = 0;
    char *next = strchr(table, '\n') + 1;
    for (char *end; (end = strchr(next, '\n')) != NULL; next = end + 1, rows++) {
        uint64_t seed, index, hash;
        int width, height, used = 0;
        *end = '\0';
        cr_assert_eq(sscanf(next, "%" SCNu64 "\t%" SCNu64 "\t%d\t%d\t%" SCNx64 "\t%n", &seed,
                            &index, &width, &height, &hash, &used),
                     5);
        char *question = next + used, *answer = strchr(question, '\t');
        *answer++ = '\0';
        size_t size = (size_t)width * (size_t)height * 3;
        uint8_t *rgb = malloc(size);
        vlt_scene scene;
        vlt_scene_draw(seed, index, width, height, rgb, &scene);
        cr_assert_str_eq(scene.question, question);
        cr_assert_str_eq(scene.answer, answer);
        cr_assert_eq(fnv1a(rgb, size), hash, "seed %" PRIu64 " scene %" PRIu64, seed, index);
        free(rgb);
    }
    cr_assert_eq(rows, 83);
    free(table);
}

Test(scenes, extreme_sizes_stay_in_their_buffer)
{
    static const int sizes[][2] = {{64, 64}, {64, 1000}, {1000, 64}, {8192, 64}, {129, 127}};
    for (int s = 0; s < 5; s++) {
        size_t bytes = (size_t)sizes[s][0] * (size_t)sizes[s][1] * 3;
        for (uint64_t index = 0; index < 8; index++) {
            vlt_scene scene;
            uint8_t *rgb = malloc(bytes); /* exactly, for ASan */
            vlt_scene_draw(9, index, sizes[s][0], sizes[s][1], rgb, &scene);
            cr_assert_gt(strlen(scene.question), 0);
            cr_assert_lt(strlen(scene.answer), VLT_SCENE_ANSWER_BYTES - 1);
            free(rgb);
        }
    }
}

Test(scenes, kinds_of_questions_come_in_their_shares)
{
    enum { COUNT = 2000 };
    static const struct {
        const char *begin;
        int percent;
    } kinds[] = {{"What is", 25}, {"How many shapes", 15}, {"What colour", 10}, {"Describe", 35}};
    int seen[4] = {0};
    uint8_t *rgb = malloc(64 * 64 * 3);
    for (uint64_t i = 0; i < COUNT; i++) {
        vlt_scene scene;
        vlt_scene_draw(4, i, 64, 64, rgb, &scene);
        for (int k = 0; k < 4; k++) {
            seen[k] += !strncmp(scene.question, kinds[k].begin, strlen(kinds[k].begin));
        }
    }
    for (int k = 0; k < 4; k++) {
        cr_expect_lt(abs(seen[k] - kinds[k].percent * COUNT / 100), 80, "%s: %d of %d",
                     kinds[k].begin, seen[k], COUNT);
    }
    free(rgb);
}

static bool stop_at_two(void *user, int64_t done)
{
    (void)user;
    return done == 2;
}

static bool exists(const char *name)
{
    return access(test_folder_path(name), R_OK) == 0;
}

Test(scenes, are_written_with_their_list, .init = test_folder_make, .fini = test_folder_remove)
{
    const char *folder = test_folder_path("new");
    char path[320];
    vlt_error err = {0};
    vlt_scenes_options options = {.seed = 7, .count = 3};
    cr_assert_eq(vlt_scenes_write(folder, &options, &err), VLT_OK, "%s", err.message);
    snprintf(path, sizeof path, "%s/scenes.jsonl", folder);
    size_t bytes, jpeg_bytes, file_bytes;
    char *lines = test_read_file(path, &bytes), *line = lines;
    for (uint64_t i = 0; i < 3; i++) {
        char *end = strchr(line, '\n');
        json_t *object = NULL;
        vlt_scene scene;
        uint8_t *jpeg;
        cr_assert_eq(vlt_json_parse(line, (size_t)(end - line), "line", &object, &err), VLT_OK);
        cr_assert_eq(vlt_scene_jpeg(7, i, 128, 128, &scene, &jpeg, &jpeg_bytes, &err), VLT_OK);
        cr_assert_str_eq(json_string_value(json_object_get(object, "question")), scene.question);
        cr_assert_str_eq(json_string_value(json_object_get(object, "answer")), scene.answer);
        snprintf(path, sizeof path, "%s/%s", folder,
                 json_string_value(json_object_get(object, "image")));
        char *file = test_read_file(path, &file_bytes);
        cr_assert_not_null(file);
        cr_assert(file_bytes == jpeg_bytes && !memcmp(file, jpeg, jpeg_bytes));
        cr_assert(jpeg[0] == 0xFF && jpeg[1] == 0xD8 && jpeg[jpeg_bytes - 1] == 0xD9);
        free(file);
        vlt_free(jpeg);
        json_decref(object);
        line = end + 1;
    }
    cr_assert_eq(*line, '\0');
    free(lines);
}

Test(scenes, bad_wishes_are_refused, .init = test_folder_make, .fini = test_folder_remove)
{
    const char *folder = test_folder_path("");
    vlt_error err = {0};
    vlt_scenes_options options = {.count = 5, .stop = stop_at_two};
    cr_assert_eq(vlt_scenes_write(folder, &options, &err), VLT_STATUS_INTERRUPTED);
    cr_assert(exists("scene-001.jpg") && !exists("scene-002.jpg"));
    cr_assert(!exists("scenes.jsonl"));

    options = (vlt_scenes_options){.count = 0};
    cr_assert_eq(vlt_scenes_write(folder, &options, &err), VLT_STATUS_USAGE);
    options = (vlt_scenes_options){.count = 1, .width = 63};
    cr_assert_eq(vlt_scenes_write(folder, &options, &err), VLT_STATUS_USAGE);
    cr_assert(strstr(err.message, "63x128") && strstr(err.message, "64"), "%s", err.message);

    options = (vlt_scenes_options){.count = 1};
    const char *file = test_folder_path("scene-001.jpg"); /* where a folder should be */
    cr_assert_eq(vlt_scenes_write(file, &options, &err), VLT_STATUS_IO);
    cr_assert_eq(vlt_scenes_write("/nonexistent/deeper/folder", &options, &err), VLT_STATUS_IO);
}

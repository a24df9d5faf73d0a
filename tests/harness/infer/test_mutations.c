/* Damaged checkpoints: refused with a message, or they run; they never crash and never hang.
 *
 * A folder of links to a good checkpoint gets one file replaced by a mutation of it. Weights keep
 * their size but lose their data (a sparse file), so that a mutation costs a header, not megabytes.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/infer/vltune.h"
#include "harness/json/json.h"
#include "harness/model/scenes.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"
#include "tests/support/data.h"

enum { MUTATIONS_PER_FILE = 60, PATH_BYTES = 1200, HEADER_PREFIX = 8 };

static const char *const numbers[] = {
    "-1",         "0",     "1",    "3",  "7",   "100000", "1e308", "-1e999", "9223372036854775807",
    "2147483648", "2",     "4",    "64", "448", "16384",  "2",     "4",      "64",
    "448",        "16384", "null", "[]", "{}",  "\"x\"",  "0.5"};

struct text {
    char *data;
    size_t bytes, room;
};

static void replace(struct text *text, size_t at, size_t length, const char *with)
{
    size_t added = strlen(with);
    if (text->bytes - length + added <= text->room) {
        memmove(text->data + at + added, text->data + at + length, text->bytes - at - length);
        memcpy(text->data + at, with, added);
        text->bytes += added - length;
    }
}

static bool is_number(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == '-';
}

static void mutate(struct text *text, vlt_random *random)
{
    size_t at = (size_t)vlt_random_range(random, 0, (int64_t)text->bytes - 1), end;
    switch (vlt_random_range(random, 0, 9)) {
    default: /* another number */
        while (at < text->bytes && !is_number(text->data[at])) {
            at++;
        }
        for (end = at; end < text->bytes && is_number(text->data[end]); end++) {
        }
        replace(text, at, end - at,
                numbers[vlt_random_range(random, 0, sizeof numbers / sizeof *numbers - 1)]);
        break;
    case 5: /* another key or text */
        while (at < text->bytes && text->data[at] != '"') {
            at++;
        }
        if (at + 1 < text->bytes) {
            text->data[at + 1] = (char)vlt_random_range(random, 1, 255);
        }
        break;
    case 6:
        text->data[at] ^= (char)(1 << vlt_random_range(random, 0, 7));
        break;
    case 7: /* a piece is gone */
        end = at + (size_t)vlt_random_range(random, 1, 40);
        replace(text, at, (end < text->bytes ? end : text->bytes) - at, "");
        break;
    case 8: /* cut */
        text->bytes = at;
    }
}

/* Links everything of `from` into `to`. */
static void link_all(const char *from, const char *to)
{
    DIR *folder = opendir(from);
    const struct dirent *entry;
    cr_assert_not_null(folder);
    while ((entry = readdir(folder))) {
        char source[PATH_BYTES], target[PATH_BYTES];
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        if (entry->d_name[0] != '.') {
            cr_assert_eq(symlink(source, target), 0);
        }
    }
    closedir(folder);
}

static void remove_all(const char *path)
{
    char command[PATH_BYTES];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    cr_assert_eq(system(command), 0);
}

/* A scene of the demo model, drawn once per process. */
static char picture[64];

static void draw_picture(void)
{
    vlt_scene scene;
    uint8_t *jpeg = NULL;
    size_t bytes;
    snprintf(picture, sizeof picture, "/tmp/vlt-mutant-%d.jpg", (int)getpid());
    cr_assert_eq(vlt_scene_jpeg(1, 0, VLT_SCENE_SIDE, VLT_SCENE_SIDE, &scene, &jpeg, &bytes, NULL),
                 VLT_OK);
    cr_assert_eq(vlt_write_file(picture, jpeg, bytes, NULL), VLT_OK);
    vlt_free(jpeg);
}

static int answered;

/* Opens it, and where that works computes two tokens about a picture. */

static void try_model(const char *directory, const char *what)
{
    vlt_engine *engine = NULL;
    vlt_session *session = NULL;
    vlt_response response = {0};
    vlt_error err = {0};
    const vlt_engine_options options = {.no_config = true, .threads = 1};
    const char *image = picture;
    const vlt_request request = {
        .prompt = "How many?", .images = &image, .image_count = 1, .max_tokens = 2, .greedy = true};
    alarm(60);
    vlt_status status = vlt_engine_open(directory, &options, &engine, &err);
    if (status == VLT_OK) {
        status = vlt_session_open(engine, NULL, &session, &err);
    }
    if (status == VLT_OK) {
        status = vlt_session_run(session, &request, &response, &err);
    }
    cr_expect(status == VLT_OK || (err.message[0] && vlt_status_exit_code(status) <= 2), "%s: %s",
              what, err.message);
    answered += status == VLT_OK;
    vlt_response_release(&response);
    vlt_session_close(session);
    vlt_engine_close(engine);
}

/* Writes the mutation: for weights header and size, else the text. */
static void write_mutation(const char *path, const struct text *text, bool weights,
                           uint64_t header_bytes, off_t file_bytes)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    if (weights) {
        for (int i = 0; i < HEADER_PREFIX; i++) {
            fputc((int)(header_bytes >> (8 * i)) & 0xFF, file);
        }
    }
    fwrite(text->data, 1, text->bytes, file);
    fflush(file);
    cr_assert(!weights || ftruncate(fileno(file), file_bytes) == 0);
    fclose(file);
}

static int mutate_file(const char *from, const char *name, uint64_t seed)
{
    char path[PATH_BYTES], folder[] = "/tmp/vlt-mutant-XXXXXX";
    struct stat info;
    const char *dot = strrchr(name, '.');
    bool weights = dot && !strcmp(dot, ".safetensors");
    size_t bytes;
    snprintf(path, sizeof path, "%s/%s", from, name);
    if (stat(path, &info) != 0) {
        return 0;
    }
    char *whole = test_read_file(path, &bytes);
    cr_assert_not_null(whole);
    const char *text = whole;
    uint64_t header = 0;
    if (weights) {
        memcpy(&header, whole, sizeof header);
        text = whole + HEADER_PREFIX;
        bytes = (size_t)header;
    }
    cr_assert_not_null(mkdtemp(folder));
    link_all(from, folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    struct text mutant = {.data = malloc(bytes + 64), .room = bytes + 64};
    for (int i = 0; i < MUTATIONS_PER_FILE; i++) {
        vlt_random random = {seed * 1000 + (uint64_t)i};
        char what[PATH_BYTES];
        snprintf(what, sizeof what, "%s of %s, seed %llu", name, from,
                 (unsigned long long)random.state);
        memcpy(mutant.data, text, bytes);
        mutant.bytes = bytes;
        for (int64_t n = vlt_random_range(&random, 0, 5) / 5 + 1; n > 0 && mutant.bytes; n--) {
            mutate(&mutant, &random);
        }
        uint64_t length = vlt_random_range(&random, 0, 9) ? mutant.bytes : vlt_random_next(&random);
        off_t shift = vlt_random_range(&random, 0, 3) ? (off_t)mutant.bytes - (off_t)bytes : 0;
        unlink(path);
        write_mutation(path, &mutant, weights, length, info.st_size + shift);
        try_model(folder, what);
    }
    free(mutant.data);
    free(whole);
    remove_all(folder);
    return MUTATIONS_PER_FILE;
}

static void mutate_checkpoint(const char *from, uint64_t seed)
{
    draw_picture();
    static const char *const files[] = {"config.json",
                                        "generation_config.json",
                                        "preprocessor_config.json",
                                        "video_preprocessor_config.json",
                                        "tokenizer.json",
                                        "model.safetensors",
                                        "model.safetensors.index.json",
                                        "model-00001-of-00003.safetensors",
                                        "model-00003-of-00003.safetensors"};
    int total = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        total += mutate_file(from, files[i], seed * 100 + i);
    }
    unlink(picture);
    fprintf(stderr, "%d mutations of %s, %d of them still answer\n", total, from, answered);
}

Test(mutations, of_the_demo_model)
{
    mutate_checkpoint(test_source("harness/model/demo/checkpoint"), 1);
}

Test(mutations, of_a_golden_checkpoint_with_a_tied_head)
{
    const char *path = test_data("golden/model/tiny-tied/checkpoint");
    if (!path) {
        test_skip("golden/model/tiny-tied");
        return;
    }
    mutate_checkpoint(path, 2);
}

Test(mutations, of_a_golden_checkpoint_in_shards)
{
    const char *path = test_data("golden/model/tiny-untied/checkpoint");
    if (!path) {
        test_skip("golden/model/tiny-untied");
        return;
    }
    mutate_checkpoint(path, 3);
}

/* vocab.json + merges.txt instead of tokenizer.json. */
Test(mutations, of_the_older_tokenizer_files)
{
    const char *from = test_data("golden/model/tiny-tied/checkpoint");
    char folder[] = "/tmp/vlt-merges-XXXXXX", path[PATH_BYTES];
    if (!from) {
        test_skip("golden/model/tiny-tied");
        return;
    }
    draw_picture();
    cr_assert_not_null(mkdtemp(folder));
    link_all(from, folder);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    unlink(path);
    mutate_file(folder, "vocab.json", 41);
    mutate_file(folder, "merges.txt", 42);
    mutate_file(folder, "tokenizer_config.json", 43);
    unlink(picture);
    remove_all(folder);
}

#include "tests/support/shelf.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/folder.h"

/* Not Criterion's: this is linked into programs without it. */
static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

void test_shelf_make(void)
{
    test_folder_make();
    setenv("XDG_CACHE_HOME", test_folder_path("cache"), 1);
    test_shelf_write("model", 0);
}

void test_shelf_remove(void)
{
    test_folder_remove();
}

void test_shelf_write(const char *name, unsigned char seed)
{
    static unsigned char data[TEST_SHELF_WEIGHTS][TEST_SHELF_ROWS * TEST_SHELF_COLUMNS * 4];
    static const char *const names[TEST_SHELF_WEIGHTS] = {"a.weight", "b.weight", "c.weight"};
    vlt_tensor tensor[TEST_SHELF_WEIGHTS];
    vlt_error err = {0};
    char path[512];
    for (int i = 0; i < TEST_SHELF_WEIGHTS; i++) {
        for (size_t j = 0; j < sizeof data[i]; j++) {
            data[i][j] = (unsigned char)(j * 7 + j / 256 * 3 + (size_t)i * 11);
        }
        data[i][sizeof data[i] - 1] = seed;
        tensor[i] = (vlt_tensor){.name = names[i],
                                 .dtype_name = "F32",
                                 .dtype = VLT_DTYPE_F32,
                                 .rank = 2,
                                 .shape = {TEST_SHELF_ROWS, TEST_SHELF_COLUMNS},
                                 .data = data[i],
                                 .bytes = sizeof data[i]};
    }
    mkdir(test_folder_path(name), 0755);
    snprintf(path, sizeof path, "%s/model.safetensors", name);
    must(vlt_safetensors_write(test_folder_path(path), tensor, TEST_SHELF_WEIGHTS, &err) == VLT_OK,
         err.message);
    test_shelf_age(path);
}

void test_shelf_age(const char *name)
{
    struct timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= 60;
    times[1] = times[0];
    must(utimensat(AT_FDCWD, test_folder_path(name), times, 0) == 0, "utimensat");
}

static void say(void *user, int level, const char *message)
{
    test_shelf *shelf = user;
    if (shelf->said_count < 8) {
        snprintf(shelf->said[shelf->said_count++], sizeof shelf->said[0], "%d %s", level, message);
    }
}

void test_shelf_open(test_shelf *shelf, const char *name, int64_t limit, uint64_t code)
{
    vlt_error err = {0};
    *shelf = (test_shelf){.kind = "test/1"};
    must(vlt_checkpoint_open(test_folder_path(name), &shelf->checkpoint, &err) == VLT_OK &&
             shelf->checkpoint->container->map(shelf->checkpoint, &err) == VLT_OK,
         err.message);
    const vlt_pack_cache_options options = {.checkpoint = shelf->checkpoint,
                                            .directory = test_folder_path(name),
                                            .limit_bytes = limit ? limit
                                                                 : VLT_PACK_CACHE_DEFAULT_BYTES,
                                            .code = code,
                                            .say = say,
                                            .user = shelf};
    must(vlt_pack_cache_create(&options, &shelf->cache, &err) == VLT_OK, err.message);
    const vlt_pack_shelf on_disk = vlt_pack_cache_shelf(shelf->cache);
    must(vlt_packs_create(&on_disk, &shelf->packs, &err) == VLT_OK, err.message);
}

/* The last byte of each value: what the seed changes is in it. */
static unsigned char packed(const unsigned char *weights, size_t index)
{
    return weights[index * 4 + 3];
}

static vlt_status fill(const vlt_pack_request *request, void *out, vlt_error *err)
{
    test_shelf *shelf = (test_shelf *)request->user;
    (void)err;
    shelf->fills++;
    if (shelf->while_filling) {
        shelf->while_filling();
    }
    for (size_t i = 0; i < request->bytes; i++) {
        ((unsigned char *)out)[i] = packed(request->matrix->data, i);
    }
    return VLT_OK;
}

static void drop_all(test_shelf *shelf)
{
    for (int i = 0; i < TEST_SHELF_WEIGHTS; i++) {
        vlt_packs_drop(shelf->pack[i]);
        shelf->pack[i] = NULL;
    }
}

int test_shelf_take(test_shelf *shelf)
{
    int before = shelf->fills;
    drop_all(shelf);
    for (int i = 0; i < TEST_SHELF_WEIGHTS; i++) {
        const vlt_tensor *tensor = shelf->checkpoint->container->at(shelf->checkpoint, i);
        vlt_matrix matrix = vlt_matrix_of(VLT_FORMAT_F32, tensor->data, TEST_SHELF_ROWS,
                                          TEST_SHELF_COLUMNS);
        matrix.id = (uint64_t)i + 1;
        const vlt_pack_request request = {.matrix = &matrix,
                                          .kind = shelf->kind,
                                          .bytes = TEST_SHELF_PACK_BYTES,
                                          .lossy = true,
                                          .fill = fill,
                                          .user = shelf};
        vlt_error err = {0};
        must(vlt_packs_take(shelf->packs, &request, &shelf->pack[i], &err) == VLT_OK, err.message);
        const unsigned char *pack = vlt_pack_data(shelf->pack[i]);
        for (size_t j = 0; j < request.bytes; j++) {
            must(pack[j] == packed(tensor->data, j), "a pack is not what it should be");
        }
    }
    return shelf->fills - before;
}

void test_shelf_close(test_shelf *shelf)
{
    drop_all(shelf);
    vlt_packs_destroy(shelf->packs);
    vlt_pack_cache_destroy(shelf->cache);
    vlt_checkpoint_close(shelf->checkpoint);
}

int test_shelf_use(const char *name, int64_t limit, char *said, size_t said_bytes)
{
    test_shelf shelf;
    size_t used = 0;
    test_shelf_open(&shelf, name, limit, 0);
    int made = test_shelf_take(&shelf);
    test_shelf_close(&shelf);
    for (int i = 0; i < shelf.said_count && said && used < said_bytes; i++) {
        used += (size_t)snprintf(said + used, said_bytes - used, "%s\n", shelf.said[i]);
    }
    if (said && !shelf.said_count) {
        *said = '\0';
    }
    return made;
}

int test_shelf_said(const test_shelf *shelf, const char *text)
{
    int count = 0;
    for (int i = 0; i < shelf->said_count; i++) {
        count += strstr(shelf->said[i], text) != NULL;
    }
    return count;
}

const char *test_shelf_folder(void)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/vltune/packs", getenv("XDG_CACHE_HOME"));
    return path;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name), end = strlen(suffix);
    return length >= end && !strcmp(name + length - end, suffix);
}

const char *test_shelf_file(const char *suffix, int index)
{
    static char path[1024];
    struct dirent **list = NULL;
    int count = scandir(test_shelf_folder(), &list, NULL, alphasort);
    bool found = false;
    for (int i = 0; i < count; i++) {
        if (!found && list[i]->d_name[0] != '.' && has_suffix(list[i]->d_name, suffix) &&
            index-- == 0) {
            snprintf(path, sizeof path, "%s/%s", test_shelf_folder(), list[i]->d_name);
            found = true;
        }
        free(list[i]);
    }
    free(list);
    return found ? path : NULL;
}

int test_shelf_count(const char *suffix)
{
    int count = 0;
    while (test_shelf_file(suffix, count)) {
        count++;
    }
    return count;
}

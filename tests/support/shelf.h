/* shelf.h: a checkpoint of three small weights, and packs of them that are kept in a folder of the
 * test's own. A shelf is used by one thread at a time. */
#ifndef VLT_TESTS_SHELF_H
#define VLT_TESTS_SHELF_H

#include "harness/model/checkpoint.h"
#include "harness/packs/pack_cache.h"

enum { TEST_SHELF_WEIGHTS = 3, TEST_SHELF_ROWS = 60, TEST_SHELF_COLUMNS = 128 };

/* What a pack takes in its file. */
enum { TEST_SHELF_PACK_BYTES = TEST_SHELF_ROWS * TEST_SHELF_COLUMNS, TEST_SHELF_HEADER = 4096 };

/* A folder with XDG_CACHE_HOME in it, and a checkpoint. Use as .init and .fini of a test. */
void test_shelf_make(void);
void test_shelf_remove(void);

/* Writes NAME/model.safetensors anew; `seed` is in its last byte alone, so that names, shapes and
 * the beginnings of all tensors are the same for every seed. Its times lie in the past. */
void test_shelf_write(const char *name, unsigned char seed);

/* Sets the times of a file of the folder back by a minute. The time of its last change of status is
 * the present all the same. */
void test_shelf_age(const char *name);

typedef struct test_shelf {
    vlt_checkpoint *checkpoint;
    vlt_pack_cache *cache;
    vlt_packs *packs;
    const vlt_pack *pack[TEST_SHELF_WEIGHTS];
    const char *kind; /* "test/1" */
    int fills;
    void (*while_filling)(void); /* NULL: nothing */
    char said[8][1024];          /* lines, "0 text" with the level before it */
    int said_count;
} test_shelf;

/* Opens the checkpoint NAME. limit: 0 is the default. code: 0 is this build's. */
void test_shelf_open(test_shelf *shelf, const char *name, int64_t limit, uint64_t code);

/* Lets go of what it has, takes packs of all weights and looks whether they are right. Returns how
 * many were made. */
int test_shelf_take(test_shelf *shelf);
void test_shelf_close(test_shelf *shelf); /* said stays */

/* open, take, close: how many packs were made. *said (may be NULL): all lines. */
int test_shelf_use(const char *name, int64_t limit, char *said, size_t said_bytes);

/* Lines that hold the text. */
int test_shelf_said(const test_shelf *shelf, const char *text);

/* The folder of packs, and the file of it that is number `index` of those with the suffix, in order
 * of name; NULL when there is none. Static buffers. */
const char *test_shelf_folder(void);
const char *test_shelf_file(const char *suffix, int index);
int test_shelf_count(const char *suffix);

#endif

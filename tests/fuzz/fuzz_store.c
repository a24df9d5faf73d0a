/* Databases from anywhere: a sound one, with bytes of it changed as the input says, through every
 * way of reading, writing and merging. Whatever the bytes: refused or read, never a crash. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "tests/support/stores.h"
#include "tuner/bench/stored.h"
#include "tuner/store/store_admin.h"
#include "tuner/store/store_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_BYTES_MAX = 1 << 22 };

/* A sound database, and one whose last trial is in -wal. */
static struct {
    char *bytes;
    size_t size;
} sound, blank, wal;

static void take(const char *path, char **bytes, size_t *size)
{
    if (vlt_read_file(path, FILE_BYTES_MAX, bytes, size, NULL) != VLT_OK) {
        abort();
    }
}

/* Small pages: less room between what matters. */
static void make_sound(const char *path)
{
    int64_t session;
    vlt_store *store = test_store_open(path, &session);
    for (int i = 0; i < 4; i++) {
        test_store_add(store, session, i % 2 ? "avx2" : "wide", 0.5, 6, NULL);
    }
    if (test_store_decide(store, session, NULL) != VLT_OK ||
        vlt_store_put_result(store, session, "{\"rows\": []}", NULL) != VLT_OK ||
        vlt_store_exec(store, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM",
                       "testing", NULL) != VLT_OK) {
        abort();
    }
    vlt_store_close(store);
    take(path, &sound.bytes, &sound.size);
}

static void make_wal(const char *path)
{
    int64_t session;
    char name[128];
    vlt_store *store = test_store_open(path, &session);
    test_store_add(store, session, "avx2", 0.5, 6, NULL);
    snprintf(name, sizeof name, "%s-wal", path);
    take(path, &blank.bytes, &blank.size);
    take(name, &wal.bytes, &wal.size);
    vlt_store_close(store);
}

/* Four bytes a change: where (three, modulo the size) and what. */
static void put(const char *path, const char *bytes, size_t size, const uint8_t *change,
                size_t changes)
{
    char *copy = malloc(size + 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, bytes, size);
    for (size_t i = 0; i + 4 <= changes; i += 4) {
        size_t at = ((size_t)change[i] << 16 | (size_t)change[i + 1] << 8 | change[i + 2]) % size;
        copy[at] = (char)change[i + 3];
    }
    if (vlt_write_file(path, copy, size, NULL) != VLT_OK) {
        abort();
    }
    free(copy);
}

static void ignore(void *user, const char *what)
{
    (void)user;
    (void)what;
}

static bool see_setting(void *user, const vlt_store_setting *setting)
{
    return *(size_t *)user += strlen(setting->variant) + strlen(setting->knobs), true;
}

struct seen {
    vlt_store *store;
    size_t bytes;
};

static bool see_decision(void *user, const vlt_store_view *view)
{
    struct seen *seen = user;
    seen->bytes += strlen(view->op) + strlen(view->reason) + strlen(view->decision_id);
    vlt_store_each_setting(seen->store, view, see_setting, &seen->bytes, NULL);
    return true;
}

static bool see_found(void *user, const vlt_store_found *found)
{
    return *(size_t *)user += strlen(found->variant) + strlen(found->stage), true;
}

static void read_store(const char *path)
{
    const vlt_store_workload workload = {"norm", "rows=1", "rows=1", ""};
    const vlt_judge_options judge = vlt_judge_defaults();
    struct seen seen = {0};
    int64_t problems;
    vlt_rows rows = {0};
    if (vlt_store_open(path, VLT_STORE_READ, &seen.store, NULL) != VLT_OK) {
        return;
    }
    char *document = NULL, *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream) {
        abort();
    }
    vlt_store_get_result(seen.store, NULL, &document, NULL);
    vlt_store_each_decision(seen.store, NULL, see_decision, &seen, NULL);
    vlt_store_each_trial(seen.store, 1, &workload, see_found, &seen.bytes, NULL);
    vlt_store_check(seen.store, ignore, NULL, &problems, NULL);
    for (int format = VLT_STORE_JSONL; format <= VLT_STORE_T4; format++) {
        vlt_store_export(seen.store, (vlt_store_format)format, stream, NULL);
    }
    fclose(stream);
    free(text);
    free(document);
    vlt_store_close(seen.store);
    if (vlt_rows_from_run(path, "latest", &judge, &rows, NULL) == VLT_OK) {
        json_decref(vlt_rows_to_json(&rows));
    }
    vlt_rows_release(&rows);
    vlt_rows_from_runs(path, "latest", "latest", &judge, &rows, NULL);
    vlt_rows_release(&rows);
}

static void write_store(const char *path, const char *into)
{
    vlt_store *store;
    vlt_store_merged merged;
    if (vlt_store_open(into, VLT_STORE_CREATE, &store, NULL) != VLT_OK) {
        abort();
    }
    vlt_store_merge(store, path, &merged, NULL);
    vlt_store_close(store);
    if (vlt_store_open(path, VLT_STORE_CREATE, &store, NULL) == VLT_OK) {
        test_store_add(store, 1, "avx2", 0.5, 3, NULL);
        vlt_store_close(store);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], into[64], wal_path[80];
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* nothing to sync */
    snprintf(path, sizeof path, "%s/vltune-fuzz-store-%d.db", place, (int)getpid());
    snprintf(into, sizeof into, "%s/vltune-fuzz-into-%d.db", place, (int)getpid());
    snprintf(wal_path, sizeof wal_path, "%s-wal", path);
    test_store_remove(path);
    test_store_remove(into);
    if (!sound.bytes) {
        make_sound(path);
        test_store_remove(path);
        make_wal(path);
        test_store_remove(path);
    }
    if (size > 0 &&
        data[0] % 2 == 0) { /* the seed wal.txt, and half of what becomes of the others */
        put(path, blank.bytes, blank.size, NULL, 0);
        put(wal_path, wal.bytes, wal.size, data + 1, size - 1);
    } else {
        put(path, sound.bytes, sound.size, data + 1, size ? size - 1 : 0);
    }
    read_store(path);
    write_store(path, into);
    test_store_remove(path);
    test_store_remove(into);
    return 0;
}

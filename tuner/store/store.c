#include "tuner/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "optimizations/core/hash.h"
#include "tuner/store/store_internal.h"

/* How long a writer waits for another one. */
enum { BUSY_MS = 10000 };

static void format_id(uint8_t bytes[16], int version, char id[VLT_STORE_ID_BYTES])
{
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | version << 4);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    size_t used = 0;
    for (int i = 0; i < 16; i++) {
        used += (size_t)snprintf(id + used, VLT_STORE_ID_BYTES - used, "%s%02x",
                                 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    }
}

void vlt_store_random_id(char id[VLT_STORE_ID_BYTES])
{
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        /* a kernel without entropy: unique through time and process instead */
        int64_t seed[2] = {vlt_store_now_ms(), getpid()};
        for (uint64_t half = 0; half < 2; half++) {
            uint64_t hash = vlt_hash_bytes(seed, sizeof seed, half);
            memcpy(bytes + 8 * half, &hash, sizeof hash);
        }
    }
    format_id(bytes, 4, id);
}

void vlt_store_content_id(const char *text, char id[VLT_STORE_ID_BYTES])
{
    uint8_t bytes[16];
    for (uint64_t half = 0; half < 2; half++) {
        uint64_t hash = vlt_hash_bytes(text, strlen(text), half);
        for (int i = 0; i < 8; i++) {
            bytes[8 * half + (uint64_t)i] = (uint8_t)(hash >> (8 * i));
        }
    }
    format_id(bytes, 8, id);
}

/* Is it ours, and of a schema that we know? An empty database is. */
static vlt_status check_header(vlt_store *store, vlt_store_mode mode, int64_t *version,
                               vlt_error *err)
{
    int64_t application = 0, tables = 0;
    vlt_status status;
    const char *doing = "reading the header";
    if ((status = vlt_store_query_int(store, "PRAGMA user_version", doing, version, NULL, err,
                                      "")) != VLT_OK ||
        (status = vlt_store_query_int(store, "PRAGMA application_id", doing, &application, NULL,
                                      err, "")) != VLT_OK ||
        (status = vlt_store_query_int(store, "SELECT count(*) FROM sqlite_schema", doing, &tables,
                                      NULL, err, "")) != VLT_OK) {
        return status;
    }
    bool empty = tables == 0 && application == 0 && *version == 0;
    if (!empty && application != VLT_STORE_APPLICATION_ID) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: a database of another program (application id %lld, expected %d)",
                        store->path, (long long)application, VLT_STORE_APPLICATION_ID);
    }
    if (*version > VLT_STORE_SCHEMA) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: schema %lld, this vltune knows schemas up to %d: use the newer one",
                        store->path, (long long)*version, VLT_STORE_SCHEMA);
    }
    if (mode == VLT_STORE_READ && *version < VLT_STORE_SCHEMA) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: schema %lld, expected %d (a command that writes migrates it)",
                        store->path, (long long)*version, VLT_STORE_SCHEMA);
    }
    return VLT_OK;
}

static vlt_status connect(vlt_store *store, vlt_store_mode mode, vlt_error *err)
{
    static const int flags[] = {
        [VLT_STORE_READ] = SQLITE_OPEN_READONLY,
        [VLT_STORE_WRITE] = SQLITE_OPEN_READWRITE,
        [VLT_STORE_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
    };
    int64_t version = 0;
    int code = sqlite3_open_v2(store->path, &store->db, flags[mode] | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        return vlt_store_fail(store, code, "opening", err);
    }
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    vlt_status status = vlt_store_exec(store, "PRAGMA foreign_keys = ON", "opening", err);
    if (status == VLT_OK) {
        status = check_header(store, mode, &version, err);
    }
    if (status != VLT_OK || mode == VLT_STORE_READ) {
        return status;
    }
    /* where the file system has no shared memory, SQLite keeps its rollback journal: fine too */
    status = vlt_store_exec(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
                            "setting up the journal", err);
    if (status == VLT_OK && version < VLT_STORE_SCHEMA) {
        status = vlt_store_migrate(store, 0, err);
    }
    return status;
}

vlt_status vlt_store_open(const char *path, vlt_store_mode mode, vlt_store **out, vlt_error *err)
{
    struct stat info;
    *out = NULL;
    bool there = stat(path, &info) == 0;
    if (mode != VLT_STORE_CREATE && !there) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    if (there && !S_ISREG(info.st_mode)) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: not a regular file", path);
    }
    vlt_store *store = calloc(1, sizeof *store);
    vlt_status status = VLT_OK;
    if (!store || !(store->path = strdup(path))) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    } else {
        status = connect(store, mode, err);
    }
    if (status != VLT_OK) {
        vlt_store_close(store);
        return status;
    }
    *out = store;
    return VLT_OK;
}

void vlt_store_close(vlt_store *store)
{
    if (store) {
        sqlite3_close(store->db);
        free(store->path);
        free(store);
    }
}

const char *vlt_store_path(const vlt_store *store)
{
    return store->path;
}

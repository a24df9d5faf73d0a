/* Opening and closing; declared in store.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/store/store_internal.h"
#include "tuner/store/store_place.h"

/* How long a place may hinder reading before another way is taken. */
enum { HINDERED_MS = 300 };

/* What the header says, all of it of one moment: others may be making the tables. */
struct header {
    int64_t version, application, tables, sessions;
};

static bool is_blank(const struct header *header)
{
    return header->tables == 0 && header->application == 0 && header->version == 0;
}

static bool is_ours(const struct header *header)
{
    return header->application == VLT_STORE_APPLICATION_ID && header->version == VLT_STORE_SCHEMA;
}

static vlt_status read_header(vlt_store *store, struct header *header, vlt_error *err)
{
    const char *doing = "reading the header";
    vlt_status status = vlt_store_exec(store, "BEGIN", doing, err);
    *header = (struct header){0};
    if (status != VLT_OK) {
        return status;
    }
    if ((status = vlt_store_query_int(store, "PRAGMA user_version", doing, &header->version, NULL,
                                      err, "")) == VLT_OK &&
        (status = vlt_store_query_int(store, "PRAGMA application_id", doing, &header->application,
                                      NULL, err, "")) == VLT_OK &&
        (status = vlt_store_query_int(store, "SELECT count(*) FROM sqlite_schema", doing,
                                      &header->tables, NULL, err, "")) == VLT_OK &&
        is_ours(header)) {
        status = vlt_store_query_int(store, "SELECT EXISTS (SELECT 1 FROM session)", doing,
                                     &header->sessions, NULL, err, "");
    }
    return vlt_store_finish(store, status, err);
}

/* A database in use keeps what is new in its -wal: a copy without it is blank, or has tables and
 * nothing in them. Whoever makes a database makes its tables before -wal is used, so a blank one
 * is such a copy for writers, too; and one that was killed before it measured leaves a -wal. */
static vlt_status check_whole(const vlt_store *store, const vlt_store_place *place,
                              vlt_store_mode mode, const struct header *header, vlt_error *err)
{
    bool hollow = mode == VLT_STORE_READ && is_ours(header) && !header->sessions;
    if (place->wal_mode && ((is_blank(header) && !place->wal) || (hollow && !place->wal_file))) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: holds no samples, and %s-wal, where a database in use keeps them, is "
                        "%s: copy both, or copy it when nobody uses it",
                        store->path, store->path, place->wal_file ? "empty" : "missing");
    }
    if (mode != VLT_STORE_CREATE && is_blank(header)) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: a database without tables, expected one with samples of vltune",
                        store->path);
    }
    return VLT_OK;
}

/* Is it ours, and of a schema that we know? A blank database is. */
static vlt_status check_header(const vlt_store *store, vlt_store_mode mode,
                               const struct header *header, vlt_error *err)
{
    if (!is_blank(header) && header->application != VLT_STORE_APPLICATION_ID) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: a database of another program (application id %lld, expected %d)",
                        store->path, (long long)header->application, VLT_STORE_APPLICATION_ID);
    }
    if (header->version > VLT_STORE_SCHEMA) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: schema %lld, this vltune knows schemas up to %d: use the newer one",
                        store->path, (long long)header->version, VLT_STORE_SCHEMA);
    }
    if (mode == VLT_STORE_READ && header->version < VLT_STORE_SCHEMA) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: schema %lld, expected %d (a command that writes migrates it)",
                        store->path, (long long)header->version, VLT_STORE_SCHEMA);
    }
    return VLT_OK;
}

static void disconnect(vlt_store *store)
{
    sqlite3_close(store->db);
    free(store->uri);
    store->db = NULL;
    store->uri = NULL;
}

static vlt_status connect(vlt_store *store, const char *real, const char *query, int flags,
                          vlt_error *err)
{
    store->uri = vlt_store_place_uri(real, query);
    if (!store->uri) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", store->path);
    }
    int code = sqlite3_open_v2(store->uri, &store->db,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
    if (code != SQLITE_OK) {
        return vlt_store_fail(store, code, "opening", err);
    }
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, VLT_STORE_BUSY_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return vlt_store_exec(store, "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON", "opening",
                          err);
}

/* Did reading fail because of the place, not of the content? */
static bool is_hindered(const vlt_store *store)
{
    switch (store->code) {
    case SQLITE_IOERR_LOCK:
    case SQLITE_IOERR_RDLOCK:
    case SQLITE_IOERR_UNLOCK:
    case SQLITE_IOERR_SHMOPEN:
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMLOCK:
    case SQLITE_IOERR_SHMMAP:
        return true;
    default:
        return (store->code & 0xFF) == SQLITE_CANTOPEN || (store->code & 0xFF) == SQLITE_READONLY;
    }
}

static vlt_status connect_reading(vlt_store *store, const char *real, const char *query, int flags,
                                  struct header *header, vlt_error *err)
{
    vlt_status status = connect(store, real, query, flags, err);
    if (status == VLT_OK) {
        status = vlt_store_exec(store, "PRAGMA query_only = ON", "opening", err);
    }
    return status == VLT_OK ? read_header(store, header, err) : status;
}

static vlt_status read_copy(vlt_store *store, const vlt_store_place *place, struct header *header,
                            vlt_error *err)
{
    char *copy = NULL;
    vlt_status status = vlt_temp_folder_make("store", &store->copy, err);
    if (status == VLT_OK) {
        status = vlt_store_place_copy(place, store->copy.path, &copy, err);
    }
    if (status == VLT_OK) {
        status = connect_reading(store, copy, "mode=rw", SQLITE_OPEN_READWRITE, header, err);
    }
    free(copy);
    return status;
}

/* As SQLite does it, with locks. Where -wal and -shm have to be made for it, a connection that
 * could write removes them at its end; what a killed writer left in -wal is not ours to move. A
 * place that others clean up at this moment hinders for a moment, one where nothing may be made for
 * good: then *hindered. */
static vlt_status read_in_place(vlt_store *store, const vlt_store_place *place,
                                struct header *header, bool *hindered, vlt_error *err)
{
    bool unused = place->wal_mode && !place->wal_file && !place->shm_file && place->writable;
    int64_t since_ms = vlt_store_now_ms();
    vlt_status status;
    do {
        disconnect(store);
        status = connect_reading(store, place->real, unused ? "mode=rw" : "mode=ro",
                                 unused ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, header,
                                 err);
        *hindered = status != VLT_OK && is_hindered(store);
    } while (*hindered && vlt_store_place_check_folder(place, store->path, NULL) == VLT_OK &&
             vlt_store_wait(since_ms, HINDERED_MS));
    return status;
}

/* Where reading in place is not possible: where nothing is pending beside the file, as one that
 * does not change; else in a copy, where SQLite can put together what belongs together. */
static vlt_status open_reading(vlt_store *store, vlt_store_place *place, struct header *header,
                               vlt_error *err)
{
    bool hindered = true;
    vlt_status status = VLT_OK;
    if (vlt_store_place_is_plain(place)) {
        status = read_in_place(store, place, header, &hindered, err);
    }
    if (!hindered) {
        return status;
    }
    disconnect(store);
    vlt_store_place_release(place);
    status = vlt_store_place_look(store->path, place, err);
    if (status != VLT_OK) {
        return status;
    }
    return place->wal || place->journal ? read_copy(store, place, header, err)
                                        : connect_reading(store, place->real, "mode=ro&immutable=1",
                                                          SQLITE_OPEN_READONLY, header, err);
}

static vlt_status open_writing(vlt_store *store, const vlt_store_place *place, vlt_store_mode mode,
                               struct header *header, vlt_error *err)
{
    bool create = mode == VLT_STORE_CREATE;
    vlt_status status = vlt_store_place_check_folder(place, store->path, err);
    if (status == VLT_OK) {
        status = connect(store, place->real, create ? "mode=rwc" : "mode=rw",
                         SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), err);
    }
    return status == VLT_OK ? read_header(store, header, err) : status;
}

/* The tables are made before the journal changes: a file whose header speaks of -wal has them. */
static vlt_status prepare_writing(vlt_store *store, const struct header *header, vlt_error *err)
{
    vlt_status status = VLT_OK;
    if (header->version < VLT_STORE_SCHEMA) {
        status = vlt_store_migrate(store, 0, err);
    }
    if (status == VLT_OK) {
        store->writes = true;
        vlt_store_use_wal(store);
    }
    return status;
}

static vlt_status open_place(vlt_store *store, vlt_store_place *place, vlt_store_mode mode,
                             vlt_error *err)
{
    struct header header;
    vlt_status status = mode == VLT_STORE_READ ? open_reading(store, place, &header, err)
                                               : open_writing(store, place, mode, &header, err);
    if (status == VLT_OK) {
        status = check_whole(store, place, mode, &header, err);
    }
    if (status == VLT_OK) {
        status = check_header(store, mode, &header, err);
    }
    return status == VLT_OK && mode != VLT_STORE_READ ? prepare_writing(store, &header, err)
                                                      : status;
}

vlt_status vlt_store_open(const char *path, vlt_store_mode mode, vlt_store **out, vlt_error *err)
{
    vlt_store_place place = {0};
    vlt_store *store = NULL;
    *out = NULL;
    vlt_status status = vlt_store_place_look(path, &place, err);
    if (status == VLT_OK && !place.there && mode != VLT_STORE_CREATE) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: no such file", path);
    }
    if (status == VLT_OK && place.there && place.empty && mode != VLT_STORE_CREATE) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s: empty (0 bytes), expected a database with samples of vltune", path);
    }
    if (status != VLT_OK) {
        goto done;
    }
    store = calloc(1, sizeof *store);
    if (!store || !(store->path = strdup(path))) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
        goto done;
    }
    store->copy = VLT_TEMP_FOLDER_NONE;
    status = open_place(store, &place, mode, err);
    if (status == VLT_OK) {
        *out = store;
        store = NULL;
    }
done:
    vlt_store_close(store);
    vlt_store_place_release(&place);
    return status;
}

void vlt_store_close(vlt_store *store)
{
    if (store) {
        if (store->writes) {
            vlt_store_leave_wal_if_empty(store);
        }
        disconnect(store);
        if (store->path) { /* before that nothing was set */
            vlt_temp_folder_remove(&store->copy);
        }
        free(store->path);
        free(store);
    }
}

const char *vlt_store_path(const vlt_store *store)
{
    return store->path;
}

/* store_internal.h: what the files of the store share: the connection, statements, errors. */
#ifndef VLT_TUNER_STORE_INTERNAL_H
#define VLT_TUNER_STORE_INTERNAL_H

#include <sqlite3.h>

#include "harness/files/temp_folder.h"
#include "tuner/store/store.h"

/* How long one waits for another program that holds the database. */
enum { VLT_STORE_BUSY_MS = 10000 };

struct vlt_store {
    sqlite3 *db;
    char *path;           /* as it was given, for messages */
    char *uri;            /* what SQLite opens, also to attach it */
    bool writes;          /* opened to write, and understood */
    int code;             /* SQLite's, of the last failure */
    vlt_temp_folder copy; /* of what cannot be read in its place */
};

/* Turns SQLite's last error into ours, naming the file; `doing` is a verb phrase. */
vlt_status vlt_store_fail(vlt_store *store, int code, const char *doing, vlt_error *err);

/* Runs SQL without results. */
vlt_status vlt_store_exec(vlt_store *store, const char *sql, const char *doing, vlt_error *err);

/* Prepares and binds: one letter of `types` per parameter: t text (NULL: null), i int64_t, d double
 * (NAN: null). Texts are copied. */
vlt_status vlt_store_prepare(vlt_store *store, const char *sql, const char *doing,
                             sqlite3_stmt **out, vlt_error *err, const char *types, ...);

/* One row: *row says whether there was one. The statement is still the caller's. */
vlt_status vlt_store_step(vlt_store *store, sqlite3_stmt *statement, const char *doing, bool *row,
                          vlt_error *err);

/* Prepares, binds, steps to the end, finalises. */
vlt_status vlt_store_run(vlt_store *store, const char *sql, const char *doing, vlt_error *err,
                         const char *types, ...);

/* The same for a query of one integer; *found (may be NULL) tells whether there was a row. */
vlt_status vlt_store_query_int(vlt_store *store, const char *sql, const char *doing, int64_t *out,
                               bool *found, vlt_error *err, const char *types, ...);

/* BEGIN IMMEDIATE, waiting for other writers; then COMMIT when status is VLT_OK, else ROLLBACK, and
 * the status passed on. */
vlt_status vlt_store_begin(vlt_store *store, vlt_error *err);
vlt_status vlt_store_finish(vlt_store *store, vlt_status status, vlt_error *err);

/* NAN for null. */
double vlt_store_real(sqlite3_stmt *statement, int column);
const char *vlt_store_text(sqlite3_stmt *statement, int column); /* NULL for null */
/* "" for null, which a damaged file has even where the schema excludes it. */
const char *vlt_store_name(sqlite3_stmt *statement, int column);

/* Brings an empty or older database to VLT_STORE_SCHEMA; stops at `version` (for tests of the
 * migrations; 0: the newest). */
vlt_status vlt_store_migrate(vlt_store *store, int version, vlt_error *err);

/* The outcome of that name; FAILED for an unknown one. */
vlt_outcome vlt_outcome_named(const char *name);

int64_t vlt_store_now_ms(void);

/* Waits a little (a random time, so that two who wait do not meet again); false once `since_ms` is
 * `limit_ms` ago. For what SQLite's own waiting leaves out. */
bool vlt_store_wait(int64_t since_ms, int64_t limit_ms);

/* store_journal.c: what is written goes to -wal first, so that readers and writers do not wait for
 * each other. Cannot fail: where the file system has no shared memory, or others do not let it, the
 * rollback journal stays, which is fine too. */
void vlt_store_use_wal(vlt_store *store);

/* Before closing: a database in which nothing was measured goes back to the rollback journal. So
 * one that speaks of -wal, has none and holds nothing is a copy without it, never an empty one. */
void vlt_store_leave_wal_if_empty(vlt_store *store);

#endif

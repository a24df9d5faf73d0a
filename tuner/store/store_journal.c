/* The journal of a database that is written: declared in store_internal.h. */
#include <string.h>

#include "tuner/store/store_internal.h"

/* SQLite does not wait for others when the journal changes, so this does: not for long, since
 * everything also works without the change. */
enum { SWITCH_MS = 1000 };

static bool is_wal(vlt_store *store)
{
    sqlite3_stmt *statement = NULL;
    bool wal = sqlite3_prepare_v2(store->db, "PRAGMA journal_mode", -1, &statement, NULL) ==
                   SQLITE_OK &&
               sqlite3_step(statement) == SQLITE_ROW &&
               !strcmp((const char *)sqlite3_column_text(statement, 0), "wal");
    sqlite3_finalize(statement);
    return wal;
}

void vlt_store_use_wal(vlt_store *store)
{
    int64_t since_ms = vlt_store_now_ms();
    sqlite3_busy_timeout(store->db, 0);
    int code;
    do {
        code = sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    } while ((code & 0xFF) == SQLITE_BUSY && vlt_store_wait(since_ms, SWITCH_MS));
    sqlite3_busy_timeout(store->db, VLT_STORE_BUSY_MS);
    /* makes the -wal now: that there is none tells of a copy (store_open.c) */
    sqlite3_exec(store->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    /* what is in -wal survives a crash of the system without a sync each time, a rollback journal
     * does not */
    sqlite3_exec(store->db,
                 is_wal(store) ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", NULL,
                 NULL, NULL);
}

void vlt_store_leave_wal_if_empty(vlt_store *store)
{
    int64_t sessions = 1;
    sqlite3_busy_timeout(store->db, 0); /* others are at work: theirs to do */
    if (vlt_store_query_int(store, "SELECT EXISTS (SELECT 1 FROM session)", "closing", &sessions,
                            NULL, NULL, "") == VLT_OK &&
        !sessions) {
        sqlite3_exec(store->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
}

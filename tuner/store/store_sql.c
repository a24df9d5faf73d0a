/* Statements, transactions and errors of the store. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "optimizations/core/random.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/store/store_internal.h"

/* What the system said, for codes that are too wide without it: ": No space left on device". */
static const char *system_reason(const vlt_store *store, char *text, size_t text_bytes)
{
    int number = sqlite3_system_errno(store->db);
    text[0] = '\0';
    if (number) {
        vlt_utf8_format(text, text_bytes, ": %s", strerror(number));
    }
    return text;
}

vlt_status vlt_store_fail(vlt_store *store, int code, const char *doing, vlt_error *err)
{
    const char *path = store->path;
    char reason[128];
    store->code = code;
    switch (code & 0xFF) {
    case SQLITE_NOTADB:
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: no SQLite database, expected one with samples of vltune", path);
    case SQLITE_CORRUPT:
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: the database is damaged (%s, while %s)", path,
                        sqlite3_errmsg(store->db), doing);
    case SQLITE_READONLY:
        return vlt_fail(err, VLT_STATUS_IO, "%s: the database is read-only (while %s)", path,
                        doing);
    case SQLITE_FULL:
        return vlt_fail(err, VLT_STATUS_IO, "%s: the disk is full (while %s)", path, doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return vlt_fail(err, VLT_STATUS_IO,
                        "%s: another program holds the database for more than %d s (while %s)",
                        path, VLT_STORE_BUSY_MS / 1000, doing);
    case SQLITE_CANTOPEN:
        return vlt_fail(err, VLT_STATUS_IO, "%s: cannot be opened (while %s)%s", path, doing,
                        system_reason(store, reason, sizeof reason));
    case SQLITE_NOMEM:
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory (while %s)", path, doing);
    case SQLITE_IOERR:
        return vlt_fail(err, VLT_STATUS_IO, "%s: %s (while %s)%s", path, sqlite3_errmsg(store->db),
                        doing, system_reason(store, reason, sizeof reason));
    default:
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: %s (while %s)", path, sqlite3_errmsg(store->db),
                        doing);
    }
}

vlt_status vlt_store_exec(vlt_store *store, const char *sql, const char *doing, vlt_error *err)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? VLT_OK : vlt_store_fail(store, code, doing, err);
}

static vlt_status prepare(vlt_store *store, const char *sql, const char *doing, sqlite3_stmt **out,
                          vlt_error *err, const char *types, va_list args)
{
    int code = sqlite3_prepare_v2(store->db, sql, -1, out, NULL);
    for (int i = 1; *types && code == SQLITE_OK; types++, i++) {
        const char *text;
        double real;
        switch (*types) {
        case 't':
            text = va_arg(args, const char *);
            code = sqlite3_bind_text(*out, i, text, -1, SQLITE_TRANSIENT);
            break;
        case 'i':
            code = sqlite3_bind_int64(*out, i, va_arg(args, int64_t));
            break;
        default:
            real = va_arg(args, double);
            code = isnan(real) ? sqlite3_bind_null(*out, i) : sqlite3_bind_double(*out, i, real);
            break;
        }
    }
    if (code != SQLITE_OK) {
        vlt_status status = vlt_store_fail(store, code, doing, err);
        sqlite3_finalize(*out);
        *out = NULL;
        return status;
    }
    return VLT_OK;
}

vlt_status vlt_store_prepare(vlt_store *store, const char *sql, const char *doing,
                             sqlite3_stmt **out, vlt_error *err, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    vlt_status status = prepare(store, sql, doing, out, err, types, args);
    va_end(args);
    return status;
}

vlt_status vlt_store_step(vlt_store *store, sqlite3_stmt *statement, const char *doing, bool *row,
                          vlt_error *err)
{
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? VLT_OK
                                                     : vlt_store_fail(store, code, doing, err);
}

static vlt_status run(vlt_store *store, const char *sql, const char *doing, int64_t *out,
                      bool *found, vlt_error *err, const char *types, va_list args)
{
    sqlite3_stmt *statement;
    bool row = true;
    vlt_status status = prepare(store, sql, doing, &statement, err, types, args);
    if (status != VLT_OK) {
        return status;
    }
    if (found) {
        *found = false;
    }
    for (bool first = true; row && status == VLT_OK; first = false) {
        status = vlt_store_step(store, statement, doing, &row, err);
        if (first && row && out) {
            *out = sqlite3_column_int64(statement, 0);
        }
        if (first && row && found) {
            *found = true;
        }
    }
    sqlite3_finalize(statement);
    return status;
}

vlt_status vlt_store_run(vlt_store *store, const char *sql, const char *doing, vlt_error *err,
                         const char *types, ...)
{
    va_list args;
    va_start(args, types);
    vlt_status status = run(store, sql, doing, NULL, NULL, err, types, args);
    va_end(args);
    return status;
}

vlt_status vlt_store_query_int(vlt_store *store, const char *sql, const char *doing, int64_t *out,
                               bool *found, vlt_error *err, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    vlt_status status = run(store, sql, doing, out, found, err, types, args);
    va_end(args);
    return status;
}

vlt_status vlt_store_begin(vlt_store *store, vlt_error *err)
{
    int64_t since_ms = vlt_store_now_ms();
    int code;
    do {
        code = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    } while ((code & 0xFF) == SQLITE_BUSY && vlt_store_wait(since_ms, VLT_STORE_BUSY_MS));
    return code == SQLITE_OK ? VLT_OK : vlt_store_fail(store, code, "beginning to write", err);
}

vlt_status vlt_store_finish(vlt_store *store, vlt_status status, vlt_error *err)
{
    if (status == VLT_OK) {
        status = vlt_store_exec(store, "COMMIT", "writing", err);
    }
    if (status != VLT_OK && !sqlite3_get_autocommit(store->db)) {
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

double vlt_store_real(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(statement, column);
}

const char *vlt_store_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

const char *vlt_store_name(sqlite3_stmt *statement, int column)
{
    const char *text = vlt_store_text(statement, column);
    return text ? text : "";
}

int64_t vlt_store_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool vlt_store_wait(int64_t since_ms, int64_t limit_ms)
{
    vlt_random random = {(uint64_t)getpid() ^ (uint64_t)vlt_store_now_ms() << 20};
    if (vlt_store_now_ms() - since_ms >= limit_ms) {
        return false;
    }
    const struct timespec moment = {0, (long)vlt_random_range(&random, 1000000, 20000000)};
    nanosleep(&moment, NULL);
    return true;
}

static const char *const outcome_names[VLT_OUTCOME_COUNT] = {
#define VLT_OUTCOME_NAME(code, name) name,
    VLT_OUTCOME_MAP(VLT_OUTCOME_NAME)
#undef VLT_OUTCOME_NAME
};

const char *vlt_outcome_name(vlt_outcome outcome)
{
    return (unsigned)outcome < VLT_OUTCOME_COUNT ? outcome_names[outcome] : "failed";
}

vlt_outcome vlt_outcome_named(const char *name)
{
    for (int i = 0; i < VLT_OUTCOME_COUNT && name; i++) {
        if (!strcmp(outcome_names[i], name)) {
            return (vlt_outcome)i;
        }
    }
    return VLT_OUTCOME_FAILED;
}

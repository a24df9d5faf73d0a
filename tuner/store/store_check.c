#include <stdio.h>

#include "tuner/store/store_admin.h"
#include "tuner/store/store_internal.h"

/* Each query gives one text per thing that is wrong. */
static const char *const rules[] = {
    "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    "SELECT 'row ' || rowid || ' of ' || \"table\" || ' refers to no row of ' || parent"
    " FROM pragma_foreign_key_check",
    "SELECT 'trial ' || t.uuid || ' is ok but has no samples' FROM trial t WHERE t.outcome = 'ok'"
    " AND NOT EXISTS (SELECT 1 FROM sample p WHERE p.trial_id = t.id)",
    "SELECT 'trial ' || t.uuid || ' failed (' || t.outcome || ') but has a ratio' FROM trial t"
    " WHERE t.outcome <> 'ok' AND t.ratio IS NOT NULL",
    "SELECT 'trial ' || t.uuid || ': variant of operator ' || v.op || ', workload of ' || w.op"
    " FROM trial t JOIN variant v ON v.id = t.variant_id JOIN workload w ON w.id = t.workload_id"
    " WHERE v.op <> w.op",
    "SELECT 'decision ' || uuid || ': ratio ' || ratio || ' outside its interval ' || ratio_low ||"
    " ' to ' || ratio_high FROM decision WHERE ratio < ratio_low OR ratio > ratio_high",
    "SELECT 'sample ' || pair || ' of trial ' || t.uuid || ' has no time' FROM sample p"
    " JOIN trial t ON t.id = p.trial_id WHERE (p.baseline_ns <= 0 OR p.candidate_ns <= 0)"
    " AND p.flags = 0",
};

vlt_status vlt_store_check(vlt_store *store, void (*found)(void *user, const char *what),
                           void *user, int64_t *problems, vlt_error *err)
{
    vlt_status status = VLT_OK;
    *problems = 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules && status == VLT_OK; i++) {
        sqlite3_stmt *statement;
        bool row = true;
        status = vlt_store_prepare(store, rules[i], "checking", &statement, err, "");
        while (status == VLT_OK && row) {
            status = vlt_store_step(store, statement, "checking", &row, err);
            if (status == VLT_OK && row) {
                const char *what = vlt_store_text(statement, 0);
                found(user, what ? what : "(no text)");
                (*problems)++;
            }
        }
        sqlite3_finalize(statement);
    }
    return status;
}

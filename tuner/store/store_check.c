#include <stdio.h>

#include "tuner/store/store_admin.h"
#include "tuner/store/store_internal.h"

/* Each query gives one text per thing that is wrong. */
static const struct {
    const char *doing;
    const char *sql;
} rules[] = {
    {"checking pages",
     "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"},
    {"checking references",
     "SELECT 'row ' || rowid || ' of ' || \"table\" || ' refers to no row of ' || parent"
     " FROM pragma_foreign_key_check"},
    {"looking for samples of trials",
     "SELECT 'trial ' || t.uuid || ' is ok but has no samples' FROM trial t WHERE t.outcome = 'ok'"
     " AND NOT EXISTS (SELECT 1 FROM sample p WHERE p.trial_id = t.id)"},
    {"checking failed trials",
     "SELECT 'trial ' || t.uuid || ' failed (' || t.outcome || ') but has a ratio' FROM trial t"
     " WHERE t.outcome <> 'ok' AND t.ratio IS NOT NULL"},
    {"checking operators of trials",
     "SELECT 'trial ' || t.uuid || ': variant of operator ' || v.op || ', workload of ' || w.op"
     " FROM trial t JOIN variant v ON v.id = t.variant_id JOIN workload w ON w.id = t.workload_id"
     " WHERE v.op <> w.op"},
    {"checking decisions",
     "SELECT 'decision ' || uuid || ': ratio ' || ratio || ' outside its interval ' || ratio_low ||"
     " ' to ' || ratio_high FROM decision WHERE ratio < ratio_low OR ratio > ratio_high"},
    {"checking samples",
     "SELECT 'sample ' || pair || ' of trial ' || t.uuid || ' has no time' FROM sample p"
     " JOIN trial t ON t.id = p.trial_id WHERE (p.baseline_ns <= 0 OR p.candidate_ns <= 0)"
     " AND p.flags = 0"},
};

struct check {
    void (*found)(void *user, const char *what);
    void *user;
    int64_t problems;
};

static void note(struct check *check, const char *what)
{
    check->found(check->user, what);
    check->problems++;
}

static vlt_status ask(vlt_store *store, size_t rule, struct check *check, vlt_error *err)
{
    sqlite3_stmt *statement;
    bool row = true;
    vlt_status status = vlt_store_prepare(store, rules[rule].sql, rules[rule].doing, &statement,
                                          err, "");
    while (status == VLT_OK && row) {
        status = vlt_store_step(store, statement, rules[rule].doing, &row, err);
        if (status == VLT_OK && row) {
            note(check, vlt_store_name(statement, 0));
        }
    }
    sqlite3_finalize(statement);
    return status;
}

/* What is so damaged that a rule cannot be asked is a problem like others: the next rules may tell
 * more. */
vlt_status vlt_store_check(vlt_store *store, void (*found)(void *user, const char *what),
                           void *user, int64_t *problems, vlt_error *err)
{
    struct check check = {.found = found, .user = user};
    vlt_status status = VLT_OK;
    for (size_t i = 0; i < sizeof rules / sizeof *rules && status == VLT_OK; i++) {
        vlt_error own = {0};
        status = ask(store, i, &check, &own);
        if (status == VLT_STATUS_INPUT) {
            note(&check, own.message);
            status = VLT_OK;
        } else if (status != VLT_OK) {
            vlt_fail(err, status, "%s", own.message);
        }
    }
    *problems = check.problems;
    return status;
}

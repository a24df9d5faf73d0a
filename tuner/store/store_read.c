/* What an earlier run has measured, and what it reported. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/store/store_internal.h"

vlt_status vlt_store_each_trial(vlt_store *store, int64_t session,
                                const vlt_store_workload *workload,
                                bool (*visit)(void *user, const vlt_store_found *found), void *user,
                                vlt_error *err)
{
    const char *doing = "reading trials";
    sqlite3_stmt *statement;
    bool row = true;
    vlt_status status = vlt_store_prepare(
        store,
        "SELECT v.name, t.knobs, t.stage, t.outcome, t.message, t.log_ratio, t.baseline_ns,"
        " t.candidate_ns, t.pairs, t.seed, t.against"
        " FROM session here JOIN session s ON s.machine_id = here.machine_id"
        "   AND s.build_id = here.build_id AND s.threads = here.threads"
        " JOIN trial t ON t.session_id = s.id JOIN workload w ON w.id = t.workload_id"
        " JOIN variant v ON v.id = t.variant_id"
        " WHERE here.id = ? AND w.op = ? AND w.problem = ? AND w.children = ? ORDER BY t.id",
        doing, &statement, err, "ittt", session, workload->op, workload->problem,
        workload->children);
    while (status == VLT_OK) {
        status = vlt_store_step(store, statement, doing, &row, err);
        if (status != VLT_OK || !row) {
            break;
        }
        const vlt_store_found found = {
            .variant = vlt_store_name(statement, 0),
            .knobs = vlt_store_name(statement, 1),
            .stage = vlt_store_name(statement, 2),
            .outcome = vlt_outcome_named(vlt_store_text(statement, 3)),
            .message = vlt_store_text(statement, 4),
            .log_ratio = vlt_store_real(statement, 5),
            .call_ns = {vlt_store_real(statement, 6), vlt_store_real(statement, 7)},
            .pairs = sqlite3_column_int(statement, 8),
            .seed = (uint64_t)sqlite3_column_int64(statement, 9),
            .against = vlt_store_name(statement, 10)};
        if (!visit(user, &found)) {
            break;
        }
    }
    sqlite3_finalize(statement);
    return status;
}

vlt_status vlt_store_get_result(vlt_store *store, const char *session, char **document,
                                vlt_error *err)
{
    const char *doing = "reading the result";
    sqlite3_stmt *statement;
    bool row;
    *document = NULL;
    vlt_status status = vlt_store_prepare(
        store,
        "SELECT r.document FROM result r JOIN session s ON s.id = r.session_id"
        " WHERE substr(s.uuid, 1, length(?1)) = ?1 ORDER BY s.started_ms DESC, s.uuid LIMIT 1",
        doing, &statement, err, "t", session ? session : "");
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_step(store, statement, doing, &row, err);
    if (status == VLT_OK && row) {
        *document = strdup(vlt_store_name(statement, 0));
        status = *document ? VLT_OK
                           : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", store->path);
    } else if (status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_UNMEASURED, "%s: no result of a tuning run%s%s",
                          store->path, session ? " whose id begins with " : "",
                          session ? session : "");
    }
    sqlite3_finalize(statement);
    return status;
}

#include "tuner/store/store_best.h"

#include "tuner/store/store_internal.h"

vlt_status vlt_store_each_best(vlt_store *store,
                               bool (*visit)(void *user, const vlt_store_best *best), void *user,
                               vlt_error *err)
{
    const char *doing = "reading the best settings";
    sqlite3_stmt *statement;
    bool row = true;
    vlt_status status = vlt_store_prepare(
        store,
        "SELECT w.op, w.bucket, v.name, t.knobs, max(m.cpu), avg(t.log_ratio) AS cost,"
        " max(CASE WHEN json_valid(m.hard) THEN coalesce(json_extract(m.hard, '$.isa'), '')"
        " ELSE '' END)"
        " FROM trial t JOIN workload w ON w.id = t.workload_id"
        " JOIN variant v ON v.id = t.variant_id JOIN session s ON s.id = t.session_id"
        " JOIN machine m ON m.id = s.machine_id"
        " WHERE s.kind = 'tune' AND w.bucket <> '' AND t.against = 'default' GROUP BY w.op, "
        "w.bucket, v.name, t.knobs"
        " HAVING count(*) = count(t.log_ratio) AND sum(t.outcome <> 'ok') = 0"
        " ORDER BY w.op, w.bucket, cost, v.name, t.knobs",
        doing, &statement, err, "");
    while (status == VLT_OK) {
        status = vlt_store_step(store, statement, doing, &row, err);
        if (status != VLT_OK || !row) {
            break;
        }
        const vlt_store_best best = {.op = vlt_store_name(statement, 0),
                                     .bucket = vlt_store_name(statement, 1),
                                     .variant = vlt_store_name(statement, 2),
                                     .knobs = vlt_store_name(statement, 3),
                                     .machine = vlt_store_name(statement, 4),
                                     .isa = vlt_store_name(statement, 6),
                                     .log_ratio = vlt_store_real(statement, 5)};
        if (!visit(user, &best)) {
            break;
        }
    }
    sqlite3_finalize(statement);
    return status;
}

/* Decisions and what stood behind them, for explaining. */
#include <math.h>

#include "tuner/store/store_admin.h"
#include "tuner/store/store_internal.h"

static bool view_row(sqlite3_stmt *s, bool (*visit)(void *user, const vlt_store_view *view),
                     void *user)
{
    const vlt_store_view view = {.session = sqlite3_column_int64(s, 0),
                                 .session_id = vlt_store_name(s, 1),
                                 .decision_id = vlt_store_name(s, 2),
                                 .op = vlt_store_name(s, 3),
                                 .bucket = vlt_store_name(s, 4),
                                 .problem = vlt_store_name(s, 5),
                                 .children = vlt_store_name(s, 6),
                                 .variant = vlt_store_name(s, 7),
                                 .knobs = vlt_store_name(s, 8),
                                 .verdict = vlt_store_text(s, 9),
                                 .reason = vlt_store_name(s, 10),
                                 .ratio = vlt_store_real(s, 11),
                                 .low = vlt_store_real(s, 12),
                                 .high = vlt_store_real(s, 13),
                                 .baseline_ns = vlt_store_real(s, 14),
                                 .tuned_ns = vlt_store_real(s, 15),
                                 .launches = sqlite3_column_int(s, 16),
                                 .reverted = sqlite3_column_int(s, 17) != 0,
                                 .created_ms = sqlite3_column_int64(s, 18),
                                 .machine = vlt_store_name(s, 19),
                                 .model = vlt_store_text(s, 20),
                                 .against = vlt_store_name(s, 21),
                                 .default_verdict = vlt_store_text(s, 22),
                                 .default_ratio = vlt_store_real(s, 23),
                                 .default_low = vlt_store_real(s, 24),
                                 .default_high = vlt_store_real(s, 25),
                                 .default_ns = vlt_store_real(s, 26),
                                 .setting_count = sqlite3_column_int64(s, 27)};
    return visit(user, &view);
}

/* A bucket may have been decided twice in a session: chosen, then reverted. The last one counts. */
vlt_status vlt_store_each_decision(vlt_store *store, const char *op,
                                   bool (*visit)(void *user, const vlt_store_view *view),
                                   void *user, vlt_error *err)
{
    const char *doing = "reading decisions";
    sqlite3_stmt *statement;
    bool row = true;
    vlt_status status = vlt_store_prepare(
        store,
        "SELECT s.id, s.uuid, d.uuid, w.op, w.bucket, w.problem, w.children, v.name, d.knobs,"
        " d.verdict, d.reason, d.ratio, d.ratio_low, d.ratio_high, d.baseline_ns, d.tuned_ns,"
        " d.launches, d.reverted, d.created_ms, m.cpu, n.name, d.against, d.default_verdict,"
        " d.default_ratio, d.default_low, d.default_high, d.default_ns, d.settings"
        " FROM decision d JOIN session s ON s.id = d.session_id"
        " JOIN machine m ON m.id = s.machine_id LEFT JOIN model n ON n.id = s.model_id"
        " JOIN workload w ON w.id = d.workload_id JOIN variant v ON v.id = d.variant_id"
        " WHERE s.id = (SELECT session_id FROM decision ORDER BY created_ms DESC, id DESC LIMIT 1)"
        "   AND (?1 IS NULL OR w.op = ?1)"
        "   AND d.id = (SELECT max(e.id) FROM decision e JOIN workload x ON x.id = e.workload_id"
        "     WHERE e.session_id = d.session_id AND x.op = w.op AND x.bucket = w.bucket)"
        " ORDER BY w.op, w.bucket",
        doing, &statement, err, "t", op);
    while (status == VLT_OK) {
        status = vlt_store_step(store, statement, doing, &row, err);
        if (status != VLT_OK || !row || !view_row(statement, visit, user)) {
            break;
        }
    }
    sqlite3_finalize(statement);
    return status;
}

/* The trials that a decision could rest on: of its session, or reused from an earlier one of the
 * same machine, build and number of threads. Medians by their place among the launches. */
static const char setting_query[] =
    "WITH mine AS ("
    "   SELECT t.*, v.name AS variant FROM session here JOIN session s"
    "     ON s.machine_id = here.machine_id AND s.build_id = here.build_id"
    "     AND s.threads = here.threads"
    "   JOIN trial t ON t.session_id = s.id JOIN workload w ON w.id = t.workload_id"
    "   JOIN variant v ON v.id = t.variant_id"
    "   WHERE here.id = ?1 AND w.op = ?2 AND w.problem = ?3 AND w.children = ?4"
    "     AND t.against = ?5),"
    " ranked AS (SELECT variant, knobs, ratio, baseline_ns, candidate_ns,"
    "   row_number() OVER (PARTITION BY variant, knobs ORDER BY ratio) AS place,"
    "   count(*) OVER (PARTITION BY variant, knobs) AS launches FROM mine WHERE outcome = 'ok'),"
    " good AS (SELECT variant, knobs, launches, avg(ratio) AS ratio, avg(baseline_ns) AS a,"
    "   avg(candidate_ns) AS b FROM ranked"
    "   WHERE place IN ((launches + 1) / 2, (launches + 2) / 2) GROUP BY variant, knobs),"
    " bad AS (SELECT variant, knobs, min(outcome) AS outcome, min(message) AS message,"
    "   count(*) AS launches FROM mine WHERE outcome <> 'ok' GROUP BY variant, knobs)"
    " SELECT m.variant, m.knobs, ifnull(bad.outcome, 'ok'), bad.message,"
    "   ifnull(good.launches, 0) + ifnull(bad.launches, 0), good.ratio, good.a, good.b"
    " FROM (SELECT DISTINCT variant, knobs FROM mine) m"
    " LEFT JOIN good ON good.variant = m.variant AND good.knobs = m.knobs"
    " LEFT JOIN bad ON bad.variant = m.variant AND bad.knobs = m.knobs"
    " ORDER BY good.ratio IS NULL, good.ratio, m.variant, m.knobs";

vlt_status vlt_store_each_setting(vlt_store *store, const vlt_store_view *view,
                                  bool (*visit)(void *user, const vlt_store_setting *setting),
                                  void *user, vlt_error *err)
{
    const char *doing = "reading settings";
    sqlite3_stmt *s;
    bool row = true;
    vlt_status status = vlt_store_prepare(store, setting_query, doing, &s, err, "itttt",
                                          view->session, view->op, view->problem, view->children,
                                          view->against);
    while (status == VLT_OK) {
        status = vlt_store_step(store, s, doing, &row, err);
        if (status != VLT_OK || !row) {
            break;
        }
        const vlt_store_setting setting = {.variant = vlt_store_name(s, 0),
                                           .knobs = vlt_store_name(s, 1),
                                           .outcome = vlt_outcome_named(vlt_store_text(s, 2)),
                                           .message = vlt_store_text(s, 3),
                                           .launches = sqlite3_column_int(s, 4),
                                           .ratio = vlt_store_real(s, 5),
                                           .call_ns = {vlt_store_real(s, 6), vlt_store_real(s, 7)}};
        if (!visit(user, &setting)) {
            break;
        }
    }
    sqlite3_finalize(s);
    return status;
}

/* Of the decision's session, or reused from an earlier one of the same circumstances. */
static const char counter_query[] =
    "SELECT c.name, c.value, c.status, c.source, c.reason FROM counter c WHERE c.trial_id ="
    " (SELECT max(t.id) FROM session here JOIN session s ON s.machine_id = here.machine_id"
    "    AND s.build_id = here.build_id AND s.threads = here.threads"
    "  JOIN trial t ON t.session_id = s.id JOIN workload w ON w.id = t.workload_id"
    "  JOIN variant v ON v.id = t.variant_id"
    "  WHERE here.id = ?1 AND w.op = ?2 AND w.problem = ?3 AND v.name = ?4 AND t.knobs = ?5"
    "    AND EXISTS (SELECT 1 FROM counter d WHERE d.trial_id = t.id))"
    " ORDER BY c.source, c.name";

vlt_status vlt_store_each_counter(vlt_store *store, const vlt_store_view *view,
                                  bool (*visit)(void *user, const vlt_store_counter *counter),
                                  void *user, vlt_error *err)
{
    const char *doing = "reading counters";
    sqlite3_stmt *s;
    bool row = true;
    vlt_status status = vlt_store_prepare(store, counter_query, doing, &s, err, "itttt",
                                          view->session, view->op, view->problem, view->variant,
                                          view->knobs);
    while (status == VLT_OK) {
        status = vlt_store_step(store, s, doing, &row, err);
        if (status != VLT_OK || !row) {
            break;
        }
        const vlt_store_counter counter = {.name = vlt_store_name(s, 0),
                                           .value = vlt_store_real(s, 1),
                                           .status = vlt_store_name(s, 2),
                                           .source = vlt_store_name(s, 3),
                                           .reason = vlt_store_text(s, 4)};
        if (!visit(user, &counter)) {
            break;
        }
    }
    sqlite3_finalize(s);
    return status;
}

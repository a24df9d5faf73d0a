/* The schema, as the steps that made it. A step is never changed once it is released. */
#include "tuner/store/store_internal.h"

static const char step_1[] =
    "CREATE TABLE machine("
    "  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, cpu TEXT NOT NULL,"
    "  hard TEXT NOT NULL, hard_hash TEXT NOT NULL) STRICT;"
    "CREATE TABLE build("
    "  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, version TEXT NOT NULL,"
    "  compiler TEXT NOT NULL, catalogue_hash TEXT NOT NULL, code_hash TEXT NOT NULL) STRICT;"
    "CREATE TABLE model("
    "  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    "  hash TEXT NOT NULL) STRICT;"
    "CREATE TABLE variant("
    "  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, op TEXT NOT NULL,"
    "  name TEXT NOT NULL) STRICT;"
    "CREATE TABLE workload("
    "  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, op TEXT NOT NULL, bucket TEXT NOT NULL,"
    "  problem TEXT NOT NULL, children TEXT NOT NULL) STRICT;"
    "CREATE TABLE session("
    "  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
    "  machine_id INTEGER NOT NULL REFERENCES machine(id),"
    "  build_id INTEGER NOT NULL REFERENCES build(id),"
    "  model_id INTEGER REFERENCES model(id),"
    "  soft TEXT NOT NULL, threads INTEGER NOT NULL, seed INTEGER NOT NULL,"
    "  started_ms INTEGER NOT NULL, ended_ms INTEGER, ended TEXT) STRICT;"
    "CREATE TABLE trial("
    "  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,"
    "  session_id INTEGER NOT NULL REFERENCES session(id),"
    "  workload_id INTEGER NOT NULL REFERENCES workload(id),"
    "  variant_id INTEGER NOT NULL REFERENCES variant(id),"
    "  knobs TEXT NOT NULL, stage TEXT NOT NULL, seed INTEGER NOT NULL,"
    "  outcome TEXT NOT NULL CHECK (outcome IN ('ok','wrong-result','timeout','crash',"
    "    'out-of-memory','invalid','failed')),"
    "  message TEXT, iterations INTEGER, pairs INTEGER, log_ratio REAL, ratio REAL,"
    "  baseline_ns REAL, candidate_ns REAL, scatter REAL, pressure REAL, steal REAL,"
    "  frequency_hz REAL, steadiness TEXT, started_ms INTEGER NOT NULL, wall_s REAL) STRICT;"
    "CREATE INDEX trial_by_workload ON trial(workload_id, variant_id);"
    "CREATE INDEX trial_by_session ON trial(session_id);"
    "CREATE TABLE sample("
    "  trial_id INTEGER NOT NULL REFERENCES trial(id), pair INTEGER NOT NULL,"
    "  baseline_ns INTEGER NOT NULL, candidate_ns INTEGER NOT NULL,"
    "  baseline_cpu_ns INTEGER NOT NULL, candidate_cpu_ns INTEGER NOT NULL,"
    "  switches INTEGER NOT NULL, faults INTEGER NOT NULL, pressure REAL,"
    "  candidate_first INTEGER NOT NULL, flags INTEGER NOT NULL,"
    "  PRIMARY KEY (trial_id, pair)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE counter("
    "  trial_id INTEGER NOT NULL REFERENCES trial(id), name TEXT NOT NULL, value REAL,"
    "  status TEXT NOT NULL, source TEXT NOT NULL,"
    "  CHECK ((value IS NOT NULL) OR status <> 'ok'),"
    "  PRIMARY KEY (trial_id, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE decision("
    "  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,"
    "  session_id INTEGER NOT NULL REFERENCES session(id),"
    "  workload_id INTEGER NOT NULL REFERENCES workload(id),"
    "  variant_id INTEGER NOT NULL REFERENCES variant(id),"
    "  knobs TEXT NOT NULL, verdict TEXT, ratio REAL, ratio_low REAL, ratio_high REAL,"
    "  baseline_ns REAL, tuned_ns REAL, launches INTEGER NOT NULL, reason TEXT NOT NULL,"
    "  reverted INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX decision_by_session ON decision(session_id);"
    /* medians by window functions, so that any SQLite tool can read the views */
    "CREATE VIEW v_vs_baseline AS"
    " WITH ranked AS ("
    "   SELECT t.session_id, t.workload_id, t.variant_id, t.knobs, t.ratio, t.baseline_ns,"
    "     t.candidate_ns, t.pairs,"
    "     row_number() OVER (PARTITION BY t.session_id, t.workload_id, t.variant_id, t.knobs"
    "       ORDER BY t.ratio) AS place,"
    "     count(*) OVER (PARTITION BY t.session_id, t.workload_id, t.variant_id, t.knobs)"
    "       AS launches"
    "   FROM trial t WHERE t.outcome = 'ok' AND t.ratio IS NOT NULL)"
    " SELECT s.uuid AS session, m.cpu AS machine, w.op, w.bucket, w.problem, v.name AS variant,"
    "   r.knobs, r.launches, avg(r.ratio) AS ratio, 1.0 / avg(r.ratio) AS speedup,"
    "   avg(r.baseline_ns) AS baseline_ns, avg(r.candidate_ns) AS candidate_ns"
    " FROM ranked r JOIN session s ON s.id = r.session_id JOIN machine m ON m.id = s.machine_id"
    "   JOIN workload w ON w.id = r.workload_id JOIN variant v ON v.id = r.variant_id"
    " WHERE r.place IN ((r.launches + 1) / 2, (r.launches + 2) / 2)"
    " GROUP BY r.session_id, r.workload_id, r.variant_id, r.knobs;"
    "CREATE VIEW v_best AS"
    " SELECT d.uuid AS decision, s.uuid AS session, m.cpu AS machine, mo.name AS model, w.op,"
    "   w.bucket, v.name AS variant, d.knobs, d.verdict, 1.0 / d.ratio AS speedup,"
    "   1.0 / d.ratio_high AS speedup_low,"
    "   CASE WHEN d.ratio_low > 0 THEN 1.0 / d.ratio_low END AS speedup_high,"
    "   d.baseline_ns, d.tuned_ns, d.launches, d.reason, d.reverted, d.created_ms"
    " FROM decision d JOIN session s ON s.id = d.session_id JOIN machine m ON m.id = s.machine_id"
    "   LEFT JOIN model mo ON mo.id = s.model_id JOIN workload w ON w.id = d.workload_id"
    "   JOIN variant v ON v.id = d.variant_id"
    " WHERE NOT EXISTS (SELECT 1 FROM decision e JOIN session f ON f.id = e.session_id"
    "     JOIN workload x ON x.id = e.workload_id"
    "   WHERE f.machine_id = s.machine_id AND f.model_id IS s.model_id AND x.op = w.op"
    "     AND x.bucket = w.bucket AND (e.created_ms > d.created_ms"
    "       OR (e.created_ms = d.created_ms AND e.uuid > d.uuid)));"
    "CREATE VIEW v_stale AS"
    " SELECT b.*, CASE WHEN old.code_hash <> new.code_hash THEN 'the program changed since'"
    "   ELSE 'kernel or settings of the machine changed since' END AS why"
    " FROM v_best b JOIN session s ON s.uuid = b.session JOIN build old ON old.id = s.build_id"
    "   JOIN session n ON n.id = (SELECT id FROM session l WHERE l.machine_id = s.machine_id"
    "     ORDER BY l.started_ms DESC, l.uuid DESC LIMIT 1)"
    "   JOIN build new ON new.id = n.build_id"
    " WHERE old.code_hash <> new.code_hash OR s.soft <> n.soft;";

/* The result of a session as its report saw it. */
static const char step_2[] =
    "CREATE TABLE result("
    "  session_id INTEGER PRIMARY KEY REFERENCES session(id), document TEXT NOT NULL) STRICT;";

/* Trials and decisions say what they were measured against; a decision, what it gains over what
 * would run without any config. */
static const char step_3[] =
    "ALTER TABLE trial ADD COLUMN against TEXT NOT NULL DEFAULT 'baseline';"
    "ALTER TABLE decision ADD COLUMN against TEXT NOT NULL DEFAULT 'baseline';"
    "ALTER TABLE decision ADD COLUMN default_ratio REAL;"
    "ALTER TABLE decision ADD COLUMN default_low REAL;"
    "ALTER TABLE decision ADD COLUMN default_high REAL;"
    "ALTER TABLE decision ADD COLUMN default_ns REAL;"
    "ALTER TABLE decision ADD COLUMN default_verdict TEXT;"
    "ALTER TABLE decision ADD COLUMN settings INTEGER;"
    "DROP VIEW v_vs_baseline;"
    "CREATE VIEW v_vs AS"
    " WITH ranked AS ("
    "   SELECT t.session_id, t.workload_id, t.variant_id, t.knobs, t.against, t.ratio,"
    "     t.baseline_ns, t.candidate_ns, t.pairs,"
    "     row_number() OVER (PARTITION BY t.session_id, t.workload_id, t.variant_id, t.knobs,"
    "       t.against ORDER BY t.ratio) AS place,"
    "     count(*) OVER (PARTITION BY t.session_id, t.workload_id, t.variant_id, t.knobs,"
    "       t.against) AS launches"
    "   FROM trial t WHERE t.outcome = 'ok' AND t.ratio IS NOT NULL)"
    " SELECT s.uuid AS session, m.cpu AS machine, w.op, w.bucket, w.problem, v.name AS variant,"
    "   r.knobs, r.against, r.launches, avg(r.ratio) AS ratio, 1.0 / avg(r.ratio) AS speedup,"
    "   avg(r.baseline_ns) AS baseline_ns, avg(r.candidate_ns) AS candidate_ns"
    " FROM ranked r JOIN session s ON s.id = r.session_id JOIN machine m ON m.id = s.machine_id"
    "   JOIN workload w ON w.id = r.workload_id JOIN variant v ON v.id = r.variant_id"
    " WHERE r.place IN ((r.launches + 1) / 2, (r.launches + 2) / 2)"
    " GROUP BY r.session_id, r.workload_id, r.variant_id, r.knobs, r.against;"
    "CREATE VIEW v_vs_baseline AS"
    " SELECT session, machine, op, bucket, problem, variant, knobs, launches, ratio, speedup,"
    "   baseline_ns, candidate_ns FROM v_vs WHERE against = 'baseline';"
    "CREATE VIEW v_vs_default AS"
    " SELECT session, machine, op, bucket, problem, variant, knobs, launches, ratio, speedup,"
    "   baseline_ns AS default_ns, candidate_ns FROM v_vs WHERE against = 'default';";

/* A counter without a value says why. */
static const char step_4[] = "ALTER TABLE counter ADD COLUMN reason TEXT;";

static const char *const steps[VLT_STORE_SCHEMA] = {step_1, step_2, step_3, step_4};

vlt_status vlt_store_migrate(vlt_store *store, int version, vlt_error *err)
{
    int64_t have = 0;
    char pragma[64];
    version = version ? version : VLT_STORE_SCHEMA;
    vlt_status status = vlt_store_begin(store, err);
    if (status != VLT_OK) {
        return status;
    }
    /* asked again under the lock: another process may have migrated meanwhile */
    status = vlt_store_query_int(store, "PRAGMA user_version", "reading the schema", &have, NULL,
                                 err, "");
    for (int64_t i = have; i < version && status == VLT_OK; i++) {
        status = vlt_store_exec(store, steps[i], "making the tables", err);
    }
    if (status == VLT_OK && have < version) {
        sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA user_version = %d", version);
        status = vlt_store_exec(store, pragma, "noting the schema", err);
    }
    if (status == VLT_OK && have == 0) {
        sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA application_id = %d",
                         VLT_STORE_APPLICATION_ID);
        status = vlt_store_exec(store, pragma, "marking the file", err);
    }
    return vlt_store_finish(store, status, err);
}

/* Merging: what has the same UUID is the same row; the rest is added. */
#include "tuner/store/store_admin.h"
#include "tuner/store/store_internal.h"

/* Tables in the order of their references. Numbers that link rows are translated through UUIDs. */
static const struct {
    const char *doing;
    const char *sql;
} steps[] = {
    {"merging machines", "INSERT INTO main.machine(uuid, cpu, hard, hard_hash)"
                         " SELECT uuid, cpu, hard, hard_hash FROM other.machine WHERE true"
                         " ON CONFLICT(uuid) DO NOTHING"},
    {"merging builds", "INSERT INTO main.build(uuid, version, compiler, catalogue_hash, code_hash)"
                       " SELECT uuid, version, compiler, catalogue_hash, code_hash"
                       " FROM other.build WHERE true ON CONFLICT(uuid) DO NOTHING"},
    {"merging models", "INSERT INTO main.model(uuid, name, hash)"
                       " SELECT uuid, name, hash FROM other.model WHERE true"
                       " ON CONFLICT(uuid) DO NOTHING"},
    {"merging variants", "INSERT INTO main.variant(uuid, op, name)"
                         " SELECT uuid, op, name FROM other.variant WHERE true"
                         " ON CONFLICT(uuid) DO NOTHING"},
    {"merging workloads", "INSERT INTO main.workload(uuid, op, bucket, problem, children)"
                          " SELECT uuid, op, bucket, problem, children FROM other.workload"
                          " WHERE true ON CONFLICT(uuid) DO NOTHING"},
    /* a session may have been merged before it ended */
    {"merging sessions",
     "INSERT INTO main.session(uuid, kind, machine_id, build_id, model_id, soft, threads, seed,"
     "   started_ms, ended_ms, ended)"
     " SELECT s.uuid, s.kind, m.id, b.id, n.id, s.soft, s.threads, s.seed, s.started_ms,"
     "   s.ended_ms, s.ended FROM other.session s"
     " JOIN other.machine om ON om.id = s.machine_id JOIN main.machine m ON m.uuid = om.uuid"
     " JOIN other.build ob ON ob.id = s.build_id JOIN main.build b ON b.uuid = ob.uuid"
     " LEFT JOIN other.model on_ ON on_.id = s.model_id LEFT JOIN main.model n ON n.uuid = on_.uuid"
     " WHERE true ON CONFLICT(uuid) DO UPDATE SET ended = excluded.ended,"
     "   ended_ms = excluded.ended_ms"
     " WHERE excluded.ended_ms > ifnull(ended_ms, 0)"},
    {"merging trials",
     "INSERT INTO main.trial(uuid, session_id, workload_id, variant_id, knobs, stage, seed,"
     "   outcome, message, iterations, pairs, log_ratio, ratio, baseline_ns, candidate_ns, scatter,"
     "   pressure, steal, frequency_hz, steadiness, started_ms, wall_s, against)"
     " SELECT t.uuid, s.id, w.id, v.id, t.knobs, t.stage, t.seed, t.outcome, t.message,"
     "   t.iterations, t.pairs, t.log_ratio, t.ratio, t.baseline_ns, t.candidate_ns, t.scatter,"
     "   t.pressure, t.steal, t.frequency_hz, t.steadiness, t.started_ms, t.wall_s,"
     "   t.against"
     " FROM other.trial t"
     " JOIN other.session os ON os.id = t.session_id JOIN main.session s ON s.uuid = os.uuid"
     " JOIN other.workload ow ON ow.id = t.workload_id JOIN main.workload w ON w.uuid = ow.uuid"
     " JOIN other.variant ov ON ov.id = t.variant_id JOIN main.variant v ON v.uuid = ov.uuid"
     " WHERE true ON CONFLICT(uuid) DO NOTHING"},
    {"merging samples",
     "INSERT INTO main.sample SELECT t.id, p.pair, p.baseline_ns, p.candidate_ns,"
     "   p.baseline_cpu_ns, p.candidate_cpu_ns, p.switches, p.faults, p.pressure,"
     "   p.candidate_first, p.flags FROM other.sample p"
     " JOIN other.trial ot ON ot.id = p.trial_id JOIN main.trial t ON t.uuid = ot.uuid"
     " WHERE true ON CONFLICT(trial_id, pair) DO NOTHING"},
    {"merging counters",
     "INSERT INTO main.counter(trial_id, name, value, status, source, reason)"
     " SELECT t.id, c.name, c.value, c.status, c.source, c.reason"
     " FROM other.counter c JOIN other.trial ot ON ot.id = c.trial_id"
     " JOIN main.trial t ON t.uuid = ot.uuid WHERE true ON CONFLICT(trial_id, name) DO NOTHING"},
    {"merging decisions",
     "INSERT INTO main.decision(uuid, session_id, workload_id, variant_id, knobs, verdict, ratio,"
     "   ratio_low, ratio_high, baseline_ns, tuned_ns, launches, reason, reverted, created_ms,"
     "   against, default_ratio, default_low, default_high, default_ns, default_verdict,"
     "   settings)"
     " SELECT d.uuid, s.id, w.id, v.id, d.knobs, d.verdict, d.ratio, d.ratio_low, d.ratio_high,"
     "   d.baseline_ns, d.tuned_ns, d.launches, d.reason, d.reverted, d.created_ms, d.against,"
     "   d.default_ratio, d.default_low, d.default_high, d.default_ns, d.default_verdict,"
     "   d.settings"
     " FROM other.decision d"
     " JOIN other.session os ON os.id = d.session_id JOIN main.session s ON s.uuid = os.uuid"
     " JOIN other.workload ow ON ow.id = d.workload_id JOIN main.workload w ON w.uuid = ow.uuid"
     " JOIN other.variant ov ON ov.id = d.variant_id JOIN main.variant v ON v.uuid = ov.uuid"
     " WHERE true ON CONFLICT(uuid) DO NOTHING"},
    {"merging results",
     "INSERT INTO main.result SELECT s.id, r.document FROM other.result r"
     " JOIN other.session os ON os.id = r.session_id JOIN main.session s ON s.uuid = os.uuid"
     " WHERE true ON CONFLICT(session_id) DO NOTHING"},
};

static vlt_status count_rows(vlt_store *store, vlt_store_merged *count, vlt_error *err)
{
    struct {
        const char *sql;
        int64_t *out;
    } counts[] = {
        {"SELECT count(*) FROM main.session", &count->sessions},
        {"SELECT count(*) FROM main.trial", &count->trials},
        {"SELECT count(*) FROM main.sample", &count->samples},
        {"SELECT count(*) FROM main.decision", &count->decisions},
    };
    vlt_status status = VLT_OK;
    for (int i = 0; i < 4 && status == VLT_OK; i++) {
        status = vlt_store_query_int(store, counts[i].sql, "counting", counts[i].out, NULL, err,
                                     "");
    }
    return status;
}

/* The other file is looked at on its own before it is attached: only a sound one of our schema is
 * merged. It stays open, so that what it was opened as (a copy of it perhaps) stays. */
static vlt_status open_other(const char *path, vlt_store **other, vlt_error *err)
{
    int64_t sound = 0;
    vlt_status status = vlt_store_open(path, VLT_STORE_READ, other, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_query_int(*other,
                                 "SELECT count(*) FROM pragma_quick_check WHERE quick_check = 'ok'",
                                 "checking", &sound, NULL, err, "");
    if (status == VLT_OK && !sound) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: the database is damaged, nothing was merged",
                          path);
    }
    return status;
}

static vlt_status add_rows(vlt_store *store, vlt_store_merged *before, vlt_store_merged *after,
                           vlt_error *err)
{
    vlt_status status = vlt_store_begin(store, err);
    if (status != VLT_OK) {
        return status;
    }
    status = count_rows(store, before, err);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == VLT_OK; i++) {
        status = vlt_store_exec(store, steps[i].sql, steps[i].doing, err);
    }
    if (status == VLT_OK) {
        status = count_rows(store, after, err);
    }
    return vlt_store_finish(store, status, err);
}

vlt_status vlt_store_merge(vlt_store *store, const char *path, vlt_store_merged *merged,
                           vlt_error *err)
{
    vlt_store_merged before = {0}, after = {0};
    vlt_store *other = NULL;
    *merged = (vlt_store_merged){0};
    vlt_status status = open_other(path, &other, err);
    if (status != VLT_OK) {
        vlt_store_close(other);
        return status;
    }
    status = vlt_store_run(store, "ATTACH ? AS other", "attaching the other database", err, "t",
                           other->uri);
    if (status == VLT_OK) {
        status = add_rows(store, &before, &after, err);
        sqlite3_exec(store->db, "DETACH other", NULL, NULL, NULL);
    }
    vlt_store_close(other);
    if (status != VLT_OK) { /* SQLite does not tell which of the two it was */
        return vlt_fail_in(err, status, "merging %s into ", path);
    }
    *merged = (vlt_store_merged){.sessions = after.sessions - before.sessions,
                                 .trials = after.trials - before.trials,
                                 .samples = after.samples - before.samples,
                                 .decisions = after.decisions - before.decisions};
    return VLT_OK;
}

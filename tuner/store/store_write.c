/* Sessions, trials and decisions into the database. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "harness/machine/fingerprint.h"
#include "tuner/store/store_internal.h"

/* {"cpu": "...", ...} as text, malloc'ed by jansson; keys in the order of the parts. */
static char *parts_to_text(const vlt_tuned_parts *parts)
{
    json_t *object = json_object();
    for (int i = 0; i < parts->count; i++) {
        const char *value = parts->part[i].value;
        vlt_json_set(&object, parts->part[i].name, vlt_json_name(value));
    }
    char *text = vlt_json_dump(object, NULL);
    json_decref(object);
    return text;
}

static void hex(uint64_t value, char text[17])
{
    snprintf(text, 17, "%016llx", (unsigned long long)value);
}

/* The id of a content, however long its names are: what is cut might be taken for another. */
static vlt_status identify(const vlt_store *store, char id[VLT_STORE_ID_BYTES], vlt_error *err,
                           const char *format, ...) VLT_PRINTF(4, 5);

static vlt_status identify(const vlt_store *store, char id[VLT_STORE_ID_BYTES], vlt_error *err,
                           const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", store->path);
    }
    vlt_store_content_id(text, id);
    free(text);
    return VLT_OK;
}

static vlt_status row_id(vlt_store *store, const char *sql, const char *uuid, int64_t *id,
                         vlt_error *err)
{
    return vlt_store_query_int(store, sql, "looking up a row", id, NULL, err, "t", uuid);
}

static vlt_status note_machine(vlt_store *store, const vlt_tuned_key *key, int64_t *id,
                               vlt_error *err)
{
    char uuid[VLT_STORE_ID_BYTES], hash[17];
    const char *cpu = vlt_tuned_parts_get(&key->hard, "cpu");
    char *hard = parts_to_text(&key->hard);
    if (!hard) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", store->path);
    }
    vlt_store_content_id(hard, uuid);
    hex(vlt_tuned_parts_hash(&key->hard), hash);
    vlt_status status = vlt_store_run(
        store,
        "INSERT INTO machine(uuid, cpu, hard, hard_hash) VALUES (?,?,?,?)"
        " ON CONFLICT(uuid) DO NOTHING",
        "noting the machine", err, "tttt", uuid, cpu ? cpu : "unknown", hard, hash);
    free(hard);
    return status == VLT_OK ? row_id(store, "SELECT id FROM machine WHERE uuid = ?", uuid, id, err)
                            : status;
}

static vlt_status note_build(vlt_store *store, uint64_t code_hash, int64_t *id, vlt_error *err)
{
    char uuid[VLT_STORE_ID_BYTES], catalogue[17], code[17];
    hex(vlt_fingerprint_catalogue(), catalogue);
    hex(code_hash, code);
    vlt_status status = identify(store, uuid, err, "%s|%s|%s|%s", VLT_VERSION, __VERSION__,
                                 catalogue, code);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_run(store,
                           "INSERT INTO build(uuid, version, compiler, catalogue_hash, code_hash)"
                           " VALUES (?,?,?,?,?) ON CONFLICT(uuid) DO NOTHING",
                           "noting the build", err, "ttttt", uuid, VLT_VERSION, __VERSION__,
                           catalogue, code);
    return status == VLT_OK ? row_id(store, "SELECT id FROM build WHERE uuid = ?", uuid, id, err)
                            : status;
}

static vlt_status note_model(vlt_store *store, const char *name, uint64_t hash, int64_t *id,
                             vlt_error *err)
{
    char uuid[VLT_STORE_ID_BYTES], hash_text[17];
    hex(hash, hash_text);
    vlt_status status = identify(store, uuid, err, "%s|%s", hash_text, name);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_run(store,
                           "INSERT INTO model(uuid, name, hash) VALUES (?,?,?)"
                           " ON CONFLICT(uuid) DO NOTHING",
                           "noting the model", err, "ttt", uuid, name, hash_text);
    return status == VLT_OK ? row_id(store, "SELECT id FROM model WHERE uuid = ?", uuid, id, err)
                            : status;
}

vlt_status vlt_store_begin_session(vlt_store *store, const vlt_store_session *info,
                                   int64_t *session, vlt_error *err)
{
    char uuid[VLT_STORE_ID_BYTES];
    int64_t machine = 0, build = 0, model = 0;
    vlt_store_random_id(uuid);
    char *soft = parts_to_text(&info->key->soft);
    if (!soft) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", store->path);
    }
    vlt_status status = vlt_store_begin(store, err);
    if (status != VLT_OK) {
        free(soft);
        return status;
    }
    if ((status = note_machine(store, info->key, &machine, err)) == VLT_OK &&
        (status = note_build(store, info->code_hash, &build, err)) == VLT_OK &&
        (!info->model_name || (status = note_model(store, info->model_name, info->key->model_hash,
                                                   &model, err)) == VLT_OK)) {
        status = vlt_store_run(
            store,
            "INSERT INTO session(uuid, kind, machine_id, build_id, model_id, soft, threads, seed,"
            " started_ms) VALUES (?,?,?,?,nullif(?,0),?,?,?,?)",
            "noting the session", err, "ttiiitiii", uuid, info->kind, machine, build, model, soft,
            (int64_t)info->threads, (int64_t)info->seed, vlt_store_now_ms());
        *session = sqlite3_last_insert_rowid(store->db);
    }
    free(soft);
    return vlt_store_finish(store, status, err);
}

vlt_status vlt_store_end_session(vlt_store *store, int64_t session, const char *end, vlt_error *err)
{
    return vlt_store_run(store, "UPDATE session SET ended_ms = ?, ended = ? WHERE id = ?",
                         "ending the session", err, "iti", vlt_store_now_ms(), end, session);
}

static vlt_status note_workload(vlt_store *store, const vlt_store_workload *workload, int64_t *id,
                                vlt_error *err)
{
    char uuid[VLT_STORE_ID_BYTES];
    vlt_status status = identify(store, uuid, err, "%s|%s|%s|%s", workload->op, workload->bucket,
                                 workload->problem, workload->children);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_run(store,
                           "INSERT INTO workload(uuid, op, bucket, problem, children)"
                           " VALUES (?,?,?,?,?) ON CONFLICT(uuid) DO NOTHING",
                           "noting the workload", err, "ttttt", uuid, workload->op,
                           workload->bucket, workload->problem, workload->children);
    return status == VLT_OK ? row_id(store, "SELECT id FROM workload WHERE uuid = ?", uuid, id, err)
                            : status;
}

static vlt_status note_variant(vlt_store *store, const char *op, const char *name, int64_t *id,
                               vlt_error *err)
{
    char uuid[VLT_STORE_ID_BYTES];
    vlt_status status = identify(store, uuid, err, "%s/%s", op, name);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_run(store,
                           "INSERT INTO variant(uuid, op, name) VALUES (?,?,?)"
                           " ON CONFLICT(uuid) DO NOTHING",
                           "noting the variant", err, "ttt", uuid, op, name);
    return status == VLT_OK ? row_id(store, "SELECT id FROM variant WHERE uuid = ?", uuid, id, err)
                            : status;
}

static vlt_status add_samples(vlt_store *store, int64_t trial, const vlt_pair_run *run,
                              vlt_error *err)
{
    const char *doing = "writing samples";
    sqlite3_stmt *statement;
    bool row;
    vlt_status status = vlt_store_prepare(
        store, "INSERT INTO sample VALUES (?,?,?,?,?,?,?,?,?,?,?)", doing, &statement, err, "");
    for (int i = 0; i < run->pair_count && status == VLT_OK; i++) {
        const vlt_pair *p = &run->pair[i];
        const int64_t integers[] = {trial,
                                    i,
                                    (int64_t)p->wall_ns[0],
                                    (int64_t)p->wall_ns[1],
                                    (int64_t)p->cpu_ns[0],
                                    (int64_t)p->cpu_ns[1],
                                    (int64_t)p->switches[0] + p->switches[1],
                                    (int64_t)p->faults[0] + p->faults[1]};
        for (int k = 0; k < 8; k++) {
            sqlite3_bind_int64(statement, k + 1, integers[k]);
        }
        if (isnan((double)p->pressure)) {
            sqlite3_bind_null(statement, 9);
        } else {
            sqlite3_bind_double(statement, 9, (double)p->pressure);
        }
        sqlite3_bind_int64(statement, 10, p->b_first);
        sqlite3_bind_int64(statement, 11, p->flags);
        status = vlt_store_step(store, statement, doing, &row, err);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    return status;
}

static vlt_status add_counters(vlt_store *store, int64_t id, const vlt_store_trial *trial,
                               vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < trial->counter_count && status == VLT_OK; i++) {
        const vlt_store_counter *counter = &trial->counter[i];
        status = vlt_store_run(store,
                               "INSERT INTO counter(trial_id, name, value, status, source, reason)"
                               " VALUES (?,?,?,?,?,?)",
                               "writing counters", err, "itdttt", id, counter->name, counter->value,
                               counter->status, counter->source,
                               counter->reason && counter->reason[0] ? counter->reason : NULL);
    }
    return status;
}

static vlt_status insert_trial(vlt_store *store, int64_t session, const vlt_store_trial *trial,
                               const char *uuid, int64_t workload, int64_t variant, vlt_error *err)
{
    static const vlt_pair_run none = {.log_ratio = NAN,
                                      .scatter = NAN,
                                      .call_ns = {NAN, NAN},
                                      .pressure = NAN,
                                      .steal = NAN,
                                      .frequency_hz = NAN};
    const vlt_pair_run *run = trial->run ? trial->run : &none;
    return vlt_store_run(
        store,
        "INSERT INTO trial(uuid, session_id, workload_id, variant_id, knobs, stage, seed, outcome,"
        " message, iterations, pairs, log_ratio, ratio, baseline_ns, candidate_ns, scatter,"
        " pressure, steal, frequency_hz, steadiness, started_ms, wall_s, against)"
        " VALUES (?,?,?,?,?,?,?,?,?,nullif(?,0),?,?,?,?,?,?,?,?,?,?,?,?,?)",
        "writing a trial", err,
        "tiiittittiidddddddd"
        "tidt",
        uuid, session, workload, variant, trial->knobs, trial->stage, (int64_t)trial->seed,
        vlt_outcome_name(trial->outcome), trial->message, run->iterations, (int64_t)run->used,
        run->log_ratio, exp(run->log_ratio), run->call_ns[0], run->call_ns[1], run->scatter,
        run->pressure, run->steal, run->frequency_hz,
        trial->run ? vlt_steadiness_name(run->steadiness) : NULL, vlt_store_now_ms(), trial->wall_s,
        trial->against ? trial->against : "baseline");
}

vlt_status vlt_store_add_trial(vlt_store *store, int64_t session, const vlt_store_trial *trial,
                               char id[VLT_STORE_ID_BYTES], vlt_error *err)
{
    char uuid[VLT_STORE_ID_BYTES];
    int64_t workload, variant;
    vlt_store_random_id(uuid);
    vlt_status status = vlt_store_begin(store, err);
    if (status != VLT_OK) {
        return status;
    }
    if ((status = note_workload(store, &trial->workload, &workload, err)) == VLT_OK &&
        (status = note_variant(store, trial->workload.op, trial->variant, &variant, err)) ==
            VLT_OK &&
        (status = insert_trial(store, session, trial, uuid, workload, variant, err)) == VLT_OK) {
        int64_t row = sqlite3_last_insert_rowid(store->db);
        status = trial->run ? add_samples(store, row, trial->run, err) : VLT_OK;
        if (status == VLT_OK) {
            status = add_counters(store, row, trial, err);
        }
    }
    status = vlt_store_finish(store, status, err);
    if (id) {
        memcpy(id, status == VLT_OK ? uuid : "", status == VLT_OK ? sizeof uuid : 1);
    }
    return status;
}

vlt_status vlt_store_add_decision(vlt_store *store, int64_t session,
                                  const vlt_store_decision *decision, char id[VLT_STORE_ID_BYTES],
                                  vlt_error *err)
{
    char uuid[VLT_STORE_ID_BYTES];
    int64_t workload, variant;
    vlt_store_random_id(uuid);
    vlt_status status = vlt_store_begin(store, err);
    if (status != VLT_OK) {
        return status;
    }
    if ((status = note_workload(store, &decision->workload, &workload, err)) == VLT_OK &&
        (status = note_variant(store, decision->workload.op, decision->variant, &variant, err)) ==
            VLT_OK) {
        status = vlt_store_run(
            store,
            "INSERT INTO decision(uuid, session_id, workload_id, variant_id, knobs, verdict, ratio,"
            " ratio_low, ratio_high, baseline_ns, tuned_ns, launches, reason, reverted, created_ms,"
            " against, default_ratio, default_low, default_high, default_ns, default_verdict,"
            " settings) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'default',?,?,?,?,?,?)",
            "writing a decision", err,
            "tiiittdddddi"
            "tiiddddti",
            uuid, session, workload, variant, decision->knobs, decision->verdict, decision->ratio,
            decision->low, isinf(decision->high) ? NAN : decision->high, decision->baseline_ns,
            decision->tuned_ns, (int64_t)decision->launches, decision->reason,
            (int64_t)decision->reverted, vlt_store_now_ms(), decision->default_ratio,
            decision->default_low, isinf(decision->default_high) ? NAN : decision->default_high,
            decision->default_ns, decision->default_verdict, decision->settings);
    }
    status = vlt_store_finish(store, status, err);
    if (id) {
        memcpy(id, status == VLT_OK ? uuid : "", status == VLT_OK ? sizeof uuid : 1);
    }
    return status;
}

vlt_status vlt_store_put_result(vlt_store *store, int64_t session, const char *document,
                                vlt_error *err)
{
    return vlt_store_run(store,
                         "INSERT INTO result VALUES (?,?) ON CONFLICT(session_id)"
                         " DO UPDATE SET document = excluded.document",
                         "writing the result", err, "it", session, document);
}

/* The trials of a run with everything that was measured; declared in store_runs.h. */
#include <string.h>

#include "optimizations/core/memory.h"
#include "tuner/store/store_internal.h"
#include "tuner/store/store_runs.h"

enum { PAIRS_MAX = 1 << 20 };

static vlt_steadiness steadiness_named(const char *name)
{
    for (int i = VLT_STEADY_UNKNOWN; name && i <= VLT_STEADY_NO; i++) {
        if (!strcmp(name, vlt_steadiness_name((vlt_steadiness)i))) {
            return (vlt_steadiness)i;
        }
    }
    return VLT_STEADY_UNKNOWN;
}

static vlt_store_timed timed_row(sqlite3_stmt *s)
{
    return (vlt_store_timed){.trial = sqlite3_column_int64(s, 0),
                             .op = vlt_store_name(s, 1),
                             .problem = vlt_store_name(s, 2),
                             .variant = vlt_store_name(s, 3),
                             .knobs = vlt_store_name(s, 4),
                             .stage = vlt_store_name(s, 5),
                             .run = {.log_ratio = vlt_store_real(s, 6),
                                     .call_ns = {vlt_store_real(s, 7), vlt_store_real(s, 8)},
                                     .used = sqlite3_column_int(s, 9),
                                     .iterations = sqlite3_column_int64(s, 10),
                                     .scatter = vlt_store_real(s, 11),
                                     .pressure = vlt_store_real(s, 12),
                                     .steal = vlt_store_real(s, 13),
                                     .frequency_hz = vlt_store_real(s, 14),
                                     .steadiness = steadiness_named(vlt_store_text(s, 15))}};
}

vlt_status vlt_store_each_timed(vlt_store *store, int64_t session,
                                bool (*visit)(void *user, const vlt_store_timed *timed), void *user,
                                vlt_error *err)
{
    const char *doing = "reading a run";
    sqlite3_stmt *statement;
    bool row = true;
    vlt_status status = vlt_store_prepare(
        store,
        "SELECT t.id, w.op, w.problem, v.name, t.knobs, t.stage, t.log_ratio, t.baseline_ns,"
        " t.candidate_ns, t.pairs, t.iterations, t.scatter, t.pressure, t.steal, t.frequency_hz,"
        " t.steadiness FROM trial t JOIN workload w ON w.id = t.workload_id"
        " JOIN variant v ON v.id = t.variant_id"
        " WHERE t.session_id = ? AND t.outcome = 'ok' AND t.log_ratio IS NOT NULL"
        " ORDER BY w.op, w.problem, v.name, t.knobs, t.id",
        doing, &statement, err, "i", session);
    while (status == VLT_OK) {
        status = vlt_store_step(store, statement, doing, &row, err);
        if (status != VLT_OK || !row) {
            break;
        }
        const vlt_store_timed timed = timed_row(statement);
        if (!visit(user, &timed)) {
            break;
        }
    }
    sqlite3_finalize(statement);
    return status;
}

/* Switches and faults were stored for both sides together. */
static vlt_pair pair_row(sqlite3_stmt *s)
{
    return (vlt_pair){
        .wall_ns = {(uint64_t)sqlite3_column_int64(s, 0), (uint64_t)sqlite3_column_int64(s, 1)},
        .cpu_ns = {(uint64_t)sqlite3_column_int64(s, 2), (uint64_t)sqlite3_column_int64(s, 3)},
        .switches = {(uint32_t)sqlite3_column_int64(s, 4)},
        .faults = {(uint32_t)sqlite3_column_int64(s, 5)},
        .pressure = (float)vlt_store_real(s, 6),
        .b_first = (uint8_t)sqlite3_column_int(s, 7),
        .flags = (uint8_t)sqlite3_column_int(s, 8)};
}

vlt_status vlt_store_read_pairs(vlt_store *store, int64_t trial, vlt_pair_run *run, vlt_error *err)
{
    const char *doing = "reading samples";
    int64_t count = 0;
    sqlite3_stmt *statement = NULL;
    void *pairs = NULL;
    bool row = true;
    vlt_status status = vlt_store_query_int(store, "SELECT count(*) FROM sample WHERE trial_id = ?",
                                            doing, &count, NULL, err, "i", trial);
    if (status == VLT_OK && count > PAIRS_MAX) {
        status = vlt_fail(err, VLT_STATUS_LIMIT, "%s: a trial of %lld samples, expected at most %d",
                          store->path, (long long)count, PAIRS_MAX);
    }
    if (status == VLT_OK) {
        status = vlt_alloc((size_t)count * sizeof *run->pair, &pairs, err);
    }
    if (status != VLT_OK) {
        return status;
    }
    run->pair = pairs;
    run->pair_count = run->preempted = 0;
    status = vlt_store_prepare(
        store,
        "SELECT baseline_ns, candidate_ns, baseline_cpu_ns, candidate_cpu_ns,"
        " switches, faults, pressure, candidate_first, flags FROM sample"
        " WHERE trial_id = ? ORDER BY pair",
        doing, &statement, err, "i", trial);
    while (status == VLT_OK && row && run->pair_count < count) {
        status = vlt_store_step(store, statement, doing, &row, err);
        if (status == VLT_OK && row) {
            run->pair[run->pair_count] = pair_row(statement);
            run->preempted += (run->pair[run->pair_count++].flags & VLT_PAIR_PREEMPTED) != 0;
        }
    }
    sqlite3_finalize(statement);
    run->keeps_preempted = 2 * run->preempted > run->pair_count;
    return status;
}

/* The store as text. Rows are ordered by UUID, so equal content gives equal text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/store/store_admin.h"
#include "tuner/store/store_internal.h"

/* Columns of the trial query below. */
enum {
    COLUMN_ID,
    COLUMN_UUID,
    COLUMN_SESSION,
    COLUMN_MACHINE,
    COLUMN_CPU,
    COLUMN_MODEL,
    COLUMN_VERSION,
    COLUMN_OP,
    COLUMN_BUCKET,
    COLUMN_PROBLEM,
    COLUMN_VARIANT,
    COLUMN_KNOBS,
    COLUMN_STAGE,
    COLUMN_OUTCOME,
    COLUMN_MESSAGE,
    COLUMN_ITERATIONS,
    COLUMN_PAIRS,
    COLUMN_RATIO,
    COLUMN_BASELINE_NS,
    COLUMN_CANDIDATE_NS,
    COLUMN_STARTED_MS,
    COLUMN_WALL_S,
    COLUMN_THREADS,
    COLUMN_COUNT
};

static const char *const names[COLUMN_COUNT] = {
    "",        "trial",      "session", "machine", "cpu",         "model",        "version",
    "op",      "bucket",     "problem", "variant", "knobs",       "stage",        "outcome",
    "message", "iterations", "pairs",   "ratio",   "baseline_ns", "candidate_ns", "started_ms",
    "wall_s",  "threads",
};

static const char trial_query[] =
    "SELECT t.id, t.uuid, s.uuid, m.uuid, m.cpu, n.name, b.version, w.op, w.bucket, w.problem,"
    " v.name, t.knobs, t.stage, t.outcome, t.message, t.iterations, t.pairs, t.ratio,"
    " t.baseline_ns, t.candidate_ns, t.started_ms, t.wall_s, s.threads"
    " FROM trial t JOIN session s ON s.id = t.session_id JOIN machine m ON m.id = s.machine_id"
    " JOIN build b ON b.id = s.build_id LEFT JOIN model n ON n.id = s.model_id"
    " JOIN workload w ON w.id = t.workload_id JOIN variant v ON v.id = t.variant_id"
    " ORDER BY t.uuid";

static json_t *column_to_json(sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
        return vlt_json_real(sqlite3_column_double(statement, column));
    case SQLITE_TEXT:
        return vlt_json_name_part(vlt_store_name(statement, column),
                                  (size_t)sqlite3_column_bytes(statement, column));
    default:
        return json_null();
    }
}

/* [[baseline_ns, candidate_ns, candidate_first, flags], ...] of one trial. */
static vlt_status samples_to_json(vlt_store *store, int64_t trial, json_t **out, vlt_error *err)
{
    const char *doing = "reading samples";
    sqlite3_stmt *statement;
    bool row = true;
    vlt_status status = vlt_store_prepare(
        store,
        "SELECT baseline_ns, candidate_ns, candidate_first, flags FROM sample"
        " WHERE trial_id = ? ORDER BY pair",
        doing, &statement, err, "i", trial);
    while (status == VLT_OK) {
        status = vlt_store_step(store, statement, doing, &row, err);
        if (status != VLT_OK || !row) {
            break;
        }
        vlt_json_append(out, vlt_json_make("[I, I, I, I]",
                                           (json_int_t)sqlite3_column_int64(statement, 0),
                                           (json_int_t)sqlite3_column_int64(statement, 1),
                                           (json_int_t)sqlite3_column_int64(statement, 2),
                                           (json_int_t)sqlite3_column_int64(statement, 3)));
    }
    sqlite3_finalize(statement);
    return status;
}

static vlt_status print_jsonl(vlt_store *store, sqlite3_stmt *statement, FILE *stream,
                              vlt_error *err)
{
    json_t *object = json_object(), *samples = json_array();
    for (int i = 1; i < COLUMN_COUNT; i++) {
        vlt_json_set(&object, names[i], column_to_json(statement, i));
    }
    vlt_status status = samples_to_json(store, sqlite3_column_int64(statement, COLUMN_ID), &samples,
                                        err);
    vlt_json_set(&object, "samples", samples);
    if (status == VLT_OK) {
        status = vlt_json_print(object, true, stream, err);
    }
    json_decref(object);
    return status;
}

/* Text of any bytes as a field; what is no UTF-8 as in json_make.h. */
static void print_csv_field(FILE *stream, const char *text)
{
    size_t left = text ? strlen(text) : 0;
    bool quoted = text && strpbrk(text, ",\"\n\r");
    fputs(quoted ? "\"" : "", stream);
    for (size_t length; left > 0; text += length, left -= length) {
        length = vlt_utf8_length(text, left);
        if (length) {
            fputs(*text == '"' ? "\"" : "", stream);
            fwrite(text, 1, length, stream);
        } else {
            length = 1;
            fputs(vlt_quoted(text, length).text, stream);
        }
    }
    fputs(quoted ? "\"" : "", stream);
}

static void print_csv(sqlite3_stmt *statement, FILE *stream)
{
    for (int i = 1; i < COLUMN_COUNT; i++) {
        print_csv_field(stream, vlt_store_text(statement, i));
        fputc(i + 1 < COLUMN_COUNT ? ',' : '\n', stream);
    }
}

static void print_csv_header(FILE *stream)
{
    for (int i = 1; i < COLUMN_COUNT; i++) {
        fprintf(stream, "%s%s", names[i], i + 1 < COLUMN_COUNT ? "," : "\n");
    }
}

/* "2026-11-24T02:58:50.123Z" */
static json_t *timestamp_to_json(int64_t ms)
{
    char text[64];
    struct tm parts;
    time_t seconds = (time_t)(ms / 1000);
    if (!gmtime_r(&seconds, &parts)) {
        return json_null();
    }
    size_t used = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + used, sizeof text - used, ".%03dZ", (int)(ms % 1000));
    return vlt_json_name(text);
}

/* op, problem and variant, then the knobs: "strip=64 threads=2". */
static json_t *configuration_to_json(sqlite3_stmt *statement)
{
    json_t *object = json_object();
    static const int columns[] = {COLUMN_OP, COLUMN_PROBLEM, COLUMN_VARIANT};
    for (int i = 0; i < 3; i++) {
        vlt_json_set(&object, names[columns[i]], column_to_json(statement, columns[i]));
    }
    const char *knobs = vlt_store_text(statement, COLUMN_KNOBS);
    while (knobs && *knobs) {
        size_t length = strcspn(knobs, " "), name = strcspn(knobs, "=");
        if (name < length) {
            char *end;
            const vlt_quoted_text key = vlt_quoted(knobs, name);
            long long value = strtoll(knobs + name + 1, &end, 10);
            vlt_json_set(&object, key.text,
                         end == knobs + length
                             ? json_integer(value)
                             : vlt_json_name_part(knobs + name + 1, length - name - 1));
        }
        knobs += length + (knobs[length] == ' ');
    }
    return object;
}

static const char *invalidity(vlt_outcome outcome)
{
    switch (outcome) {
    case VLT_OUTCOME_OK:
        return "correct";
    case VLT_OUTCOME_WRONG:
        return "correctness";
    case VLT_OUTCOME_TIMEOUT:
        return "timeout";
    case VLT_OUTCOME_INVALID:
        return "constraints";
    default:
        return "runtime";
    }
}

/* One entry of "results"; raw times in ms, as the schema's other users write them. */
static vlt_status append_t4(vlt_store *store, sqlite3_stmt *statement, json_t **results,
                            vlt_error *err)
{
    json_t *samples = json_array(), *times = json_array();
    vlt_outcome outcome = vlt_outcome_named(vlt_store_text(statement, COLUMN_OUTCOME));
    double iterations = sqlite3_column_double(statement, COLUMN_ITERATIONS);
    vlt_status status = samples_to_json(store, sqlite3_column_int64(statement, COLUMN_ID), &samples,
                                        err);
    for (size_t i = 0; i < json_array_size(samples) && iterations >= 1; i++) {
        double ns = (double)json_integer_value(json_array_get(json_array_get(samples, i), 1));
        vlt_json_append(&times, vlt_json_real(ns / iterations / 1e6));
    }
    json_decref(samples);
    double median_ms = vlt_store_real(statement, COLUMN_CANDIDATE_NS) / 1e6;
    json_t *measurements = json_array();
    if (!isnan(median_ms)) {
        vlt_json_append(&measurements, vlt_json_make("{s:s, s:f, s:s}", "name", "time", "value",
                                                     median_ms, "unit", "miliseconds"));
    }
    vlt_json_append(
        results,
        vlt_json_make("{s:o, s:o, s:{s:o}, s:s, s:i, s:o, s:[s]}", "timestamp",
                      timestamp_to_json(sqlite3_column_int64(statement, COLUMN_STARTED_MS)),
                      "configuration", configuration_to_json(statement), "times", "runtimes", times,
                      "invalidity", invalidity(outcome), "correctness", outcome == VLT_OUTCOME_OK,
                      "measurements", measurements, "objectives", "time"));
    return status;
}

vlt_status vlt_store_export(vlt_store *store, vlt_store_format format, FILE *stream, vlt_error *err)
{
    const char *doing = "reading trials";
    sqlite3_stmt *statement;
    bool row = true;
    json_t *results = json_array();
    vlt_status status = vlt_store_prepare(store, trial_query, doing, &statement, err, "");
    if (status == VLT_OK && format == VLT_STORE_CSV) {
        print_csv_header(stream);
    }
    while (status == VLT_OK) {
        status = vlt_store_step(store, statement, doing, &row, err);
        if (status != VLT_OK || !row) {
            break;
        }
        if (format == VLT_STORE_JSONL) {
            status = print_jsonl(store, statement, stream, err);
        } else if (format == VLT_STORE_CSV) {
            print_csv(statement, stream);
        } else {
            status = append_t4(store, statement, &results, err);
        }
    }
    sqlite3_finalize(statement);
    if (status == VLT_OK && format == VLT_STORE_T4) {
        json_t *document = vlt_json_make("{s:s, s:{s:s, s:s}, s:O}", "schema_version", "1.0.0",
                                         "metadata", "timeunit", "miliseconds", "source", "vltune",
                                         "results", results);
        status = vlt_json_print(document, false, stream, err);
        json_decref(document);
    }
    json_decref(results);
    if (status == VLT_OK && ferror(stream)) {
        status = vlt_fail(err, VLT_STATUS_IO, "export of %s: writing failed", store->path);
    }
    return status;
}

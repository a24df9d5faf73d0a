/* Recorded spaces: what is read, what is refused, and that what we write reads back. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/data.h"
#include "tuner/replay/collection.h"
#include "tuner/replay/t1.h"

static vlt_error err;

#define ROW(x, text, validity, runs, unit)                                                        \
    "{\"configuration\": {\"x\": " x ", \"how\": \"" text "\"}, \"times\": {\"runtimes\": [" runs \
    "]}, \"invalidity\": \"" validity                                                             \
    "\", \"measurements\": [{\"name\": \"time\", \"value\": 1, \"unit\": \"" unit "\"}]}"

static const char good[] = "{\"schema_version\": \"1.0.0\", \"results\": [" ROW(
    "1", "a", "correct", "3, 5",
    "ms") ", " ROW("2", "a", "correct", "2, 2.5",
                   "milliseconds") ", " ROW("2", "b", "correctness", "",
                                            "ms") ", " ROW("16", "b", "compile", "",
                                                           "ms") ", " ROW("1", "a", "correct", "7",
                                                                          "ms") "]}";

/* Reads a text as KERNEL/MACHINE and makes the space. */
static vlt_status read_text(const char *text, size_t bytes, const char *where, vlt_recorded **out)
{
    vlt_recording *recording;
    vlt_record_kind kind;
    vlt_restriction *restriction = NULL;
    *out = NULL;
    err = (vlt_error){0};
    cr_assert_eq(vlt_recording_create("k", "m", &recording, &err), VLT_OK);
    vlt_status status = where ? vlt_restriction_parse(where, "--where", &restriction, &err)
                              : VLT_OK;
    if (status == VLT_OK) {
        status = vlt_recording_read(recording, text, bytes, "file.json", &kind, &err);
    }
    if (status == VLT_OK && (kind == VLT_RECORD_T4 || kind == VLT_RECORD_CACHE)) {
        status = vlt_recording_finish(recording, restriction, "file.json", out, &err);
    }
    if (status == VLT_OK && restriction) {
        status = vlt_restriction_check(restriction, &err);
    }
    if (status != VLT_OK) {
        vlt_recorded_destroy(*out);
        *out = NULL;
    }
    vlt_restriction_destroy(restriction);
    vlt_recording_destroy(recording);
    return status;
}

Test(recorded, reads_t4)
{
    vlt_recorded *space;
    cr_assert_eq(read_text(good, sizeof good - 1, NULL, &space), VLT_OK, "%s", err.message);
    cr_expect_eq(vlt_domain_count(space->domain), 4);
    cr_expect_str_eq(vlt_domain_name(space->domain), "k/m");
    cr_expect_eq(space->correct, 2);
    cr_expect_str_eq(space->unit, "ms");
    cr_expect_float_eq(space->record[space->best].mean, 2.25, 1e-12);
    const uint16_t first[] = {0, 0}; /* x = 1, how = a: three runs in two rows */
    const vlt_record *record = &space->record[vlt_domain_find(space->domain, first)];
    cr_expect_eq(record->run_count, 3);
    cr_expect_float_eq(record->mean, 5, 1e-12);
    const uint16_t wrong[] = {1, 1};
    record = &space->record[vlt_domain_find(space->domain, wrong)];
    cr_expect_eq(record->validity, VLT_VALIDITY_CORRECTNESS);
    cr_expect(isinf(record->mean));
    vlt_recorded_destroy(space);
}

/* A setting that was wrong once is not correct, in whatever order the rows come. */
Test(recorded, wrong_once_is_wrong)
{
    static const char text[] = "{\"results\": [" ROW("1", "a", "correctness", "", "ms") ", " ROW(
        "1", "a", "correct", "1", "ms") ", " ROW("2", "a", "correct", "4", "ms") "]}";
    vlt_recorded *space;
    cr_assert_eq(read_text(text, sizeof text - 1, NULL, &space), VLT_OK, "%s", err.message);
    cr_expect_eq(space->correct, 1);
    cr_expect_float_eq(space->record[space->best].mean, 4, 1e-12);
    vlt_recorded_destroy(space);
}

static const char cache[] =
    "{\"device_name\": \"GPU\", \"tune_params_keys\": [\"x\", \"s\"], \"cache\": {\n"
    "\"1,8\": {\"x\": 1, \"s\": 8, \"time\": 4.5, \"times\": [4, 5]},\n"
    "\"2,8\": {\"x\": 2, \"s\": 8, \"time\": \"CompilationFailedConfig\"},\n"
    "\"4,8\": {\"x\": 4, \"s\": 8, \"time\": 1e20},\n"
    "\"8,8\": {\"x\": 8, \"s\": 8, \"time\": 3}";

static void check_cache(const char *end)
{
    char text[1024];
    vlt_recorded *space;
    int bytes = snprintf(text, sizeof text, "%s%s", cache, end);
    cr_assert_eq(read_text(text, (size_t)bytes, NULL, &space), VLT_OK, "%s", err.message);
    cr_expect_eq(vlt_domain_count(space->domain), 4);
    cr_expect_eq(space->correct, 2);
    cr_expect_float_eq(space->record[space->best].mean, 3, 1e-12);
    vlt_recorded_destroy(space);
}

/* Kernel Tuner leaves the cache of a run that did not end open. */
Test(recorded, reads_caches)
{
    check_cache("}}");
    check_cache(",\n");
    check_cache(",");
    check_cache("");
}

static void refused(const char *text, size_t bytes, const char *where, const char *with,
                    const char *also)
{
    vlt_recorded *space;
    vlt_status status = read_text(text, bytes, where, &space);
    cr_expect(status == VLT_STATUS_INPUT, "%s: status %d", text, status);
    cr_expect(strstr(err.message, with) && strstr(err.message, also), "'%s', expected %s and %s",
              err.message, with, also);
}

/* Cut at any byte: refused with the byte, never read as less. */
Test(recorded, refuses_cut_files)
{
    for (size_t bytes = 0; bytes < sizeof good - 1; bytes++) {
        vlt_recorded *space;
        cr_assert_eq(read_text(good, bytes, NULL, &space), VLT_STATUS_INPUT, "at %zu", bytes);
        cr_assert(strstr(err.message, "file.json") && strstr(err.message, "byte"), "%s",
                  err.message);
    }
}

Test(recorded, refuses_bad_files)
{
#define T4(rows) "{\"results\": [" rows "]}"
    static const char *const table[][3] = {
        {T4(ROW("1", "a", "compile", "", "ms") ", " ROW("2", "a", "timeout", "", "ms")),
         "file.json", "no setting is correct, of 2"},
        {T4("{\"configuration\": {\"x\": 1, \"x\": 2}, \"times\": {\"runtimes\": [1]}, "
            "\"invalidity\": \"correct\"}"),
         "results[0]", "'x' is named twice"},
        {T4("{\"configuration\": {\"x\": 1}, \"times\": {\"runtimes\": [1]}, \"invalidity\": "
            "\"correct\"}, {\"configuration\": {\"x\": 1, \"x\": 2}, \"times\": {\"runtimes\": "
            "[1]}, \"invalidity\": \"correct\"}"),
         "results[1]", "'x' is named twice"},
        {T4(ROW("1", "a", "correct", "1", "ms") ", " ROW("2", "a", "correct", "1", "s")),
         "results[1]", "'s', before in 'ms'"},
        {"{\"metadata\": {\"timeunit\": \"microseconds\"}, \"results\": [" ROW("1", "a", "correct",
                                                                               "1", "ms") "]}",
         "results[0]", "'ms', before in 'us'"},
        {T4(ROW("1", "a", "correct", "1", "ms") ", {\"configuration\": {\"x\": 1}, \"times\": "
                                                "{\"runtimes\": [1]}, \"invalidity\": "
                                                "\"correct\"}"),
         "results[1]", "'how' is missing"},
        {T4(ROW("1", "a", "correct", "0", "ms")), "results[0]", "runtimes[0]"},
        {T4(ROW("1", "a", "correct", "-3", "ms")), "results[0]", "above 0"},
        {T4(ROW("1", "a", "correct", "1, \\\"x\\\"", "ms")), "file.json", "byte"},
        {T4(ROW("null", "a", "correct", "1", "ms")), "results[0]", "'x'"},
        {T4(ROW("[1]", "a", "correct", "1", "ms")), "results[0]", "'x'"},
        {T4("{\"configuration\": {}, \"times\": {\"runtimes\": [1]}, \"invalidity\": "
            "\"correct\"}"),
         "results[0]", "empty"},
        {T4("{\"configuration\": {\"x\": 1}, \"invalidity\": \"correct\"}"), "results[0]",
         "no time"},
        {T4("7"), "results[0]", "object"},
        {T4(""), "results", "empty"},
        {"{\"results\": {}}", "results", "object"},
        {"{\"cache\": {\"1\": {\"x\": 1, \"time\": 1}}}", "tune_params_keys", "array of names"},
        {"{\"tune_params_keys\": [\"x\", \"x\"], \"cache\": {\"1\": {\"x\": 1, \"time\": 1}}}",
         "tune_params_keys", "'x' is named twice"},
        {"{\"tune_params_keys\": [\"x\"], \"cache\": {\"1\": {\"y\": 1, \"time\": 1}}}",
         "cache['1']", "'x' is missing"},
        {"{\"tune_params_keys\": [\"x\"], \"cache\": {\"1\": {\"x\": 1}}}", "cache['1']", "time"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        refused(table[i][0], strlen(table[i][0]), NULL, table[i][1], table[i][2]);
    }
}

Test(recorded, refuses_restrictions)
{
    static const char *const table[][3] = {
        {"x > 100", "--where", "no setting"},
        {"x % (x - 2) == 0", "--where: column 3", "division by zero, where x=2"},
        {"y > 1", "--where: column 1", "unknown parameter 'y'"},
        {"x > 0 && hwo == 'a'", "--where: column 10", "'how'"},
        {"x >", "--where: column 4", ""},
        {"x > 2", "--where", "no setting is correct"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        refused(good, sizeof good - 1, table[i][0], table[i][1], table[i][2]);
    }
    vlt_recorded *space;
    cr_assert_eq(read_text(good, sizeof good - 1, "x < 2 || how == 'b'", &space), VLT_OK);
    cr_expect_eq(vlt_domain_count(space->domain), 3);
    vlt_recorded_destroy(space);
}

/* What is written reads back: same settings, same runs to the last bit. */
Test(recorded, round_trip)
{
    vlt_recording *first, *second;
    vlt_record_kind kind;
    char *text, *again;
    size_t bytes, again_bytes;
    const vlt_scalar rows[][4] = {
        {vlt_scalar_integer(-3), vlt_scalar_text("a \"b\"\n"), vlt_scalar_bool(true),
         vlt_scalar_real(0.1)},
        {vlt_scalar_integer(INT64_MAX), vlt_scalar_text("\xc3\xa4"), vlt_scalar_bool(false),
         vlt_scalar_real(1e-300)},
    };
    const double runs[] = {0.1, 1.0 / 3, 1e-7, 123456789.125};
    cr_assert_eq(vlt_recording_create("k", "m", &first, &err), VLT_OK);
    cr_assert_eq(vlt_recording_create("k", "m", &second, &err), VLT_OK);
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = {"x", "text \"", "truth", "real"};
        cr_assert_eq(vlt_recording_parameter(first, names[i], "here", &err), VLT_OK);
    }
    cr_assert_eq(vlt_recording_unit(first, "\xc2\xb5s", "here", &err), VLT_OK);
    cr_assert_eq(vlt_recording_add(first, rows[0], VLT_VALIDITY_CORRECT, runs, 4, &err), VLT_OK);
    cr_assert_eq(vlt_recording_add(first, rows[1], VLT_VALIDITY_RUNTIME, NULL, 0, &err), VLT_OK);
    cr_assert_eq(vlt_recording_set_fact(first, "machine", "another", &err), VLT_OK);
    cr_assert_eq(vlt_recording_set_fact(first, "threads", "2", &err), VLT_OK);
    cr_assert_eq(vlt_recording_set_fact(first, "machine", "a \"b\"", &err), VLT_OK);
    cr_assert_eq(vlt_recording_write(first, &text, &bytes, &err), VLT_OK);
    cr_assert_eq(vlt_recording_read(second, text, bytes, "again", &kind, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(kind, VLT_RECORD_T4);
    cr_expect_str_eq(vlt_recording_fact(second, "machine"), "a \"b\"");
    cr_expect_str_eq(vlt_recording_fact(second, "threads"), "2");
    cr_expect_null(vlt_recording_fact(second, "timeunit"));
    vlt_scalar values[4];
    cr_expect_eq(vlt_recording_row_count(second), 2);
    cr_expect_eq(vlt_recording_row(second, 0, values), 4);
    cr_expect_eq(values[0].integer, -3);
    cr_assert_eq(vlt_recording_write(second, &again, &again_bytes, &err), VLT_OK);
    cr_assert_eq(bytes, again_bytes);
    cr_assert_str_eq(text, again);
    vlt_recorded *space;
    cr_assert_eq(vlt_recording_finish(second, NULL, "again", &space, &err), VLT_OK);
    const vlt_record *record = &space->record[space->best];
    cr_assert(record->run_count == 4 && !memcmp(record->run, runs, sizeof runs));
    vlt_recorded_destroy(space);
    free(text);
    free(again);
    vlt_recording_destroy(first);
    vlt_recording_destroy(second);
}

static const char t1[] =
    "{\"ConfigurationSpace\": {\"TuningParameters\": ["
    "{\"Name\": \"x\", \"Type\": \"int\", \"Values\": \"[16 * i for i in range(1, 5)]\"},"
    "{\"Name\": \"how\", \"Type\": \"string\", \"Values\": \"['a', 'b']\", \"Default\": \"a\"},"
    "{\"Name\": \"on\", \"Type\": \"bool\", \"Values\": \"[True, False]\"}],"
    "\"Conditions\": [{\"Expression\": \"x < 64 or not on\", \"Parameters\": [\"x\", \"on\"]}]}}";

Test(t1, round_trip)
{
    vlt_domain *domain, *again;
    char *text;
    size_t bytes;
    cr_assert_eq(vlt_t1_parse(t1, sizeof t1 - 1, "T1.json", &domain, &err), VLT_OK, "%s",
                 err.message);
    cr_expect_eq(vlt_domain_count(domain), 4 * 2 * 2 - 2);
    cr_expect(vlt_domain_parameter(domain, 0)->ordered);
    cr_expect_not(vlt_domain_parameter(domain, 1)->ordered);
    cr_assert_eq(vlt_t1_write(domain, &text, &bytes, &err), VLT_OK);
    cr_assert_eq(vlt_t1_parse(text, bytes, "again", &again, &err), VLT_OK, "%s", err.message);
    cr_expect_eq(vlt_domain_count(again), vlt_domain_count(domain));
    for (int i = 0; i < 3; i++) {
        cr_expect_str_eq(vlt_domain_parameter(again, i)->name,
                         vlt_domain_parameter(domain, i)->name);
    }
    free(text);
    vlt_domain_destroy(domain);
    vlt_domain_destroy(again);
}

Test(t1, refuses)
{
#define T1(parameters, conditions)                                 \
    "{\"ConfigurationSpace\": {\"TuningParameters\": [" parameters \
    "], \"Conditions\": [" conditions "]}}"
#define X(values) "{\"Name\": \"x\", \"Type\": \"int\", \"Values\": \"" values "\"}"
    static const char *const table[][3] = {
        {T1(X("[1]") ", " X("[2]"), ""), "TuningParameters[1]", "'x' is named twice"},
        {T1(X("[1, 1]"), ""), "'x'", "twice"},
        {T1(X("[1 /"), ""), "TuningParameters[0].Values", "column"},
        {T1(X("[]"), ""), "'x'", "0 values"},
        {T1(X("5"), ""), "TuningParameters[0]", "list"},
        {T1("{\"Name\": \"x\", \"Type\": \"quark\", \"Values\": \"[1]\"}", ""), "Type", "int"},
        {T1(X("[1, 2]"), "{\"Expression\": \"y > 1\"}"), "Conditions[0]", "'y'"},
        {T1(X("[1, 2]"), "{\"Expression\": \"x > 5\"}"), "no setting", ""},
        {T1(X("[0, 2]"), "{\"Expression\": \"1 / x > 5\"}"), "Conditions[0]", "division by zero"},
        {"{}", "TuningParameters", "array"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        vlt_domain *domain = NULL;
        err = (vlt_error){0};
        cr_expect_eq(vlt_t1_parse(table[i][0], strlen(table[i][0]), "T1.json", &domain, &err),
                     VLT_STATUS_INPUT, "%s", table[i][0]);
        cr_expect(strstr(err.message, table[i][1]) && strstr(err.message, table[i][2]), "%s: %s",
                  table[i][0], err.message);
        vlt_domain_destroy(domain);
    }
}

/* Others' spaces: every setting of the files, read from where they lie. */
Test(recorded, spaces_of_others, .timeout = 120)
{
    const char *folder = test_data("data/tuning-spaces");
    vlt_collection collection;
    if (!folder) {
        test_skip("no recorded spaces");
        return;
    }
    cr_assert_eq(vlt_collection_read(folder, NULL, NULL, NULL, &collection, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_geq(collection.count, 6);
    for (int i = 0; i < collection.count; i++) {
        const vlt_recorded *space = collection.space[i];
        cr_expect_geq(vlt_domain_count(space->domain), 1000);
        cr_expect_geq(space->record[space->best].run_count, 7);
        cr_expect_str_eq(space->unit, "ms");
    }
    vlt_collection_release(&collection);
}

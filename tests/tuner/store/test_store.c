#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "optimizations/core/random.h"
#include "tests/support/stores.h"
#include "tuner/store/store_admin.h"
#include "tuner/store/store_internal.h"

static void print_problem(void *user, const char *what)
{
    (void)user;
    fprintf(stderr, "problem: %s\n", what);
}

static int64_t count(vlt_store *store, const char *sql)
{
    int64_t value = -1;
    vlt_error err = {0};
    cr_assert_eq(vlt_store_query_int(store, sql, "testing", &value, NULL, &err, ""), VLT_OK, "%s",
                 err.message);
    return value;
}

static int64_t problems(vlt_store *store)
{
    int64_t found = -1;
    cr_assert_eq(vlt_store_check(store, print_problem, NULL, &found, NULL), VLT_OK);
    return found;
}

static char *export(vlt_store *store, vlt_store_format format)
{
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    cr_assert_eq(vlt_store_export(store, format, stream, NULL), VLT_OK);
    fclose(stream);
    return text;
}

static bool collect(void *user, const vlt_store_found *found)
{
    double *sum = user;
    cr_assert_str_eq(found->variant, "avx2");
    cr_assert_eq(found->outcome, VLT_OUTCOME_OK);
    *sum += found->log_ratio;
    return true;
}

Test(store, gives_back_what_was_put_in)
{
    const char *path = test_store_path(0);
    const vlt_store_workload workload = {"norm", "rows=1", "rows=1", ""};
    int64_t session;
    vlt_store *store = test_store_open(path, &session);
    double sum = 0;
    cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 20, NULL), VLT_OK);
    cr_assert_eq(test_store_add(store, session, "avx2", 0.25, 20, NULL), VLT_OK);
    vlt_store_close(store);
    store = test_store_open(path, &session); /* another session under the same circumstances */
    cr_assert_eq(vlt_store_each_trial(store, session, &workload, collect, &sum, NULL), VLT_OK);
    cr_assert_float_eq(sum, log(0.5) + log(0.25), 1e-12);
    cr_assert_eq(count(store, "SELECT count(*) FROM sample"), 40);
    cr_assert_eq(count(store, "SELECT count(*) FROM sample WHERE pressure IS NULL"), 40);
    cr_assert_eq(count(store, "SELECT count(*) FROM machine"), 1);
    cr_assert_eq(count(store, "SELECT round(ratio * 1000) FROM v_vs_baseline"), 375);
    cr_assert_eq(problems(store), 0);
    vlt_store_close(store);
    test_store_remove(path);
}

Test(store, a_failed_trial_keeps_its_reason_and_has_no_numbers)
{
    const char *path = test_store_path(0);
    int64_t session;
    vlt_store *store = test_store_open(path, &session);
    vlt_store_trial trial = {.workload = {"norm", "b", "p", ""},
                             .variant = "avx2",
                             .knobs = "",
                             .stage = "search",
                             .outcome = VLT_OUTCOME_CRASH,
                             .message = "signal 11",
                             .wall_s = 1};
    vlt_store_counter counter = {"instructions", NAN, "unsupported", "papi", "no cycle counter"};
    trial.counter = &counter;
    trial.counter_count = 1;
    cr_assert_eq(vlt_store_add_trial(store, session, &trial, NULL, NULL), VLT_OK);
    cr_assert_eq(count(store, "SELECT count(*) FROM trial WHERE outcome = 'crash' AND ratio IS NULL"
                              " AND baseline_ns IS NULL AND message = 'signal 11'"),
                 1);
    cr_assert_eq(count(store, "SELECT count(*) FROM counter WHERE value IS NULL"), 1);
    counter.status = "ok"; /* an ok counter without a value is refused, and the trial with it */
    cr_assert_neq(vlt_store_add_trial(store, session, &trial, NULL, NULL), VLT_OK);
    cr_assert_eq(count(store, "SELECT count(*) FROM trial"), 1);
    vlt_store_close(store);
    test_store_remove(path);
}

Test(store, every_table_is_strict)
{
    const char *path = test_store_path(0);
    int64_t session;
    vlt_store *store = test_store_open(path, &session);
    cr_assert_eq(count(store, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND"
                              " type = 'table' AND name NOT LIKE 'sqlite%' AND strict = 0"),
                 0);
    cr_assert_neq(vlt_store_exec(store, "UPDATE session SET threads = 'two'", "testing", NULL),
                  VLT_OK);
    vlt_store_close(store);
    test_store_remove(path);
}

Test(store, an_older_schema_is_migrated_and_keeps_its_rows)
{
    const char *path = test_store_path(0);
    vlt_store old = {.path = (char *)path};
    cr_assert_eq(sqlite3_open(path, &old.db), SQLITE_OK);
    cr_assert_eq(vlt_store_migrate(&old, 1, NULL), VLT_OK);
    cr_assert_eq(vlt_store_exec(&old,
                                "INSERT INTO model(uuid, name, hash) VALUES ('u', 'old', '00')",
                                "testing", NULL),
                 VLT_OK);
    sqlite3_close(old.db);

    vlt_store *store;
    vlt_error err = {0};
    cr_assert_eq(vlt_store_open(path, VLT_STORE_READ, &store, &err), VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "schema 1, expected"), "%s", err.message);
    cr_assert_eq(vlt_store_open(path, VLT_STORE_WRITE, &store, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(count(store, "PRAGMA user_version"), VLT_STORE_SCHEMA);
    cr_assert_eq(count(store, "SELECT count(*) FROM model WHERE name = 'old'"), 1);
    cr_assert_eq(count(store, "SELECT count(*) FROM result"), 0);
    vlt_store_close(store);
    test_store_remove(path);
}

Test(store, what_is_no_store_of_ours_is_refused_with_both_values)
{
    const char *path = test_store_path(0);
    vlt_store *store;
    vlt_error err = {0};
    int64_t session;
    cr_assert_eq(vlt_store_open(path, VLT_STORE_WRITE, &store, &err), VLT_STATUS_IO);
    cr_assert_eq(vlt_store_open("/tmp", VLT_STORE_CREATE, &store, &err), VLT_STATUS_IO);
    cr_assert_eq(vlt_store_open("/nonexistent/x.db", VLT_STORE_CREATE, &store, &err),
                 VLT_STATUS_IO);

    char text[4096];
    memset(text, 'x', sizeof text);
    cr_assert_eq(vlt_write_file(path, text, sizeof text, NULL), VLT_OK);
    cr_assert_eq(vlt_store_open(path, VLT_STORE_CREATE, &store, &err), VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "no SQLite database"), "%s", err.message);
    test_store_remove(path);

    store = test_store_open(path, &session);
    cr_assert_eq(vlt_store_exec(store, "PRAGMA user_version = 99", "testing", NULL), VLT_OK);
    vlt_store_close(store);
    cr_assert_eq(vlt_store_open(path, VLT_STORE_CREATE, &store, &err), VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "schema 99") && strstr(err.message, "up to"), "%s", err.message);
    test_store_remove(path);

    store = test_store_open(path, &session);
    cr_assert_eq(vlt_store_exec(store, "PRAGMA application_id = 1234", "testing", NULL), VLT_OK);
    vlt_store_close(store);
    cr_assert_eq(vlt_store_open(path, VLT_STORE_CREATE, &store, &err), VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "another program") && strstr(err.message, "1234"), "%s",
              err.message);
    test_store_remove(path);
}

Test(store, read_only_and_full_disk_say_so)
{
    const char *path = test_store_path(0);
    int64_t session;
    vlt_error err = {0};
    vlt_store *store = test_store_open(path, &session);
    vlt_store_close(store);
    cr_assert_eq(vlt_store_open(path, VLT_STORE_READ, &store, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(test_store_add(store, 1, "avx2", 0.5, 3, &err), VLT_STATUS_IO);
    cr_assert(strstr(err.message, "read-only"), "%s", err.message);
    vlt_store_close(store);

    store = test_store_open(path, &session);
    cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 3, &err), VLT_OK);
    count(store, "PRAGMA max_page_count = 1"); /* SQLite keeps it at what is in use */
    vlt_status status = VLT_OK;
    int written = 0;
    while (status == VLT_OK && written < 100) {
        status = test_store_add(store, session, "avx2", 0.5, 500, &err);
        written += status == VLT_OK;
    }
    cr_assert_eq(status, VLT_STATUS_IO);
    cr_assert(strstr(err.message, "disk is full"), "%s", err.message);
    cr_assert_eq(count(store, "SELECT count(*) FROM trial"), 1 + written);
    cr_assert_eq(problems(store), 0); /* nothing half written */
    vlt_store_close(store);
    test_store_remove(path);
}

Test(store, merging_is_idempotent_and_its_order_does_not_matter)
{
    const char *paths[5];
    int64_t session;
    vlt_store_merged merged;
    char *first = NULL;
    for (int i = 0; i < 5; i++) {
        paths[i] = test_store_path(i);
    }
    for (int i = 0; i < 3; i++) {
        vlt_store *store = test_store_open(paths[i], &session);
        for (int k = 0; k <= i; k++) {
            cr_assert_eq(
                test_store_add(store, session, k ? "avx2" : "wide", 0.3 + 0.1 * k, 5 + k, NULL),
                VLT_OK);
        }
        const vlt_store_decision decision = {.workload = {"norm", "rows=1", "rows=1", ""},
                                             .variant = "avx2",
                                             .knobs = "",
                                             .verdict = "faster",
                                             .ratio = 0.5,
                                             .low = 0.4,
                                             .high = INFINITY,
                                             .baseline_ns = 1,
                                             .tuned_ns = 0.5,
                                             .launches = 5,
                                             .reason = "sure"};
        cr_assert_eq(vlt_store_add_decision(store, session, &decision, NULL, NULL), VLT_OK);
        cr_assert_eq(vlt_store_put_result(store, session, "{}", NULL), VLT_OK);
        vlt_store_close(store);
    }
    static const int orders[4][5] = {
        {0, 1, 2, -1, -1}, {2, 1, 0, -1, -1}, {1, 1, 0, 2, 0}, {2, 0, 2, 1, 2}};
    for (int i = 0; i < 4; i++) {
        vlt_store *target;
        test_store_remove(paths[3]);
        cr_assert_eq(vlt_store_open(paths[3], VLT_STORE_CREATE, &target, NULL), VLT_OK);
        for (int k = 0; k < 5 && orders[i][k] >= 0; k++) {
            vlt_error err = {0};
            cr_assert_eq(vlt_store_merge(target, paths[orders[i][k]], &merged, &err), VLT_OK, "%s",
                         err.message);
        }
        cr_assert_eq(count(target, "SELECT count(*) FROM trial"), 6);
        cr_assert_eq(count(target, "SELECT count(*) FROM session"), 3);
        cr_assert_eq(count(target, "SELECT count(*) FROM decision"), 3);
        cr_assert_eq(count(target, "SELECT count(*) FROM result"), 3);
        cr_assert_eq(count(target, "SELECT count(*) FROM machine"), 1);
        cr_assert_eq(count(target, "SELECT count(*) FROM v_best"), 1);
        cr_assert_eq(problems(target), 0);
        char *text = export(target, VLT_STORE_JSONL);
        if (!first) {
            first = text;
        } else {
            cr_assert_str_eq(first, text);
            free(text);
        }
        cr_assert_eq(vlt_store_merge(target, paths[0], &merged, NULL), VLT_OK);
        cr_assert_eq(merged.trials + merged.samples + merged.sessions + merged.decisions, 0);
        vlt_store_close(target);
    }
    free(first);
    for (int i = 0; i < 5; i++) {
        test_store_remove(paths[i]);
    }
}

Test(store, a_damaged_file_is_never_merged_and_never_crashes)
{
    const char *path = test_store_path(0), *damaged = test_store_path(1), *to = test_store_path(2);
    int64_t session;
    size_t bytes;
    char *data;
    vlt_random random = {11};
    vlt_store *store = test_store_open(path, &session), *target;
    cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 50, NULL), VLT_OK);
    cr_assert_eq(vlt_store_exec(store, "PRAGMA wal_checkpoint(TRUNCATE)", "testing", NULL), VLT_OK);
    vlt_store_close(store);
    cr_assert_eq(vlt_read_file(path, 1 << 24, &data, &bytes, NULL), VLT_OK);
    cr_assert_eq(vlt_store_open(to, VLT_STORE_CREATE, &target, NULL), VLT_OK);
    int refused = 0;
    for (int i = 0; i < 60; i++) {
        size_t size = i % 3 ? bytes : (size_t)vlt_random_range(&random, 1, (int64_t)bytes - 1);
        char *copy = malloc(bytes);
        memcpy(copy, data, bytes);
        for (int k = 0; k < 40 && i % 3; k++) {
            copy[vlt_random_range(&random, 0, (int64_t)bytes - 1)] = (char)vlt_random_next(&random);
        }
        vlt_store_merged merged;
        vlt_error err = {0};
        cr_assert_eq(vlt_write_file(damaged, copy, size, NULL), VLT_OK);
        vlt_status status = vlt_store_merge(target, damaged, &merged, &err);
        if (status != VLT_OK) {
            refused++;
            cr_assert(strstr(err.message, "/tmp/vltune-test-store"), "%s", err.message);
        }
        free(copy);
        test_store_remove(damaged);
    }
    cr_assert_gt(refused, 20);
    int64_t found;
    cr_assert_eq(vlt_store_check(target, print_problem, NULL, &found, NULL), VLT_OK);
    vlt_store_close(target);
    free(data);
    test_store_remove(path);
    test_store_remove(to);
}

static void count_text(void *user, const char *what)
{
    *(size_t *)user += strlen(what) > 0;
}

/* Every damaged page is named, however much of the rest it takes with it. */
Test(store, a_check_of_a_damaged_file_tells_what_is_wrong)
{
    const char *path = test_store_path(0), *damaged = test_store_path(1);
    int64_t session;
    size_t bytes;
    char *data;
    vlt_store *store = test_store_open(path, &session);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 50, NULL), VLT_OK);
    }
    vlt_store_close(store);
    cr_assert_eq(vlt_read_file(path, 1 << 24, &data, &bytes, NULL), VLT_OK);
    for (size_t page = 2; page < bytes / 4096; page++) {
        vlt_error err = {0};
        int64_t problems = 0;
        size_t told = 0;
        char *copy = malloc(bytes);
        memcpy(copy, data, bytes);
        memset(copy + page * 4096, 0xA5, 4096);
        cr_assert_eq(vlt_write_file(damaged, copy, bytes, NULL), VLT_OK);
        free(copy);
        if (vlt_store_open(damaged, VLT_STORE_READ, &store, &err) == VLT_OK) {
            cr_assert_eq(vlt_store_check(store, count_text, &told, &problems, &err), VLT_OK, "%s",
                         err.message);
            cr_assert_gt(problems, 0, "page %zu", page);
            cr_assert_eq(told, (size_t)problems);
            vlt_store_close(store);
        } else {
            cr_assert(strstr(err.message, "damaged"), "%s", err.message);
        }
        test_store_remove(damaged);
    }
    free(data);
    test_store_remove(path);
}

/* Writes trials until it is killed; tells the pipe after each one that has been written. */
static void write_for_ever(const char *path, int pipe)
{
    int64_t session;
    vlt_store *store = test_store_open(path, &session);
    for (;;) {
        if (test_store_add(store, session, "avx2", 0.5, 200, NULL) != VLT_OK ||
            write(pipe, "x", 1) != 1) {
            _exit(1);
        }
    }
}

Test(store, a_kill_at_any_moment_loses_at_most_the_trial_in_flight, .timeout = 120)
{
    const char *path = test_store_path(0);
    vlt_random random = {5};
    int64_t acknowledged = 0;
    int rounds = 0; /* more where the machine is so busy that children hardly get to write */
    for (; rounds < 50 || (acknowledged <= 50 && rounds < 2000); rounds++) {
        int ends[2];
        char buffer[4096];
        ssize_t got;
        cr_assert_eq(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            write_for_ever(path, ends[1]);
        }
        close(ends[1]);
        struct timespec wait = {0, (long)vlt_random_range(&random, 200000, 25000000)};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while ((got = read(ends[0], buffer, sizeof buffer)) > 0) {
            acknowledged += got;
        }
        close(ends[0]);
    }
    int64_t session;
    vlt_store *store = test_store_open(path, &session);
    int64_t trials = count(store, "SELECT count(*) FROM trial");
    cr_assert_geq(trials, acknowledged);
    cr_assert_leq(trials, acknowledged + rounds); /* written, but killed before it could tell */
    cr_assert_gt(acknowledged, 50);
    cr_assert_eq(count(store, "SELECT count(*) FROM sample"), 200 * trials);
    cr_assert_eq(problems(store), 0);
    vlt_store_close(store);
    test_store_remove(path);
}

Test(store, exports_are_what_they_say)
{
    const char *path = test_store_path(0);
    int64_t session;
    vlt_store *store = test_store_open(path, &session);
    json_t *document;
    cr_assert_eq(test_store_add(store, session, "avx2", 0.5, 4, NULL), VLT_OK);
    char *jsonl = export(store, VLT_STORE_JSONL), *csv = export(store, VLT_STORE_CSV),
         *t4 = export(store, VLT_STORE_T4);
    cr_assert_eq(vlt_json_parse(jsonl, strlen(jsonl), "jsonl", &document, NULL), VLT_OK);
    cr_assert_eq(json_array_size(json_object_get(document, "samples")), 4);
    cr_assert_str_eq(json_string_value(json_object_get(document, "variant")), "avx2");
    json_decref(document);
    cr_assert_eq(strncmp(csv, "trial,session,machine", 21), 0);
    cr_assert(strstr(csv, ",norm,rows=1,rows=1,avx2,strip=64 policy=late,search,ok,,10,4,0.5,"),
              "%s", csv);
    cr_assert_eq(vlt_json_parse(t4, strlen(t4), "t4", &document, NULL), VLT_OK);
    const json_t *result = json_array_get(json_object_get(document, "results"), 0);
    const json_t *configuration = json_object_get(result, "configuration");
    cr_assert_eq(json_integer_value(json_object_get(configuration, "strip")), 64);
    cr_assert_str_eq(json_string_value(json_object_get(configuration, "policy")), "late");
    const json_t *times = json_object_get(json_object_get(result, "times"), "runtimes");
    cr_assert_float_eq(json_number_value(json_array_get(times, 0)), 0.01, 1e-12);
    cr_assert_str_eq(json_string_value(json_object_get(result, "invalidity")), "correct");
    json_decref(document);
    free(jsonl);
    free(csv);
    free(t4);
    vlt_store_close(store);
    test_store_remove(path);
}

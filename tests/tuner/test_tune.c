/* Tuning as a whole, with children that lie, crash and hang. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/json/file_lock.h"
#include "harness/json/json.h"
#include "optimizations/core/compiler.h"
#include "optimizations/norm/norm.h"
#include "tests/support/data.h"
#include "tests/support/run_program.h"
#include "tests/support/stores.h"
#include "tests/support/tune_options.h"
#include "tuner/store/store_admin.h"
#include "tuner/store/store_internal.h"
#include "tuner/tune_internal.h"
#include "tuner/tune_result.h"

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* A program that hands everything to vltune, except trials of norm/avx2: with workers of 512 or 256
 * rows of 64 they end the worker or let it hang, of 192 columns they give a wrong result, of the
 * others garbage. What such code does inside a worker is test_race.c's matter. */
static const char *plant(void)
{
    static char path[64];
    char script[2048];
    snprintf(path, sizeof path, "/tmp/vltune-test-plant-%d.sh", (int)getpid());
    int length = snprintf(script, sizeof script,
                          "#!/bin/sh\n"
                          "[ \"$1\" = _race ] || exec '%s' \"$1\"\n"
                          "d=$(mktemp -d) && mkfifo $d/in $d/out || exit 1\n"
                          "'%s' _race <$d/in >$d/out &\n"
                          "exec 3>$d/in 4<$d/out\n"
                          "rm -r $d\n"
                          "while IFS= read -r line; do\n"
                          "  case \"$line\" in *'\"problem\"'*) problem=$line;; esac\n"
                          "  case \"$line\" in *norm/avx2*) case \"$problem\" in\n"
                          "    *rows=512,width=64,*) kill -SEGV $$;;\n"
                          "    *rows=256,width=64,*) sleep 100;;\n"
                          "    *width=192,*) echo '{\"status\": \"WRONG\", \"message\": "
                          "\"planted\"}'; continue;;\n"
                          "    *) echo '{\"status\": \"OK\", \"pairs\": 7'; continue;;\n"
                          "  esac;; esac\n"
                          "  printf '%%s\\n' \"$line\" >&3\n"
                          "  IFS= read -r answer <&4 || exit 1\n"
                          "  printf '%%s\\n' \"$answer\"\n"
                          "done\n",
                          test_program_path(), test_program_path());
    cr_assert_eq(vlt_write_file(path, script, (size_t)length, NULL), VLT_OK);
    chmod(path, 0755);
    return path;
}

static vlt_tune_options options_for(const char *config, const char *db, double budget_s)
{
    vlt_tune_options options = test_tune_options(config, db, budget_s);
    options.only_op = "norm";
    return options;
}

static int64_t count(const char *db, const char *sql)
{
    vlt_store *store;
    int64_t value = -1;
    cr_assert_eq(vlt_store_open(db, VLT_STORE_READ, &store, NULL), VLT_OK);
    cr_assert_eq(vlt_store_query_int(store, sql, "testing", &value, NULL, NULL, ""), VLT_OK);
    vlt_store_close(store);
    return value;
}

static void print_problem(void *user, const char *what)
{
    (void)user;
    fprintf(stderr, "problem: %s\n", what);
}

static void check_store(const char *db)
{
    vlt_store *store;
    int64_t problems = -1;
    cr_assert_eq(vlt_store_open(db, VLT_STORE_READ, &store, NULL), VLT_OK);
    cr_assert_eq(vlt_store_check(store, print_problem, NULL, &problems, NULL), VLT_OK);
    cr_assert_eq(problems, 0);
    vlt_store_close(store);
}

/* Faults of one variant cost its settings and nothing else. */
Test(tune, planted_faults_are_contained, .timeout = 240)
{
    enum { BUDGET_S = VLT_ASAN ? 90 : 25 }; /* a sanitized baseline request takes some 20 s */
    static const char *const outcomes[] = {"crash", "timeout", "wrong-result", "failed"};
    const char *db = test_store_path(0), *config = test_tune_config(), *planted = plant();
    vlt_tune_options options = options_for(config, db, BUDGET_S);
    vlt_report result;
    vlt_error err = {0};
    char sql[256];
    vlt_status status = vlt_tune_with(&options, planted, &result, &err);
    cr_assert_eq(status, VLT_OK, "%s", err.message);
    for (int i = 0; i < 4; i++) {
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM trial t JOIN variant v ON v.id = t.variant_id"
                 " WHERE v.name = 'avx2' AND t.outcome = '%s' AND t.message IS NOT NULL",
                 outcomes[i]);
        cr_assert_gt(count(db, sql), 0, "no '%s' was recorded", outcomes[i]);
    }
    cr_assert_eq(count(db, "SELECT count(*) FROM trial t JOIN variant v ON v.id = t.variant_id"
                           " WHERE v.name = 'avx2' AND t.outcome = 'ok'"),
                 0);
    cr_assert_gt(count(db, "SELECT count(*) FROM trial WHERE outcome = 'ok'"), 0);
    cr_assert_gt(count(db, "SELECT count(*) FROM counter WHERE name = 'page_faults_minor'"
                           " AND status = 'ok' AND value IS NOT NULL"),
                 0, "finalists were not counted");
    cr_assert_eq(count(db, "SELECT count(*) FROM counter WHERE value IS NULL AND reason IS NULL"),
                 0, "a counter without a value and a reason");
    cr_assert_eq(count(db, "SELECT count(*) FROM decision d JOIN variant v ON v.id = d.variant_id"
                           " WHERE v.name = 'avx2'"),
                 0);
    check_store(db);
    vlt_tuned_config read;
    cr_assert_eq(vlt_tuned_read(config, NULL, NULL, &read, &err), VLT_OK, "%s", err.message);
    cr_assert_not(read.edited);
    vlt_tuned_config_release(&read);
    vlt_report_release(&result);
    unlink(planted);
    unlink(config);
    test_store_remove(db);
}

Test(tune, another_run_goes_on_from_the_store, .timeout = 120)
{
    if (VLT_ASAN) {
        test_skip("a sanitized baseline request takes longer than a short budget allows");
        return;
    }
    const char *db = test_store_path(0), *config = test_tune_config();
    vlt_tune_options options = options_for(config, db, 20);
    vlt_report first, second;
    cr_assert_eq(vlt_tune_with(&options, test_program_path(), &first, NULL), VLT_OK);
    cr_assert_eq(first.trials_reused, 0);
    cr_assert_gt(first.trials, 10);
    cr_assert_eq(vlt_tune_with(&options, test_program_path(), &second, NULL), VLT_OK);
    cr_assert_geq(second.trials_reused, 10);
    check_store(db);
    vlt_report_release(&first);
    vlt_report_release(&second);
    unlink(config);
    test_store_remove(db);
}

Test(tune, bad_paths_are_refused_before_anything_is_spent)
{
    vlt_tune_options options = options_for("/nonexistent/tuned.toml", test_store_path(0), 30);
    vlt_report result;
    vlt_error err = {0};
    double begin_s = now_s();
    cr_assert_eq(vlt_tune_with(&options, test_program_path(), &result, &err), VLT_STATUS_IO);
    cr_assert(strstr(err.message, "/nonexistent/tuned.toml"), "%s", err.message);
    vlt_report_release(&result);
    options = options_for(test_tune_config(), "/nonexistent/vltune.db", 30);
    cr_assert_eq(vlt_tune_with(&options, test_program_path(), &result, &err), VLT_STATUS_IO);
    vlt_report_release(&result);
    options = options_for(test_tune_config(), test_store_path(0), 30);
    options.directory = "/nonexistent/model";
    vlt_status status = vlt_tune_with(&options, test_program_path(), &result, &err);
    cr_assert_eq(vlt_status_exit_code(status), 2, "%s", err.message);
    cr_assert(strstr(err.message, "/nonexistent/model"), "%s", err.message);
    vlt_report_release(&result);
    cr_assert_neq(access(test_tune_config(), F_OK), 0);
    cr_assert_leq(now_s() - begin_s, 10);
    test_store_remove(options.db_path);
}

/* A second run that would write the same config is refused at once, by the file's name. */
Test(tune, two_runs_do_not_write_one_config)
{
    const char *config = test_tune_config();
    vlt_file_lock *lock = NULL;
    vlt_error err = {0};
    double begin_s = now_s();
    cr_assert_eq(vlt_file_lock_take(config, NULL, NULL, &lock, &err), VLT_OK, "%s", err.message);
    vlt_tune_options options = options_for(config, test_store_path(0), 30);
    vlt_report result;
    cr_assert_eq(vlt_tune_with(&options, test_program_path(), &result, &err), VLT_STATUS_IO);
    cr_assert(strstr(err.message, config) && strstr(err.message, "process"), "%s", err.message);
    cr_assert_leq(now_s() - begin_s, 5);
    vlt_report_release(&result);
    vlt_file_lock_release(lock);
    test_store_remove(options.db_path);
}

static int waits;

static void note_waiting(void *user, long holder)
{
    (void)user;
    waits += holder > 0;
}

static bool stop_when_waiting(void)
{
    return waits > 0;
}

/* Two runs on one machine would measure each other: the second one waits, and says so. */
Test(tune, a_second_run_waits_for_the_first)
{
    char turn[64];
    vlt_file_lock *lock = NULL;
    vlt_error err = {0};
    snprintf(turn, sizeof turn, "/tmp/vltune-test-turn-%d", (int)getpid());
    cr_assert_eq(vlt_file_lock_take(turn, NULL, NULL, &lock, &err), VLT_OK, "%s", err.message);
    vlt_tune_options options = options_for(test_tune_config(), test_store_path(0), 5);
    options.measuring_lock = turn;
    options.waiting = note_waiting;
    options.stop = stop_when_waiting;
    vlt_report result;
    cr_assert_eq(vlt_tune_with(&options, test_program_path(), &result, &err),
                 VLT_STATUS_INTERRUPTED);
    cr_assert_eq(waits, 1);
    cr_assert_eq(result.end, VLT_TUNE_INTERRUPTED);
    vlt_report_release(&result);
    vlt_file_lock_release(lock);
    test_store_remove(options.db_path);
}

/* What is wrong with the inputs is said at once, whoever measures. */
Test(tune, what_is_wrong_is_said_before_the_waiting)
{
    char turn[64], path[64];
    static const char broken[] = "{\"prompt\": \"How many?\"}\n{\"promt\": 1}\n";
    vlt_file_lock *lock = NULL;
    vlt_error err = {0};
    snprintf(turn, sizeof turn, "/tmp/vltune-test-turn-%d", (int)getpid());
    snprintf(path, sizeof path, "/tmp/vltune-test-broken-%d", (int)getpid());
    cr_assert_eq(vlt_write_file(path, broken, strlen(broken), NULL), VLT_OK);
    cr_assert_eq(vlt_file_lock_take(turn, NULL, NULL, &lock, &err), VLT_OK, "%s", err.message);
    const char *const seeds[] = {path};
    vlt_restriction *where;
    cr_assert_eq(vlt_restriction_parse("foo", "--where", &where, &err), VLT_OK);
    const char *const says[] = {"'foo'", "--seed-from", "line 2"};
    for (int i = 0; i < 3; i++) {
        vlt_report result;
        vlt_tune_options options = options_for(test_tune_config(), test_store_path(0), 5);
        options.measuring_lock = turn;
        options.waiting = note_waiting;
        options.stop = stop_when_waiting;
        options.where = i == 0 ? where : NULL;
        options.seed_from = seeds;
        options.seed_from_count = i == 1;
        options.workload = i == 2 ? path : NULL;
        cr_expect_eq(vlt_tune_with(&options, test_program_path(), &result, &err), VLT_STATUS_INPUT,
                     "%s", says[i]);
        cr_expect(strstr(err.message, says[i]), "%s", err.message);
        vlt_report_release(&result);
        test_store_remove(options.db_path);
    }
    cr_expect_eq(waits, 0);
    vlt_restriction_destroy(where);
    vlt_file_lock_release(lock);
    remove(path);
}

/* A line of the workload that cannot be answered ends the run by name, before anything is tuned. */
Test(tune, a_workload_that_fails_is_refused_by_name, .timeout = 120)
{
    char path[64];
    static const char text[] = "{\"prompt\": \"How many?\", \"max_tokens\": 2}\n"
                               "{\"prompt\": \"What?\", \"images\": [\"no-such.jpg\"]}\n";
    snprintf(path, sizeof path, "/tmp/vltune-test-lines-%d.jsonl", (int)getpid());
    cr_assert_eq(vlt_write_file(path, text, strlen(text), NULL), VLT_OK);
    vlt_tune_options options = options_for(test_tune_config(), test_store_path(0), 60);
    options.workload = path;
    vlt_report result;
    vlt_error err = {0};
    vlt_status status = vlt_tune_with(&options, test_program_path(), &result, &err);
    cr_assert_eq(vlt_status_exit_code(status), 2, "%s", err.message);
    cr_assert(strstr(err.message, path) && strstr(err.message, "no-such.jpg"), "%s", err.message);
    cr_assert_eq(result.trials, 0);
    vlt_report_release(&result);
    unlink(path);
    test_store_remove(options.db_path);
}

/* The store fails in the middle, as a full disk does: what was decided is in the config. */
Test(tune, a_store_that_fails_costs_only_what_comes_after, .timeout = 240)
{
    const char *db = test_store_path(0), *config = test_tune_config();
    vlt_tune_options options = options_for(config, db, VLT_ASAN ? 90 : 25);
    vlt_report result;
    vlt_store *store;
    vlt_error err = {0};
    cr_assert_eq(vlt_store_open(db, VLT_STORE_CREATE, &store, NULL), VLT_OK);
    cr_assert_eq(vlt_store_exec(store,
                                "CREATE TRIGGER full BEFORE INSERT ON decision"
                                " WHEN (SELECT count(*) FROM decision) = 2"
                                " BEGIN SELECT RAISE(ABORT, 'planted failure'); END",
                                "testing", NULL),
                 VLT_OK);
    vlt_store_close(store);
    vlt_status status = vlt_tune_with(&options, test_program_path(), &result, &err);
    cr_assert_eq(vlt_status_exit_code(status), 2, "%s", err.message);
    cr_assert(strstr(err.message, "planted failure") && strstr(err.message, config), "%s",
              err.message);
    vlt_tuned_config read;
    cr_assert_eq(vlt_tuned_read(config, NULL, NULL, &read, &err), VLT_OK, "%s", err.message);
    cr_assert_not(read.edited);
    cr_assert_geq(read.count, 2);
    int with_evidence = 0;
    for (int i = 0; i < read.count; i++) {
        with_evidence += read.decision[i].evidence[0] != '\0';
    }
    cr_assert_eq(with_evidence, 2, "evidence that is not in the database");
    vlt_tuned_config_release(&read);
    cr_assert_gt(count(db, "SELECT count(*) FROM trial"), 0);
    cr_assert_eq(count(db, "SELECT count(*) FROM session WHERE ended = 'failed'"), 1);
    vlt_report_release(&result);
    unlink(config);
    test_store_remove(db);
}

static bool searching;

static bool stop_when_searching(void)
{
    return searching;
}

static void note_progress(void *user, const vlt_tune_progress *progress)
{
    (void)user;
    searching = searching || !strcmp(progress->stage, "search");
}

static void fill_disk(void *user, const vlt_tune_progress *progress)
{
    struct rlimit limit;
    note_progress(user, progress);
    if (searching && getrlimit(RLIMIT_FSIZE, &limit) == 0) {
        limit.rlim_cur = 1;
        setrlimit(RLIMIT_FSIZE, &limit);
    }
}

/* What was measured is in the database: the message says that the same command goes on with it. */
Test(tune, a_full_disk_says_how_to_go_on, .timeout = 240)
{
    const char *db = test_store_path(0), *config = test_tune_config();
    vlt_tune_options options = options_for(config, db, VLT_ASAN ? 90 : 25);
    vlt_report result;
    vlt_error err = {0};
    struct rlimit before;
    options.progress = fill_disk;
    signal(SIGXFSZ, SIG_IGN); /* as the program does */
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    vlt_status status = vlt_tune_with(&options, test_program_path(), &result, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    cr_expect_eq(status, VLT_STATUS_IO, "%s", err.message);
    cr_expect(strstr(err.message, "; the same command goes on with the samples in ") &&
                  strstr(err.message, db),
              "%s", err.message);
    vlt_report_release(&result);
    unlink(config);
    test_store_remove(db);
}

/* Ctrl-C before anything is certain does not cost the config of an earlier run. */
Test(tune, an_early_end_keeps_the_config_that_is_there, .timeout = 240)
{
    const char *db = test_store_path(0), *config = test_tune_config();
    vlt_tune_options options = options_for(config, db, VLT_ASAN ? 90 : 25);
    vlt_report result;
    vlt_error err = {0};
    size_t bytes;
    options.stop = stop_when_searching;
    options.progress = note_progress;
    cr_assert_eq(vlt_write_file(config, "earlier", 7, NULL), VLT_OK);
    vlt_status status = vlt_tune_with(&options, test_program_path(), &result, &err);
    cr_assert_eq(status, VLT_STATUS_INTERRUPTED, "%s", err.message);
    char *text = test_read_file(config, &bytes);
    cr_assert_str_eq(text, "earlier");
    free(text);
    vlt_report_release(&result);
    unlink(config);
    test_store_remove(db);
}

Test(tune, a_kill_leaves_a_sound_store, .timeout = 120)
{
    const char *db = test_store_path(0), *config = test_tune_config();
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            vlt_tune_options options = options_for(config, db, 20);
            vlt_report result;
            vlt_tune_with(&options, test_program_path(), &result, NULL);
            _exit(0);
        }
        struct timespec wait = {i == 0 ? 2 : 1, 300000000L * i % 1000000000};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        check_store(db);
    }
    unlink(config);
    test_store_remove(db);
}

/* Services are measured on whole batches of the workload, and their knobs are in the config. */
Test(tune, services_are_launched_on_batches, .timeout = 400)
{
    const char *db = test_store_path(0), *config = test_tune_config();
    char workload[80];
    snprintf(workload, sizeof workload, "%s.jsonl", config);
    static const char lines[] = "{\"prompt\": \"How many?\"}\n{\"prompt\": \"Where?\"}\n"
                                "{\"prompt\": \"Which?\"}\n{\"prompt\": \"Who?\"}\n";
    cr_assert_eq(vlt_write_file(workload, lines, strlen(lines), NULL), VLT_OK);
    vlt_tune_options options = options_for(config, db, VLT_ASAN ? 120 : 20);
    options.only_op = "pipeline";
    options.workload = workload;
    options.max_tokens = 2;
    vlt_report result;
    vlt_error err = {0};
    cr_assert_eq(vlt_tune_with(&options, test_program_path(), &result, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(result.row_count, 1);
    cr_expect_str_eq(result.row[0].op, "pipeline");
    cr_expect_geq(result.row[0].settings, 2, "the default and another one");
    cr_expect(isnan(result.row[0].share), "its time is that of other rows");
    cr_expect_gt(count(db, "SELECT count(*) FROM trial t JOIN variant v ON v.id = t.variant_id"
                           " WHERE v.name = 'overlapped' AND t.outcome = 'ok'"),
                 0);
    cr_expect_gt(count(db, "SELECT count(*) FROM decision"), 0);
    vlt_tuned_config read;
    cr_assert_eq(vlt_tuned_read(config, NULL, NULL, &read, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(read.count, 1);
    static const char *const knobs[] = {"parallel=",
                                        "prefetch=",
                                        "preprocess_threads=",
                                        "tokenize_threads=",
                                        "tokenize_chunk=",
                                        "tokenize_cache=",
                                        "pin=",
                                        "weights=system",
                                        "huge_pages=",
                                        "first_touch="};
    for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++) {
        cr_expect(strstr(read.decision[0].knobs, knobs[i]), "%s in %s", knobs[i],
                  read.decision[0].knobs);
    }
    vlt_tuned_config_release(&read);
    vlt_report_release(&result);
    check_store(db);
    unlink(workload);
    unlink(config);
    test_store_remove(db);
}

/* A budget is kept: by clocks that tests make, so that no load of the machine changes a verdict. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "optimizations/core/compiler.h"
#include "tests/support/data.h"
#include "tests/support/run_program.h"
#include "tests/support/stores.h"
#include "tests/support/tune_options.h"
#include "tuner/tune_result.h"

/* What was not decided claims nothing, and says so. */
static void check_rows(const vlt_report *result)
{
    for (int i = 0; i < result->row_count; i++) {
        const vlt_report_row *row = &result->row[i];
        const vlt_report_comparison *over = &row->over_default;
        if (over->known) {
            cr_assert_geq(row->settings, 2, "%s: known from %lld settings", row->op,
                          (long long)row->settings);
            cr_assert(over->ratio > 0 && over->how != VLT_TUNE_UNKNOWN);
        } else {
            cr_assert(isnan(over->ratio) && over->how == VLT_TUNE_UNKNOWN && row->is_default);
            cr_assert(strstr(row->reason, "not decided") || row->failed > 0, "%s: %s", row->op,
                      row->reason);
        }
    }
    cr_assert(result->end_to_end.over_default.known);
}

/* A clock that goes on by so much whenever somebody looks at it, and by what a step is said to have
 * taken. */
static double clock_ms, tick_ms;

static double look_at_clock(void)
{
    clock_ms += tick_ms;
    return clock_ms;
}

/* Looks at the clock between the last one that finds time left and the end. */
enum { LOOKS_BEHIND = 12 };

Test(tune_budget, a_run_ends_within_its_budget, .timeout = 240)
{
    static const double budgets_s[] = {10, 40};
    for (int i = 0; i < 2; i++) {
        const char *db = test_store_path(0), *config = test_tune_config();
        vlt_tune_options options = test_tune_options(config, db, budgets_s[i]);
        vlt_report result;
        vlt_error err = {0};
        clock_ms = 0;
        tick_ms = 20;
        options.now_ms = look_at_clock;
        vlt_status status = vlt_tune_with(&options, test_program_path(), &result, &err);
        cr_assert(status == VLT_OK || status == VLT_STATUS_UNMEASURED, "%s", err.message);
        cr_expect_leq(result.seconds, budgets_s[i] + 1e-3 * tick_ms * LOOKS_BEHIND);
        if (status == VLT_OK && result.end == VLT_TUNE_BUDGET) {
            cr_expect_geq(result.seconds, 0.8 * budgets_s[i], "spent %.2f s", result.seconds);
        }
        check_rows(&result);
        vlt_report_release(&result);
        unlink(config);
        test_store_remove(db);
    }
}

static int64_t trials_at_jump;

/* In the middle of the search a step takes far longer than all that is left. */
static void jump(void *user, const vlt_tune_progress *progress)
{
    (void)user;
    if (trials_at_jump < 0 && !strcmp(progress->stage, "search") && progress->trials >= 4) {
        trials_at_jump = progress->trials;
        clock_ms += 1e6;
    }
}

Test(tune_budget, nothing_is_begun_behind_the_end, .timeout = 120)
{
    enum { BUDGET_S = 100 };
    const char *db = test_store_path(0), *config = test_tune_config();
    vlt_tune_options options = test_tune_options(config, db, BUDGET_S);
    vlt_report result;
    vlt_error err = {0};
    clock_ms = 0;
    tick_ms = 20;
    trials_at_jump = -1;
    options.now_ms = look_at_clock;
    options.progress = jump;
    vlt_status status = vlt_tune_with(&options, test_program_path(), &result, &err);
    cr_assert_eq(status, VLT_OK, "%s", err.message);
    cr_assert_geq(trials_at_jump, 4);
    cr_expect_eq(result.trials, trials_at_jump);
    cr_expect_eq(result.end, VLT_TUNE_BUDGET);
    cr_expect_leq(result.seconds, 1e3 + BUDGET_S);
    vlt_report_release(&result);
    unlink(config);
    test_store_remove(db);
}

/* Workers that sleep for two seconds before they read their problem; what trials may take is kept
 * in a file, with a line for each worker. */
static const char *plant_late_workers(const char *log)
{
    static char path[64];
    char script[1024];
    snprintf(path, sizeof path, "/tmp/vltune-test-late-%d.sh", (int)getpid());
    int length = snprintf(script, sizeof script,
                          "#!/bin/sh\n"
                          "[ \"$1\" = _race ] || exec '%s' \"$1\"\n"
                          "(sleep 2; echo worker >>%s\n"
                          " while IFS= read -r line; do\n"
                          "  printf '%%s\\n' \"$line\" >>%s; printf '%%s\\n' \"$line\"\n"
                          " done) | '%s' _race\n",
                          test_program_path(), log, log, test_program_path());
    cr_assert_eq(vlt_write_file(path, script, (size_t)length, NULL), VLT_OK);
    chmod(path, 0755);
    return path;
}

/* What a worker's start has taken, its first trial can no longer take. */
Test(tune_budget, a_trial_may_take_what_its_workers_start_has_left, .timeout = 120)
{
    enum { BUDGET_S = 9, START_S = 2 };
    char log[64];
    snprintf(log, sizeof log, "/tmp/vltune-test-late-%d.log", (int)getpid());
    unlink(log);
    const char *db = test_store_path(0), *config = test_tune_config(),
               *late = plant_late_workers(log);
    vlt_tune_options options = test_tune_options(config, db, BUDGET_S);
    vlt_report result;
    vlt_error err = {0};
    options.only_op = "norm";
    vlt_status status = vlt_tune_with(&options, late, &result, &err);
    cr_assert(status == VLT_OK || status == VLT_STATUS_UNMEASURED, "%s", err.message);
    size_t bytes = 0;
    char *text = test_read_file(log, &bytes);
    int workers = 0, trials = 0;
    for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n")) {
        const char *timeout = strstr(line, "\"timeout_s\":");
        workers += !strcmp(line, "worker");
        if (timeout) {
            double timeout_s = strtod(timeout + strlen("\"timeout_s\":"), NULL);
            cr_expect_leq(timeout_s, BUDGET_S - START_S * workers, "worker %d", workers);
            trials++;
        }
    }
    if (!trials) {
        test_skip("the machine is too busy for a trial within the budget");
    }
    free(text);
    vlt_report_release(&result);
    unlink(late);
    unlink(log);
    unlink(config);
    test_store_remove(db);
}

/* `vltune tune --where`: what is refused before anything is measured, and what is left. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/file_lock.h"
#include "optimizations/core/compiler.h"
#include "tests/support/data.h"
#include "tests/support/demo.h"

TestSuite(tune_where, .init = test_demo_make, .fini = test_demo_remove, .timeout = 300);

#define TUNE "$VLTUNE tune $DEMO --no-page --scenes 0 --budget 30s --db x.db -o x.toml --json "

Test(tune_where, refuses)
{
    static const char *const table[][3] = {
        {"rows >=", "--where: column 8", ""},
        {"rows >= 96 &&& threads", "--where: column ", ""},
        {"rowz >= 96", "--where: column 1", "'rows'"},
        {"threads <= 2 && rows >= nosuch", "'nosuch'", "column 25"},
        {"8 / (rows - 96) > 1", "column 3: division by zero", "rows=96"},
        {"variant == 'nosuch'", "no setting", "--where"},
        {"threads > 1000 && variant != 'baseline' && variant != 'avx2'", "no setting", "--where"},
        {"keys > 1 && chunk >= 1 && keys * chunk > 3", "'keys * chunk > 3'", "together"}};
    if (VLT_ASAN) {
        test_skip("a sanitized baseline request takes longer than a short budget allows");
        return;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char script[512];
        snprintf(script, sizeof script,
                 "%s --where \"%s\"; e=$?; test -e x.toml && exit 9; exit $e", TUNE, table[i][0]);
        test_output output = test_demo_script(script);
        cr_expect_eq(output.exit_code, 2, "%s: %d %s", table[i][0], output.exit_code, output.err);
        cr_expect(strstr(output.err, table[i][1]) && strstr(output.err, table[i][2]), "%s: %s",
                  table[i][0], output.err);
        cr_expect_eq(output.out_bytes, 0);
        test_output_release(&output);
    }
}

static json_t *tune(const char *where)
{
    json_t *document;
    vlt_error err;
    char script[512];
    snprintf(script, sizeof script,
             "$VLTUNE tune $DEMO --no-page --scenes 0 --op norm --budget 10s --db x.db -o x.toml "
             "--json --where \"%s\"",
             where);
    test_output output = test_demo_script(script);
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert_eq(vlt_json_parse(output.out, output.out_bytes, "stdout", &document, &err), VLT_OK);
    test_output_release(&output);
    return document;
}

static bool says(const json_t *document, const char *what)
{
    const json_t *notes = json_object_get(document, "notes");
    for (size_t i = 0; i < json_array_size(notes); i++) {
        if (strstr(json_string_value(json_array_get(notes, i)), what)) {
            return true;
        }
    }
    return false;
}

/* Nothing outside is chosen or measured, but for the default; nor is what an earlier run without
 * the restriction has measured. */
Test(tune_where, chooses_within)
{
    if (VLT_ASAN) {
        test_skip("a sanitized baseline request takes longer than a short budget allows");
        return;
    }
    json_t *all = tune("threads <= 1000");
    json_t *within = tune("variant == 'baseline'");
    const json_t *rows = json_object_get(within, "rows");
    cr_assert_geq(json_array_size(rows), 1);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *choice = json_string_value(json_object_get(row, "choice"));
        cr_expect(json_is_true(json_object_get(row, "is_default")) || !strcmp(choice, "baseline"),
                  "%s", choice);
        cr_expect_leq(test_demo_number(row, "settings"), 2); /* the default, and the baseline */
    }
    cr_expect(says(within, "--where leaves out the defaults"));
    cr_expect_not(says(all, "--where"));
    json_decref(all);
    json_decref(within);
}

/* Stopped while somebody else measures: what an earlier run wrote stays, and nothing is shown. The
 * lock is that of the machine: this test takes its turn, and another run's turn serves as well. */
Test(tune_where, a_run_that_is_stopped_while_it_waits_leaves_everything)
{
    vlt_file_lock *lock = NULL;
    vlt_error err = {0};
    vlt_status status = vlt_file_lock_take("/tmp/vltune-measuring", NULL, NULL, &lock, &err);
    cr_assert(status == VLT_OK || status == VLT_STATUS_IO, "%s", err.message);
    test_output output = test_demo_script(
        "echo old >report.html; echo '# old' >x.toml; cp report.html p; cp x.toml t;"
        "$VLTUNE tune $DEMO --db x.db -o x.toml 2>err & n=0;"
        "until grep -q waits err || [ $n = 200 ]; do sleep 0.1; n=$((n+1)); done;"
        "kill -INT $!; wait $!; echo code $?; cat err >&2; cmp report.html p; cmp x.toml t;"
        "grep -c interrupted err");
    cr_expect_str_eq(output.out, "code 130\n1\n", "%s%s", output.out, output.err);
    test_output_release(&output);
    vlt_file_lock_release(lock);
}

/* Stopped while it measures: 75, because the same command goes on, and the message says so. It
 * measures, and does not wait for another test any more, once the database grows. */
Test(tune_where, a_run_that_is_stopped_says_how_to_go_on)
{
    test_output output = test_demo_script(
        "$VLTUNE tune $DEMO --db x.db -o x.toml --budget 100s --no-page --quiet >shown 2>err & n=0;"
        "until [ -s x.db ] || [ $n = 300 ]; do sleep 0.1; n=$((n+1)); done; sleep 1;"
        "new=$(cat x.db* | wc -c);"
        "until [ $(cat x.db* | wc -c) -gt $new ] || [ $n = 2000 ]; do sleep 0.1; n=$((n+1)); done;"
        "kill -INT $!; wait $!; echo code $?; cat err >&2; [ -s x.toml ] && echo config");
    cr_expect_str_eq(output.out, "code 75\nconfig\n", "%s%s", output.out, output.err);
    cr_expect(strstr(output.err, "interrupted: x.toml holds what was certain") &&
                  strstr(output.err, "the same command goes on with the samples in x.db"),
              "%s", output.err);
    test_output_release(&output);
}

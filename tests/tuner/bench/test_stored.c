/* What bench stores is what compare db:RUN reads; troubles with databases. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "optimizations/core/utf8_text.h"
#include "tests/support/run_program.h"
#include "tests/support/stores.h"
#include "tuner/bench/stored.h"
#include "tuner/store/store_admin.h"

static const char measure_norm[] =
    "compare norm/baseline@rows=16,width=512 norm/baseline@rows=16,width=512 --threads 1 "
    "--launches 12 --json --db ";

/* "sample    12 fresh processes, 563 of 934 pairs (371 interrupted)": as when they were measured.
 */
static void check_sample_line(const char *path)
{
    char command[512];
    int processes = 0, used = 0, taken = 0, interrupted = -1;
    snprintf(command, sizeof command, "compare db:latest db:latest --db %s", path);
    test_output output = test_program(command);
    const char *line = strstr(output.out, "sample ");
    cr_assert(line && sscanf(line, "sample %d fresh processes, %d of %d pairs (%d interrupted)",
                             &processes, &used, &taken, &interrupted) == 4,
              "%s", output.out);
    cr_assert(processes >= 8 && used > 0 && used <= taken && interrupted >= 0 &&
                  (used == taken || used + interrupted == taken),
              "%s", line);
    test_output_release(&output);
}

Test(stored, two_runs_are_compared)
{
    char command[512];
    const char *path = test_store_path(0);
    snprintf(command, sizeof command, "%s%s", measure_norm, path);
    for (int i = 0; i < 2; i++) {
        test_output output = test_program(command);
        cr_assert_eq(output.exit_code, 0, "%s", output.err);
        cr_assert(strstr(output.err, "stored as db:"), "%s", output.err);
        test_output_release(&output);
    }
    vlt_stored_run run;
    vlt_error err = {0};
    cr_assert_eq(vlt_stored_read(path, "latest", &run, &err), VLT_OK, "%s", err.message);
    cr_assert_eq(run.count, 1);
    cr_assert_geq(run.setting[0].launches, 8);
    cr_assert_str_eq(run.setting[0].problem, "rows=16,width=512,kind=0");
    /* report shows the run again */
    snprintf(command, sizeof command, "report --json --session %s --db %s",
             vlt_quoted(run.info.id, VLT_STORE_ID_SHOWN).text, path);
    test_output again = test_program(command);
    cr_assert_eq(again.exit_code, 0, "%s", again.err);
    cr_assert(strstr(again.out, "\"baseline\": \"norm/baseline@rows=16,width=512,kind=0\""), "%s",
              again.out);
    cr_assert(strstr(again.out, "\"verdict\": \""), "%s", again.out);
    test_output_release(&again);
    snprintf(command, sizeof command, "compare db:%s db:latest --json --db %s", run.info.id, path);
    vlt_stored_release(&run);

    test_output output = test_program(command);
    json_t *document = NULL;
    cr_assert_eq(output.exit_code, 0, "%s", output.err);
    cr_assert_eq(vlt_json_parse(output.out, output.out_bytes, "out", &document, NULL), VLT_OK);
    const json_t *row = json_array_get(json_object_get(document, "rows"), 0);
    cr_assert_float_eq(json_number_value(json_object_get(row, "ratio")), 1, 1e-9);
    cr_assert(json_is_string(json_object_get(row, "verdict")));
    cr_assert_geq(json_integer_value(json_object_get(row, "pairs_taken")),
                  json_integer_value(json_object_get(row, "pairs")));
    json_decref(document);
    test_output_release(&output);
    check_sample_line(path);

    vlt_store *store;
    int64_t problems = -1;
    cr_assert_eq(vlt_store_open(path, VLT_STORE_READ, &store, NULL), VLT_OK);
    cr_assert_eq(vlt_store_check(store, NULL, NULL, &problems, NULL), VLT_OK);
    cr_assert_eq(problems, 0);
    vlt_store_close(store);
    test_store_remove(path);
}

/* Made runs with a known difference, and one of another machine. */
Test(stored, finds_the_difference_and_the_machine)
{
    const char *path = test_store_path(1);
    vlt_judge_options options = vlt_judge_defaults();
    char id[2][VLT_STORE_ID_BYTES];
    vlt_error err = {0};
    for (int r = 0; r < 2; r++) {
        int64_t session;
        vlt_store *store = test_store_open(path, &session);
        for (int i = 0; i < 12; i++) {
            double ratio = (r ? 0.515 : 0.5) * (1 + 0.0002 * i);
            cr_assert_eq(test_store_add(store, session, "avx2", ratio, 20, NULL), VLT_OK);
        }
        cr_assert_eq(vlt_store_session_id(store, session, id[r], NULL), VLT_OK);
        vlt_store_close(store);
    }
    vlt_rows rows = {0};
    cr_assert_eq(vlt_rows_from_runs(path, id[0], id[1], &options, &rows, &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(rows.count, 1);
    cr_assert_float_eq(rows.row[0].experiment.result.judgement.ratio, 1.03, 0.002);
    cr_assert_eq(rows.row[0].experiment.result.judgement.verdict, VLT_VERDICT_SLOWER);
    vlt_rows_release(&rows);
    cr_assert_eq(vlt_rows_from_runs(path, id[0], "no-such-run", &options, &rows, &err),
                 VLT_STATUS_INPUT);
    cr_assert(strstr(err.message, "no-such-run"));
    cr_assert_eq(vlt_rows_from_runs("/nonexistent.db", "a", "b", &options, &rows, &err),
                 VLT_STATUS_IO);
    test_store_remove(path);
    char why[512];
    cr_assert(vlt_store_same_machine("{\"cpu\":\"a\",\"catalogue\":\"1\"}",
                                     "{\"cpu\":\"a\",\"catalogue\":\"2\"}", why, sizeof why));
    cr_assert(!vlt_store_same_machine("{\"cpu\":\"a\"}", "{\"cpu\":\"b\"}", why, sizeof why));
    cr_assert_str_eq(why, "cpu: 'a' and 'b'");
    cr_assert(!vlt_store_same_machine("{\"cpu\":\"a\"}", "nonsense", why, sizeof why));
}

Test(stored, a_database_that_cannot_be_written_is_said_at_once)
{
    char command[512];
    const char *bad[] = {"/nonexistent/folder/x.db", "/dev/full", "/proc/version"};
    for (int i = 0; i < 3; i++) {
        snprintf(command, sizeof command, "%s%s", measure_norm, bad[i]);
        test_output output = test_program(command);
        cr_assert_eq(output.exit_code, 2, "%s: %d %s", bad[i], output.exit_code, output.err);
        cr_assert(strstr(output.err, bad[i]), "%s", output.err);
        test_output_release(&output);
    }
}

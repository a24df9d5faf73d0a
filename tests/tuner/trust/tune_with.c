/* tune_with PROGRAM MODEL CONFIG DB BUDGET_S THREADS [OP]: tunes with PROGRAM in the place
 * of vltune in every process of its own, and prints the rows as JSON lines. For the scripts
 * beside it, whose stand-ins change what those processes say. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "tuner/tune_result.h"

static json_t *row_to_json(const vlt_report_row *row)
{
    return vlt_json_make("{s:s, s:s, s:s, s:b, s:i, s:i, s:o, s:o, s:o}", "op", row->op, "shape",
                         row->shape, "choice", row->choice, "is_default", row->is_default,
                         "settings", (int)row->settings, "failed", (int)row->failed, "share",
                         vlt_json_real(row->share), "ratio", vlt_json_real(row->over_default.ratio),
                         "high", vlt_json_real(row->over_default.high));
}

static void print(json_t *object)
{
    vlt_json_print(object, true, stdout, NULL);
    json_decref(object);
}

int main(int argc, char **argv)
{
    vlt_report result;
    vlt_error err = {0};
    if (argc < 7) {
        fprintf(stderr, "tune_with PROGRAM MODEL CONFIG DB BUDGET_S THREADS [OP]\n");
        return 2;
    }
    const vlt_tune_options options = {.directory = argv[2],
                                      .config_path = argv[3],
                                      .db_path = argv[4],
                                      .budget_s = strtod(argv[5], NULL),
                                      .threads = (int)strtol(argv[6], NULL, 10),
                                      .only_op = argc > 7 ? argv[7] : NULL,
                                      .scenes = -1};
    vlt_status status = vlt_tune_with(&options, argv[1], &result, &err);
    for (int i = 0; i < result.row_count; i++) {
        print(row_to_json(&result.row[i]));
    }
    print(vlt_json_make("{s:s, s:s, s:i, s:f, s:s}", "op", "the run", "status",
                        status == VLT_OK ? "ok" : err.message, "trials", (int)result.trials,
                        "seconds", result.seconds, "correctness", result.correctness));
    vlt_report_release(&result);
    return vlt_status_exit_code(status);
}

#include "reports/cli/tune_record.h"

#include <stdio.h>

#include "harness/json/json_make.h"
#include "reports/terminal/terminal.h"
#include "tuner/record/record.h"

enum { BAR = 20 };

static void show_progress(void *user, const vlt_record_progress *progress)
{
    char bar[BAR + 3];
    vlt_terminal_bar((double)progress->done / (double)progress->settings, BAR, bar);
    vlt_cli_progress(user, "recording %s  %lld of %lld settings, problem %d of %d  %s", bar,
                     (long long)progress->done, (long long)progress->settings,
                     progress->space_index + 1, progress->space_count, progress->space);
}

static vlt_status print_json(const vlt_record_result *result, vlt_status ended, vlt_error *err)
{
    json_t *spaces = json_array();
    for (int i = 0; i < result->count; i++) {
        const vlt_record_row *row = &result->row[i];
        vlt_json_append(&spaces,
                        vlt_json_make("{s:s, s:I, s:I, s:I, s:I}", "name", row->space, "settings",
                                      (json_int_t)row->settings, "known", (json_int_t)row->known,
                                      "measured", (json_int_t)row->measured, "failed",
                                      (json_int_t)row->failed));
    }
    json_t *document = vlt_json_make("{s:s, s:s, s:o}", "machine", result->machine, "status",
                                     ended == VLT_OK ? "complete" : "interrupted", "spaces",
                                     spaces);
    vlt_status status = vlt_json_print(document, false, stdout, err);
    json_decref(document);
    return status;
}

static void print_text(const vlt_record_result *result)
{
    printf("machine   %s\n%8s %8s %8s %8s  space\n", result->machine, "settings", "known",
           "measured", "failed");
    for (int i = 0; i < result->count; i++) {
        const vlt_record_row *row = &result->row[i];
        printf("%8lld %8lld %8lld %8lld  %s\n", (long long)row->settings, (long long)row->known,
               (long long)row->measured, (long long)row->failed, row->space);
    }
}

static vlt_status record(vlt_cli *cli, vlt_restriction *where, vlt_error *err)
{
    const vlt_record_options options = {.directory = vlt_cli_text(cli, "record", NULL),
                                        .model = vlt_cli_text(cli, "model", NULL),
                                        .problem = vlt_cli_text(cli, "problem", NULL),
                                        .only_op = vlt_cli_text(cli, "op", NULL),
                                        .where = where,
                                        .settings_min = vlt_cli_int(cli, "settings", 2),
                                        .quality = vlt_cli_quality(cli),
                                        .threads = (int)vlt_cli_int(cli, "threads", 0),
                                        .seed = (uint64_t)vlt_cli_int(cli, "seed", 1),
                                        .stop = vlt_cli_interrupted,
                                        .progress = show_progress,
                                        .user = cli};
    vlt_record_result result;
    vlt_status status = vlt_record_run(&options, &result, err);
    vlt_cli_progress(cli, NULL);
    if (status == VLT_OK || (status == VLT_STATUS_INTERRUPTED && result.count)) {
        if (vlt_cli_flag(cli, "json")) {
            vlt_status printed = print_json(&result, status, status == VLT_OK ? err : NULL);
            status = status == VLT_OK ? printed : status;
        } else {
            print_text(&result);
        }
    }
    if (status == VLT_STATUS_INTERRUPTED && result.count) {
        status = vlt_fail(err, VLT_STATUS_STOPPED,
                          "interrupted: %s holds what was measured; the same command goes on",
                          options.directory);
    }
    vlt_record_result_release(&result);
    return status;
}

vlt_status vlt_tune_record(vlt_cli *cli, vlt_error *err)
{
    const char *text = vlt_cli_text(cli, "where", NULL);
    vlt_restriction *where = NULL;
    if (!vlt_cli_text(cli, "model", NULL) && !vlt_cli_text(cli, "problem", NULL)) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "tune: --record without --model or --problem, expected the checkpoint "
                        "whose problems are recorded, or one of them");
    }
    vlt_status status = text ? vlt_restriction_parse(text, "--where", &where, err) : VLT_OK;
    status = status == VLT_OK ? record(cli, where, err) : status;
    vlt_restriction_destroy(where);
    return status;
}

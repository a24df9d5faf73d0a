/* vltune report: what was measured, again: from the store to the terminal, a page or JSON. */
#include <stdlib.h>
#include <string.h>

#include "harness/cli/db_cli.h"
#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "reports/cli/bench_options.h"
#include "reports/cli/program.h"
#include "reports/page/comparison_page.h"
#include "reports/page/page.h"
#include "reports/report_json.h"
#include "reports/terminal/terminal.h"
#include "tuner/bench/stored.h"
#include "tuner/store/store.h"

static const vlt_option options[] = {
    {"session", "ID", "the run whose id begins so (default: the newest)", 0, VLT_TEXT},
    {"page", "FILE", "also write the HTML page", 'o', VLT_OUTPUT},
    {"trust", "FILE", "add what `vltune bench --self-check --json` printed, as the trust box", 0,
     VLT_FILE},
};

/* *document: as stored, with the facts of the self-check; new reference, NULL where it fails. */
static vlt_status load(const char *path, const char *session, const char *trust, json_t **document,
                       vlt_error *err)
{
    vlt_store *store;
    char *text = NULL;
    *document = NULL;
    vlt_status status = vlt_store_open(path, VLT_STORE_READ, &store, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_get_result(store, session, &text, err);
    vlt_store_close(store);
    if (status == VLT_OK) {
        status = vlt_json_parse(text, strlen(text), path, document, err);
    }
    if (status == VLT_OK && trust) {
        json_t *facts = NULL;
        status = vlt_comparison_trust(trust, &facts, err);
        if (status == VLT_OK) {
            vlt_json_set(document, "trust", facts);
            status = *document ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "report: out of memory");
        }
    }
    free(text);
    return status;
}

/* What bench, compare or gate stored: their rows again. */
static vlt_status show_rows(vlt_cli *cli, const char *path, const char *run, vlt_error *err)
{
    vlt_rows rows = {0};
    const vlt_experiment_options settings = vlt_experiment_defaults();
    vlt_status status = vlt_rows_from_run(path, run, &settings.judge, &rows, err);
    if (status == VLT_OK) {
        status = vlt_rows_adjust(&rows, err);
    }
    for (int i = 0; i < rows.count && status == VLT_OK && !vlt_cli_flag(cli, "json"); i++) {
        const vlt_row *row = &rows.row[i];
        if (i == 0 || strcmp(row->op, row[-1].op) || strcmp(row->shape, row[-1].shape)) {
            vlt_bench_print_head(row, stdout);
        }
        vlt_bench_print_row(row, stdout);
    }
    if (status == VLT_OK) {
        status = vlt_bench_write(cli, "vltune report", &rows, &settings, err);
    }
    vlt_rows_release(&rows);
    return status;
}

static vlt_status show_report(vlt_cli *cli, const json_t *document, vlt_error *err)
{
    vlt_report report;
    vlt_status status = vlt_report_from_json(document, &report, err);
    const char *page = vlt_cli_text(cli, "page", NULL);
    if (status == VLT_OK && page) {
        vlt_utf8_format(report.page_path, sizeof report.page_path, "%s", page);
        status = vlt_page_write(&report, page, err);
    }
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        status = vlt_json_print(document, false, stdout, err);
    } else if (status == VLT_OK) {
        vlt_terminal terminal = vlt_terminal_stdout(vlt_cli_colour(cli));
        vlt_terminal_head(&terminal, &report);
        vlt_terminal_result(&terminal, &report);
    }
    vlt_report_release(&report);
    return status;
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    json_t *document;
    vlt_error none = {0};
    char path[VLT_DB_PATH_BYTES];
    const char *session = vlt_cli_text(cli, "session", NULL);
    vlt_status status = vlt_db_cli_path(cli, NULL, false, path, err);
    if (status != VLT_OK) {
        return status;
    }
    status = load(path, session, vlt_cli_text(cli, "trust", NULL), &document, &none);
    if (status == VLT_STATUS_UNMEASURED) {
        json_decref(document);
        return show_rows(cli, path, session ? session : "latest", err);
    }
    status = status == VLT_OK ? show_report(cli, document, err)
                              : vlt_fail(err, status, "%s", none.message);
    json_decref(document);
    return status;
}

VLT_COMMAND(report, .operands = "", .summary = "show what was measured, again",
            .details =
                "Reads a database (--db, default vltune.db) and measures nothing: the newest "
                "tuning run, or the run of\nbench, compare or gate whose id --session gives "
                "(without any tuning run: the newest).",
            .examples = "report\n"
                        "report --page report.html",
            .options = options, .option_count = sizeof options / sizeof *options,
            .with = VLT_WITH_JSON | VLT_WITH_DB_READ, .run = run);

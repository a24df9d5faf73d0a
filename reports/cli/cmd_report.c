/* vltune report: what a tuning run found, again: from the store to the terminal, a page or JSON. */
#include <stdlib.h>
#include <string.h>

#include "reports/cli/program.h"
#include "reports/page/comparison_page.h"
#include "reports/page/page.h"
#include "reports/terminal/terminal.h"
#include "tuner/store/store.h"

static const vlt_option options[] = {
    {"session", "ID", "the run whose id begins so (default: the newest)", 0},
    {"page", "FILE", "also write the HTML page", 'o'},
    {"trust", "FILE", "add what `vltune bench --self-check --json` printed, as the trust box", 0},
};

static vlt_status load(const char *path, const char *session, const char *trust, vlt_report *out,
                       vlt_error *err)
{
    vlt_store *store;
    char *text = NULL;
    json_t *document = NULL;
    vlt_status status = vlt_store_open(path, VLT_STORE_READ, &store, err);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_get_result(store, session, &text, err);
    vlt_store_close(store);
    if (status == VLT_OK) {
        status = vlt_json_parse(text, strlen(text), path, &document, err);
    }
    if (status == VLT_OK && trust) {
        json_t *facts = NULL;
        status = vlt_comparison_trust(trust, &facts, err);
        if (status == VLT_OK) {
            json_object_set_new(document, "trust", facts);
        }
    }
    if (status == VLT_OK) {
        status = vlt_report_from_json(document, out, err);
    }
    json_decref(document);
    free(text);
    return status;
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    vlt_report report;
    const char *page = vlt_cli_text(cli, "page", NULL);
    vlt_status status = load(vlt_cli_text(cli, "db", "vltune.db"),
                             vlt_cli_text(cli, "session", NULL), vlt_cli_text(cli, "trust", NULL),
                             &report, err);
    if (status != VLT_OK) {
        return status;
    }
    if (page) {
        report.page_path = page;
        status = vlt_page_write(&report, page, err);
    }
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        status = vlt_json_print(report.document, false, stdout, err);
    } else if (status == VLT_OK) {
        vlt_terminal terminal = vlt_terminal_stdout(vlt_cli_colour(cli));
        vlt_terminal_head(&terminal, &report);
        vlt_terminal_result(&terminal, &report);
    }
    vlt_report_release(&report);
    return status;
}

VLT_COMMAND(report, .operands = "", .summary = "show what a tuning run found, again",
            .details = "Reads the database that `vltune tune` wrote (--db, default vltune.db) and "
                       "measures nothing.",
            .options = options, .option_count = sizeof options / sizeof *options, .run = run);

/* vltune db: the database of samples: checked, merged, written out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/cli/db_cli.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/store/store_admin.h"

static void keep_problem(void *user, const char *what)
{
    vlt_json_append(user, vlt_json_name(what));
}

/* What SQLite finds may be several lines. */
static void print_problem(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);
        printf("%s\n", line ? vlt_quoted_path(line).text : "out of memory");
        free(line);
        text += length + (text[length] == '\n');
    }
}

static vlt_status run_check(vlt_cli *cli, vlt_error *err)
{
    char path[VLT_DB_PATH_BYTES];
    vlt_store *store;
    int64_t count = 0;
    json_t *problems = json_array();
    vlt_status status = vlt_db_cli_path(cli, vlt_cli_operand(cli, 1), false, path, err);
    if (status == VLT_OK) {
        status = vlt_store_open(path, VLT_STORE_READ, &store, err);
    }
    if (status == VLT_OK) {
        status = vlt_store_check(store, keep_problem, &problems, &count, err);
        vlt_store_close(store);
    }
    if (status == VLT_OK && !problems) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: no memory for what is wrong with it", path);
    } else if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        json_t *document = vlt_json_make("{s:s, s:O}", "file", path, "problems", problems);
        status = vlt_json_print(document, false, stdout, err);
        json_decref(document);
    } else if (status == VLT_OK) {
        for (size_t i = 0; i < json_array_size(problems); i++) {
            print_problem(json_string_value(json_array_get(problems, i)));
        }
        if (count == 0) {
            printf("%s: sound\n", vlt_quoted_path(path).text);
        }
    }
    json_decref(problems);
    if (status == VLT_OK && count > 0) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: %lld problems, expected none", path,
                          (long long)count);
    }
    return status;
}

static vlt_status run_merge(vlt_cli *cli, vlt_error *err)
{
    char path[VLT_DB_PATH_BYTES];
    vlt_store *store = NULL;
    json_t *list = json_array();
    vlt_status status = vlt_db_cli_path(cli, NULL, true, path, err);
    for (int i = 1; i < vlt_cli_operand_count(cli) && status == VLT_OK; i++) {
        status = vlt_cli_check_input(vlt_cli_operand(cli, i), err); /* before INTO is made */
    }
    if (status == VLT_OK) {
        status = vlt_store_open(path, VLT_STORE_CREATE, &store, err);
    }
    for (int i = 1; i < vlt_cli_operand_count(cli) && status == VLT_OK; i++) {
        const char *from = vlt_cli_operand(cli, i);
        vlt_store_merged merged;
        status = vlt_store_merge(store, from, &merged, err);
        if (status == VLT_OK) {
            vlt_json_append(&list, vlt_json_make("{s:s, s:I, s:I, s:I, s:I}", "file", from,
                                                 "sessions", (json_int_t)merged.sessions, "trials",
                                                 (json_int_t)merged.trials, "samples",
                                                 (json_int_t)merged.samples, "decisions",
                                                 (json_int_t)merged.decisions));
        }
        if (status == VLT_OK && !vlt_cli_flag(cli, "json")) {
            printf("%s: %lld sessions, %lld trials, %lld samples, %lld decisions were new\n",
                   vlt_quoted_path(from).text, (long long)merged.sessions, (long long)merged.trials,
                   (long long)merged.samples, (long long)merged.decisions);
        }
    }
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        json_t *document = vlt_json_make("{s:s, s:O}", "file", path, "merged", list);
        status = vlt_json_print(document, false, stdout, err);
        json_decref(document);
    }
    json_decref(list);
    vlt_store_close(store);
    return status;
}

/* In the order of vlt_store_format. */
static const char *const formats[] = {"jsonl", "csv", "t4", NULL};

static vlt_status export_to(vlt_store *store, vlt_store_format format, const char *path,
                            vlt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    if (!path) {
        return vlt_store_export(store, format, stdout, err);
    }
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    vlt_status status = vlt_store_export(store, format, stream, err);
    if (fclose(stream) != 0 && status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    if (status == VLT_OK) {
        status = vlt_write_file(path, text, bytes, err);
    }
    free(text);
    return status;
}

static vlt_status run_export(vlt_cli *cli, vlt_error *err)
{
    const char *name = vlt_cli_text(cli, "format", formats[0]);
    char path[VLT_DB_PATH_BYTES];
    int format = 0;
    vlt_store *store;
    while (strcmp(name, formats[format]) != 0) { /* the parser has checked it */
        format++;
    }
    vlt_status status = vlt_db_cli_path(cli, vlt_cli_operand(cli, 1), false, path, err);
    if (status == VLT_OK) {
        status = vlt_store_open(path, VLT_STORE_READ, &store, err);
    }
    if (status == VLT_OK) {
        status = export_to(store, (vlt_store_format)format, vlt_cli_text(cli, "output", NULL), err);
        vlt_store_close(store);
    }
    return status;
}

static const vlt_subcommand subcommands[] = {
    {"check", "[FILE]", 0, 1, VLT_WITH_JSON | VLT_WITH_DB, run_check},
    {"merge", "FILE...", 1, -1, VLT_WITH_JSON | VLT_WITH_DB, run_merge},
    {"export", "[FILE]", 0, 1, VLT_WITH_DB, run_export},
};

static const vlt_option options[] = {
    {"format", "FORMAT", "export: jsonl (default), csv or t4", 0, .kind = VLT_VALUE_CHOICE,
     .choices = formats, .only = "export"},
    {"output", "FILE", "export: write there instead of stdout", 'o', VLT_OUTPUT, .only = "export"},
};

VLT_COMMAND(db, .operands = "check|merge|export [FILE...]",
            .summary = "check, merge or export databases of samples",
            .details = "db check [FILE]              integrity, references and our own rules\n"
                       "db merge FILE... [--db INTO] adds what INTO lacks;\n"
                       "                             again or in another order gives the same\n"
                       "db export [FILE] [--format jsonl|csv|t4] [-o OUT]\n"
                       "The views v_best, v_vs_baseline and v_stale are for other tools.",
            .examples = "db check vltune.db\n"
                        "db merge vltune.db --db all.db\n"
                        "db export vltune.db --format csv -o samples.csv",
            .options = options, .option_count = sizeof options / sizeof *options,
            .with = VLT_WITH_JSON | VLT_WITH_DB, .operand_min = 1, .operand_max = -1,
            .subcommands = subcommands,
            .subcommand_count = sizeof subcommands / sizeof *subcommands);

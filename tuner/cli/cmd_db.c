/* vltune db: the database of samples: checked, merged, written out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/json/json.h"
#include "optimizations/core/registry.h"
#include "tuner/store/store_admin.h"

static void print_problem(void *user, const char *what)
{
    json_array_append_new(user, vlt_json_string(what, strlen(what)));
}

static vlt_status run_check(vlt_cli *cli, const char *path, vlt_error *err)
{
    vlt_store *store;
    int64_t count = 0;
    json_t *problems = json_array();
    vlt_status status = vlt_store_open(path, VLT_STORE_READ, &store, err);
    if (status == VLT_OK) {
        status = vlt_store_check(store, print_problem, problems, &count, err);
        vlt_store_close(store);
    }
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        json_t *document = json_pack("{s:s, s:O}", "file", path, "problems", problems);
        status = vlt_json_print(document, false, stdout, err);
        json_decref(document);
    } else if (status == VLT_OK) {
        for (size_t i = 0; i < json_array_size(problems); i++) {
            printf("%s\n", json_string_value(json_array_get(problems, i)));
        }
        if (count == 0) {
            printf("%s: sound\n", path);
        }
    }
    json_decref(problems);
    if (status == VLT_OK && count > 0) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: %lld problems, expected none", path,
                          (long long)count);
    }
    return status;
}

static vlt_status run_merge(vlt_cli *cli, const char *path, vlt_error *err)
{
    vlt_store *store = NULL;
    json_t *list = json_array();
    vlt_status status = VLT_OK;
    if (vlt_cli_operand_count(cli) < 2) {
        json_decref(list);
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "db merge: no file given, expected: db merge "
                        "FILE... [--db INTO]");
    }
    status = vlt_store_open(path, VLT_STORE_CREATE, &store, err);
    for (int i = 1; i < vlt_cli_operand_count(cli) && status == VLT_OK; i++) {
        const char *from = vlt_cli_operand(cli, i);
        vlt_store_merged merged;
        status = vlt_store_merge(store, from, &merged, err);
        if (status == VLT_OK) {
            json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "file", from,
                                                  "sessions", (json_int_t)merged.sessions, "trials",
                                                  (json_int_t)merged.trials, "samples",
                                                  (json_int_t)merged.samples, "decisions",
                                                  (json_int_t)merged.decisions));
        }
        if (status == VLT_OK && !vlt_cli_flag(cli, "json")) {
            printf("%s: %lld sessions, %lld trials, %lld samples, %lld decisions were new\n", from,
                   (long long)merged.sessions, (long long)merged.trials, (long long)merged.samples,
                   (long long)merged.decisions);
        }
    }
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        json_t *document = json_pack("{s:s, s:O}", "file", path, "merged", list);
        status = vlt_json_print(document, false, stdout, err);
        json_decref(document);
    }
    json_decref(list);
    vlt_store_close(store);
    return status;
}

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

static vlt_status run_export(vlt_cli *cli, const char *path, vlt_error *err)
{
    static const char *const formats[] = {"jsonl", "csv", "t4"};
    const char *name = vlt_cli_text(cli, "format", "jsonl");
    vlt_store *store;
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, formats[i]) != 0) {
            continue;
        }
        vlt_status status = vlt_store_open(path, VLT_STORE_READ, &store, err);
        if (status == VLT_OK) {
            status = export_to(store, (vlt_store_format)i, vlt_cli_text(cli, "output", NULL), err);
            vlt_store_close(store);
        }
        return status;
    }
    return vlt_fail(err, VLT_STATUS_USAGE, "option '--format' is '%s', expected jsonl, csv or t4",
                    name);
}

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    static const char *const names[] = {"check", "merge", "export"};
    const char *name = vlt_cli_operand(cli, 0);
    const char *path = vlt_cli_text(cli, "db", "vltune.db");
    bool merge = !strcmp(name, "merge");
    if (!merge && vlt_cli_operand_count(cli) > 2) {
        return vlt_fail(err, VLT_STATUS_USAGE, "db %s: unexpected operand '%s'", name,
                        vlt_cli_operand(cli, 2));
    }
    if (!merge && vlt_cli_operand_count(cli) == 2) {
        path = vlt_cli_operand(cli, 1);
    }
    if (merge) {
        return run_merge(cli, path, err);
    }
    if (!strcmp(name, "check")) {
        return run_check(cli, path, err);
    }
    if (!strcmp(name, "export")) {
        return run_export(cli, path, err);
    }
    const char *near = vlt_nearest_name(name, names, 3);
    return vlt_fail(err, VLT_STATUS_USAGE, "db: unknown subcommand '%s'%s%s%s", name,
                    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static const vlt_option options[] = {
    {"format", "FORMAT", "export: jsonl (default), csv or t4", 0},
    {"output", "FILE", "export: write there instead of stdout", 'o'},
};

VLT_COMMAND(db, .operands = "check|merge|export [FILE...]",
            .summary = "check, merge or export databases of samples",
            .details = "db check [FILE]              integrity, references and our own rules\n"
                       "db merge FILE... [--db INTO] adds what INTO (default vltune.db) lacks;\n"
                       "                             again or in another order gives the same\n"
                       "db export [FILE] [--format jsonl|csv|t4] [-o OUT]\n"
                       "The views v_best, v_vs_baseline and v_stale are for other tools.",
            .options = options, .option_count = sizeof options / sizeof *options, .operand_min = 1,
            .operand_max = -1, .run = run);

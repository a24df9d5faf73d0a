/* vltune config: the tuned config shown, compared, checked. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/config/tuned.h"
#include "harness/config/tuned_place.h"
#include "harness/infer/engine.h"
#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/cli/config_pack.h"

static void warn(void *user, const char *message)
{
    vlt_cli_warn(user, "%s", message);
}

static json_t *parts_to_json(const vlt_tuned_parts *parts)
{
    json_t *object = json_object();
    for (int i = 0; i < parts->count; i++) {
        vlt_json_set(&object, parts->part[i].name, vlt_json_name(parts->part[i].value));
    }
    return object;
}

static json_t *decision_to_json(const vlt_tuned_decision *d)
{
    return vlt_json_make("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s}", "op", d->op,
                         "bucket", d->bucket, "variant", d->variant, "knobs", d->knobs,
                         "baseline_ns", vlt_json_real(d->baseline_ns), "speedup",
                         vlt_json_real(d->speedup), "speedup_low", vlt_json_real(d->speedup_low),
                         "speedup_high", vlt_json_real(d->speedup_high), "evidence", d->evidence,
                         "reason", d->reason);
}

static json_t *config_to_json(const char *path, const vlt_tuned_config *config)
{
    char hash[24];
    json_t *decisions = json_array();
    for (int i = 0; i < config->count; i++) {
        vlt_json_append(&decisions, decision_to_json(&config->decision[i]));
    }
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)config->key.model_hash);
    return vlt_json_make("{s:s, s:s, s:s, s:b, s:{s:o, s:o}, s:o}", "file", path, "model",
                         config->model_name, "model_hash", hash, "edited", config->edited,
                         "fingerprint", "hard", parts_to_json(&config->key.hard), "soft",
                         parts_to_json(&config->key.soft), "decisions", decisions);
}

static void print_decision(const vlt_tuned_decision *d)
{
    char gain[24] = "";
    if (isfinite(d->speedup)) {
        snprintf(gain, sizeof gain, "%.2fx", d->speedup);
    }
    printf("%-15s %-44s %8s  %s%s%s\n", d->op, d->bucket, gain, d->variant, d->knobs[0] ? " " : "",
           d->knobs);
}

static vlt_status print_json(json_t *document, vlt_error *err)
{
    vlt_status status = vlt_json_print(document, false, stdout, err);
    json_decref(document);
    return status;
}

/* The file that is named, or the one that would be looked at. */
static const char *path_of(const vlt_cli *cli)
{
    const char *named = vlt_cli_operand(cli, 1);
    return named ? named : vlt_cli_text(cli, "config", "tuned.toml");
}

static vlt_status run_show(vlt_cli *cli, vlt_error *err)
{
    const char *path = path_of(cli);
    vlt_tuned_config config;
    vlt_status status = vlt_tuned_read(path, warn, cli, &config, err);
    if (status != VLT_OK) {
        return status;
    }
    if (vlt_cli_flag(cli, "json")) {
        status = print_json(config_to_json(path, &config), err);
    } else {
        const char *cpu = vlt_tuned_parts_get(&config.key.hard, "cpu");
        printf("model           %s\nmachine         %s\n", config.model_name, cpu ? cpu : "-");
        for (int i = 0; i < config.count; i++) {
            print_decision(&config.decision[i]);
        }
    }
    vlt_tuned_config_release(&config);
    return status;
}

static bool same_choice(const vlt_tuned_decision *a, const vlt_tuned_decision *b)
{
    return a && b && !strcmp(a->variant, b->variant) && !strcmp(a->knobs, b->knobs);
}

static json_t *choice_to_json(const vlt_tuned_decision *d)
{
    return d ? vlt_json_make("{s:s, s:s}", "variant", d->variant, "knobs", d->knobs) : json_null();
}

/* Into the list, or on a line of stdout where list is NULL. */
static void add_difference(const vlt_tuned_decision *a, const vlt_tuned_decision *b, json_t **list)
{
    const vlt_tuned_decision *known = a ? a : b;
    if (list) {
        vlt_json_append(list, vlt_json_make("{s:s, s:s, s:o, s:o}", "op", known->op, "bucket",
                                            known->bucket, "a", choice_to_json(a), "b",
                                            choice_to_json(b)));
    } else {
        printf("%-15s %-44s %s%s%s -> %s%s%s\n", known->op, known->bucket, a ? a->variant : "none",
               a && a->knobs[0] ? " " : "", a ? a->knobs : "", b ? b->variant : "none",
               b && b->knobs[0] ? " " : "", b ? b->knobs : "");
    }
}

static vlt_status run_diff(vlt_cli *cli, vlt_error *err)
{
    vlt_tuned_config config[2] = {{.count = 0}, {.count = 0}};
    bool json = vlt_cli_flag(cli, "json");
    json_t *list = json_array();
    int differences = 0;
    vlt_status status = VLT_OK;
    for (int i = 0; i < 2 && status == VLT_OK; i++) {
        status = vlt_tuned_read(vlt_cli_operand(cli, i + 1), warn, cli, &config[i], err);
    }
    for (int i = 0; i < config[0].count && status == VLT_OK; i++) {
        const vlt_tuned_decision *a = &config[0].decision[i];
        const vlt_tuned_decision *b = vlt_tuned_config_find(&config[1], a->op, a->bucket);
        if (!same_choice(a, b)) {
            add_difference(a, b, json ? &list : NULL);
            differences++;
        }
    }
    for (int i = 0; i < config[1].count && status == VLT_OK; i++) {
        const vlt_tuned_decision *b = &config[1].decision[i];
        if (!vlt_tuned_config_find(&config[0], b->op, b->bucket)) {
            add_difference(NULL, b, json ? &list : NULL);
            differences++;
        }
    }
    if (status == VLT_OK && json) {
        status = print_json(vlt_json_make("{s:O}", "differences", list), err);
    } else if (status == VLT_OK && differences == 0) {
        printf("the same choices\n");
    }
    json_decref(list);
    vlt_tuned_config_release(&config[0]);
    vlt_tuned_config_release(&config[1]);
    return status;
}

/* The hash of the model that the config should be for; without one, the config's own is taken, so
 * that the machine alone is checked. */
static vlt_status model_hash(const char *directory, const vlt_tuned_config *config, uint64_t *hash,
                             vlt_error *err)
{
    *hash = config->key.model_hash;
    return directory ? vlt_checkpoint_hash_of(directory, hash, err) : VLT_OK;
}

static vlt_status run_validate(vlt_cli *cli, vlt_error *err)
{
    const char *path = path_of(cli);
    const vlt_machine_sources sources = {.no_gpu = true};
    vlt_machine *machine = NULL;
    vlt_tuned_config config;
    vlt_choices choices = {0};
    vlt_tuned_loaded loaded = {0};
    vlt_tuned_request request = {.config = path, .directory = vlt_cli_text(cli, "model", NULL)};
    vlt_status status = vlt_tuned_read(path, NULL, NULL, &config, err);
    if (status != VLT_OK) {
        return status;
    }
    request.warn = warn;
    request.warn_user = cli;
    request.quality = config.quality; /* whatever it may lose: a run has to ask for that */
    status = model_hash(request.directory, &config, &request.model_hash, err);
    if (status == VLT_OK) {
        status = vlt_machine_probe(&sources, &machine, err);
        request.caps = status == VLT_OK ? vlt_machine_caps(machine) : NULL;
    }
    if (status == VLT_OK) {
        status = vlt_tuned_load(&request, &choices, &loaded, err);
    }
    if (status == VLT_OK && vlt_cli_flag(cli, "json")) {
        status = print_json(vlt_json_make("{s:s, s:s, s:s, s:b, s:i}", "file", path, "status",
                                          loaded.status, "reason", loaded.reason, "edited",
                                          config.edited, "decisions", config.count),
                            err);
    } else if (status == VLT_OK) {
        printf("%s: %s: %s\n", vlt_quoted_path(path).text, loaded.status, loaded.reason);
    }
    if (status == VLT_OK && strcmp(loaded.status, "tuned") != 0) {
        status = vlt_fail(err, VLT_STATUS_STALE, "%s: %s", path, loaded.reason);
    }
    vlt_machine_destroy(machine);
    vlt_choices_release(&choices);
    vlt_tuned_config_release(&config);
    return status;
}

enum { PACK_FILES_MAX = 1000 };

/* Where `tune` writes and `run` looks first for a config of this model on this machine. */
static vlt_status run_path(vlt_cli *cli, vlt_error *err)
{
    char *path = NULL;
    uint64_t hash;
    vlt_tuned_key *key = malloc(sizeof *key);
    vlt_status status = key ? vlt_checkpoint_hash_of(vlt_cli_operand(cli, 1), &hash, err)
                            : vlt_fail(err, VLT_STATUS_NOMEM, "config: out of memory");
    if (status == VLT_OK) {
        status = vlt_tuned_key_here(hash, key, err);
    }
    if (status == VLT_OK) {
        status = vlt_tuned_place(key, vlt_cli_quality(cli), &path, NULL, err);
    }
    if (status == VLT_OK) {
        printf("%s\n", path);
    }
    free(path);
    free(key);
    return status;
}

static const vlt_subcommand subcommands[] = {
    {"path", "DIR", 1, 1, VLT_WITH_QUALITY, run_path},
    {"show", "[FILE]", 0, 1, VLT_WITH_JSON | VLT_WITH_CONFIG, run_show},
    {"diff", "A B", 2, 2, VLT_WITH_JSON, run_diff},
    {"validate", "[FILE]", 0, 1, VLT_WITH_JSON | VLT_WITH_CONFIG, run_validate},
    {"pack", "FILE...", 1, PACK_FILES_MAX, 0, vlt_config_pack},
};

static const vlt_option options[] = {
    {"model", "DIR", "validate: also check that it is for this checkpoint", 0, VLT_FOLDER,
     .only = "validate"},
    {"output", "FILE", "pack: the pack to write (default: standard output)", 'o', VLT_OUTPUT,
     .only = "pack"},
    {"machine", "TEXT", "pack: the class of machines, for people (default: the CPU)", 0, VLT_TEXT,
     .only = "pack"},
    {"top", "N", "pack: settings of a bucket (default 4)", 0, VLT_INT(1, 1000), .only = "pack"},
};

VLT_COMMAND(config, .operands = "show|diff|validate|path|pack [FILE...]",
            .summary = "show, compare or check tuned configs",
            .details =
                "config path DIR             where tune writes, and run looks first, for this "
                "checkpoint\n"
                "config show [FILE]          the decisions (default: --config, tuned.toml)\n"
                "config diff A B             choices that differ\n"
                "config pack FILE... [-o F]  best settings as seeds for other machines\n"
                "config validate [FILE] [--model DIR]\n"
                "                            is it whole, and for this machine and model?",
            .examples = "config show tuned.toml\n"
                        "config validate tuned.toml --model DIR\n"
                        "config diff tuned.toml other.toml",
            .options = options, .option_count = sizeof options / sizeof *options,
            .with = VLT_WITH_JSON | VLT_WITH_CONFIG | VLT_WITH_QUALITY, .operand_min = 1,
            .operand_max = 1 + PACK_FILES_MAX, .subcommands = subcommands,
            .subcommand_count = sizeof subcommands / sizeof *subcommands);

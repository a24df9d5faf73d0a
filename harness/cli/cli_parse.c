#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_internal.h"
#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"

const vlt_option vlt_cli_common[] = {
    {"json", NULL, "print JSON instead of text", 0},
    {"quiet", NULL, "no messages and no progress on stderr", 'q'},
    {"verbose", NULL, "say more on stderr", 'v'},
    {"color", "WHEN", "auto (default), always or never", 0},
    {"threads", "N", "worker threads (default: one per usable core)", 't'},
    {"config", "FILE", "tuned config to use", 'c'},
    {"no-config", NULL, "use no tuned config: default variants", 0},
    {"baseline", NULL, "run every operator's baseline", 0},
    {"require-tuned", NULL, "fail when there is no tuned config for this machine and model", 0},
    {"force", "OP=VARIANT", "run this variant of an operator, [:KNOB=V,...]; repeatable", 0},
    {"db", "FILE", "database of samples (default: vltune.db where one is written)", 0},
    {"help", NULL, "show this help", 'h'},
};
const int vlt_cli_common_count = sizeof vlt_cli_common / sizeof *vlt_cli_common;

static const vlt_option *option_at(const vlt_command *command, int index)
{
    return index < command->option_count ? &command->options[index]
                                         : &vlt_cli_common[index - command->option_count];
}

static int option_count(const vlt_command *command)
{
    return command->option_count + vlt_cli_common_count;
}

const vlt_option *vlt_cli_find_option(const vlt_command *command, const char *name, size_t length)
{
    for (int i = 0; i < option_count(command); i++) {
        const vlt_option *option = option_at(command, i);
        if (strlen(option->name) == length && !strncmp(option->name, name, length)) {
            return option;
        }
    }
    return NULL;
}

static const vlt_option *find_letter(const vlt_command *command, char letter)
{
    for (int i = 0; i < option_count(command); i++) {
        if (option_at(command, i)->letter == letter) {
            return option_at(command, i);
        }
    }
    return NULL;
}

void vlt_cli_environment_name(const vlt_option *option, char *text, size_t text_bytes)
{
    vlt_utf8_format(text, text_bytes, "VLTUNE_%s", option->name);
    for (char *p = text; *p; p++) {
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    }
}

static vlt_status unknown_option(const vlt_command *command, const char *word, vlt_error *err)
{
    const char *names[96];
    int count = option_count(command);
    char name[64];
    vlt_utf8_format(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    count = count < 96 ? count : 96;
    for (int i = 0; i < count; i++) {
        names[i] = option_at(command, i)->name;
    }
    const char *near = vlt_nearest_name(name + strspn(name, "-"), names, count);
    return vlt_fail(err, VLT_STATUS_USAGE, "%s: unknown option '%s'%s%s%s", command->name, name,
                    near ? ", did you mean '--" : "", near ? near : "", near ? "'?" : "");
}

static void add_value(vlt_cli *cli, const vlt_option *option, const char *text)
{
    cli->value[cli->value_count++] = (vlt_cli_value){.option = option, .text = text};
}

/* Reads the option in argv[*index]; moves *index when its argument is the next word. */
static vlt_status read_option(vlt_cli *cli, int argc, char **argv, int *index, vlt_error *err)
{
    const char *word = argv[*index];
    bool is_long = word[1] == '-';
    const char *equals = is_long ? strchr(word, '=') : NULL;
    size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word + 2);
    const vlt_option *option = is_long ? vlt_cli_find_option(cli->command, word + 2, length)
                                       : find_letter(cli->command, word[1]);
    if (!option) {
        return unknown_option(cli->command, word, err);
    }
    const char *text = equals ? equals + 1 : !is_long && word[2] ? word + 2 : NULL;
    if (!option->argument && text) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s: option '--%s' takes no argument, got '%s'",
                        cli->command->name, option->name, text);
    }
    if (option->argument && !text) {
        if (*index + 1 >= argc) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s: option '--%s' needs an argument %s",
                            cli->command->name, option->name, option->argument);
        }
        text = argv[++*index];
    }
    add_value(cli, option, text ? text : "");
    return VLT_OK;
}

static vlt_status check_operands(const vlt_cli *cli, vlt_error *err)
{
    const vlt_command *command = cli->command;
    if (cli->operand_count < command->operand_min) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "%s: %d operand%s given, expected '%s' (see vltune %s --help)",
                        command->name, cli->operand_count, cli->operand_count == 1 ? "" : "s",
                        command->operands, command->name);
    }
    if (command->operand_max >= 0 && cli->operand_count > command->operand_max) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s: unexpected operand '%s', expected '%s'",
                        command->name, cli->operand[command->operand_max], command->operands);
    }
    return VLT_OK;
}

/* VLTUNE_<OPTION> for every option that the command line does not give. */
static vlt_status read_environment(vlt_cli *cli, vlt_error *err)
{
    for (int i = 0; i < option_count(cli->command); i++) {
        const vlt_option *option = option_at(cli->command, i);
        char name[80];
        vlt_cli_environment_name(option, name, sizeof name);
        const char *text = getenv(name);
        if (!text || vlt_cli_count(cli, option->name)) {
            continue;
        }
        if (option->argument) {
            add_value(cli, option, text);
        } else if (!strcmp(text, "1") || !strcmp(text, "true") || !strcmp(text, "yes")) {
            add_value(cli, option, "");
        } else if (*text && strcmp(text, "0") && strcmp(text, "false") && strcmp(text, "no")) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s is '%s', expected 1 or 0", name, text);
        }
    }
    return VLT_OK;
}

vlt_status vlt_cli_parse(const vlt_command *command, int argc, char **argv, vlt_cli **out,
                         vlt_error *err)
{
    vlt_status status = VLT_OK;
    size_t room = (size_t)(argc + option_count(command) + 1);
    *out = NULL;
    vlt_cli *cli = calloc(1, sizeof *cli);
    if (!cli || !(cli->value = calloc(room, sizeof *cli->value)) ||
        !(cli->operand = calloc(room, sizeof *cli->operand))) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", command->name);
        goto done;
    }
    cli->command = command;
    bool only_operands = false;
    for (int i = 0; i < argc && status == VLT_OK; i++) {
        if (only_operands || argv[i][0] != '-' || !argv[i][1]) {
            cli->operand[cli->operand_count++] = argv[i];
        } else if (!strcmp(argv[i], "--")) {
            only_operands = true;
        } else {
            status = read_option(cli, argc, argv, &i, err);
        }
    }
    if (status == VLT_OK && !vlt_cli_flag(cli, "help")) {
        status = check_operands(cli, err);
    }
    if (status == VLT_OK) {
        status = read_environment(cli, err);
    }
    if (status == VLT_OK) {
        *out = cli;
        cli = NULL;
    }
done:
    vlt_cli_destroy(cli);
    return status;
}

void vlt_cli_destroy(vlt_cli *cli)
{
    if (cli) {
        free(cli->value);
        free(cli->operand);
        free(cli);
    }
}

int vlt_cli_count(const vlt_cli *cli, const char *option)
{
    int count = 0;
    assert(vlt_cli_find_option(cli->command, option, strlen(option)));
    for (int i = 0; i < cli->value_count; i++) {
        count += !strcmp(cli->value[i].option->name, option);
    }
    return count;
}

const char *vlt_cli_nth(const vlt_cli *cli, const char *option, int index)
{
    for (int i = 0; i < cli->value_count; i++) {
        if (!strcmp(cli->value[i].option->name, option) && index-- == 0) {
            return cli->value[i].text;
        }
    }
    return NULL;
}

bool vlt_cli_flag(const vlt_cli *cli, const char *option)
{
    return vlt_cli_count(cli, option) > 0;
}

const char *vlt_cli_text(const vlt_cli *cli, const char *option, const char *otherwise)
{
    int count = vlt_cli_count(cli, option); /* the last one given counts */
    return count ? vlt_cli_nth(cli, option, count - 1) : otherwise;
}

vlt_status vlt_cli_double(const vlt_cli *cli, const char *option, double low, double high,
                          double otherwise, double *out, vlt_error *err)
{
    const char *text = vlt_cli_text(cli, option, NULL);
    *out = otherwise;
    if (!text) {
        return VLT_OK;
    }
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "option '--%s' is '%s', expected %g to %g", option,
                        text, low, high);
    }
    *out = value;
    return VLT_OK;
}

vlt_status vlt_cli_int(const vlt_cli *cli, const char *option, int64_t low, int64_t high,
                       int64_t otherwise, int64_t *out, vlt_error *err)
{
    const char *text = vlt_cli_text(cli, option, NULL);
    *out = otherwise;
    if (!text) {
        return VLT_OK;
    }
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < low || value > high) {
        return vlt_fail(err, VLT_STATUS_USAGE, "option '--%s' is '%s', expected %lld to %lld",
                        option, text, (long long)low, (long long)high);
    }
    *out = value;
    return VLT_OK;
}

vlt_status vlt_cli_duration(const vlt_cli *cli, const char *option, double otherwise_s,
                            double *out_s, vlt_error *err)
{
    static const struct {
        const char *suffix;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"min", 60}, {"h", 3600}};
    const char *text = vlt_cli_text(cli, option, NULL);
    *out_s = otherwise_s;
    if (!text) {
        return VLT_OK;
    }
    char *end;
    double value = strtod(text, &end);
    for (size_t i = 0; end != text && isfinite(value) && value > 0 && i < 6; i++) {
        if (!strcmp(end, units[i].suffix)) {
            *out_s = value * units[i].seconds;
            return VLT_OK;
        }
    }
    return vlt_fail(err, VLT_STATUS_USAGE,
                    "option '--%s' is '%s', expected a time such as 60s, 10m or 500ms", option,
                    text);
}

int vlt_cli_operand_count(const vlt_cli *cli)
{
    return cli->operand_count;
}

const char *vlt_cli_operand(const vlt_cli *cli, int index)
{
    return index < cli->operand_count ? cli->operand[index] : NULL;
}

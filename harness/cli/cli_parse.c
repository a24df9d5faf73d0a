#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_internal.h"
#include "optimizations/core/registry.h"

static void add_value(vlt_cli *cli, const vlt_option *option, const char *text, bool environment)
{
    cli->value[cli->value_count++] = (vlt_cli_value){option, text, environment};
}

/* Reads the option in argv[*index]; moves *index when its argument is the next word. */
static vlt_status read_option(vlt_cli *cli, int argc, char **argv, int *index, vlt_error *err)
{
    const char *word = argv[*index];
    bool is_long = word[1] == '-';
    const char *equals = is_long ? strchr(word, '=') : NULL;
    size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word + 2);
    const vlt_option *option = is_long ? vlt_cli_find_option(cli->command, word + 2, length)
                                       : vlt_cli_find_letter(cli->command, word[1]);
    if (!option) {
        return vlt_cli_unknown_option(cli->command, word, err);
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
    add_value(cli, option, text ? text : "", false);
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
        const char *word = cli->operand[command->operand_max];
        char hint[256];
        vlt_cli_hint(cli, word, hint, sizeof hint);
        return vlt_fail(err, VLT_STATUS_USAGE, "%s: unexpected operand '%s', expected %s%s%s%s",
                        command->name, word, command->operand_max ? "'" : "none", command->operands,
                        command->operand_max ? "'" : "", hint);
    }
    return VLT_OK;
}

static vlt_status unknown_subcommand(const vlt_command *command, const char *name, vlt_error *err)
{
    enum { NAMES_MAX = 16 };
    const char *names[NAMES_MAX];
    int count = 0;
    for (; count < command->subcommand_count && count < NAMES_MAX; count++) {
        names[count] = command->subcommands[count].name;
    }
    const char *near = vlt_nearest_name(name, names, count);
    return vlt_fail(err, VLT_STATUS_USAGE, "%s: unknown subcommand '%s'%s%s%s", command->name, name,
                    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* The subcommand that operand 0 names, with its operands counted; NULL where the command has none.
 */
static vlt_status find_subcommand(const vlt_cli *cli, const vlt_subcommand **out, vlt_error *err)
{
    const vlt_command *command = cli->command;
    const char *name = cli->operand_count ? cli->operand[0] : "";
    *out = NULL;
    for (int i = 0; i < command->subcommand_count; i++) {
        const vlt_subcommand *sub = &command->subcommands[i];
        int given = cli->operand_count - 1;
        if (strcmp(name, sub->name) != 0) {
            continue;
        }
        if (given < sub->operand_min || (sub->operand_max >= 0 && given > sub->operand_max)) {
            char hint[256] = "";
            if (sub->operand_max >= 0 && given > sub->operand_max) {
                vlt_cli_hint(cli, cli->operand[1 + sub->operand_max], hint, sizeof hint);
            }
            return vlt_fail(err, VLT_STATUS_USAGE, "%s %s: %d operand%s given, expected '%s'%s",
                            command->name, name, given, given == 1 ? "" : "s", sub->operands, hint);
        }
        *out = sub;
        return VLT_OK;
    }
    return command->subcommand_count ? unknown_subcommand(command, name, err) : VLT_OK;
}

/* VLTUNE_<OPTION> for every option that the command line does not give. */
static vlt_status read_environment(vlt_cli *cli, vlt_error *err)
{
    const vlt_option *option;
    for (int i = 0; (option = vlt_cli_option(cli->command, i)) != NULL; i++) {
        char name[80];
        vlt_cli_environment_name(option, name, sizeof name);
        const char *text = getenv(name);
        if (!text || vlt_cli_count(cli, option->name)) {
            continue;
        }
        if (option->argument && *text) {
            add_value(cli, option, text, true);
        } else if (option->argument) {
            continue; /* empty: not set */
        } else if (!strcmp(text, "1") || !strcmp(text, "true") || !strcmp(text, "yes")) {
            add_value(cli, option, "", true);
        } else if (*text && strcmp(text, "0") && strcmp(text, "false") && strcmp(text, "no")) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s is '%s', expected 1 or 0", name, text);
        }
    }
    return VLT_OK;
}

static vlt_status check_given(vlt_cli *cli, vlt_error *err)
{
    vlt_status status = check_operands(cli, err);
    if (status == VLT_OK) {
        status = find_subcommand(cli, &cli->subcommand, err);
    }
    if (status == VLT_OK) {
        status = read_environment(cli, err);
    }
    if (status == VLT_OK) {
        status = vlt_cli_check_names(cli, err);
    }
    return status == VLT_OK ? vlt_cli_check(cli, cli->subcommand, err) : status;
}

vlt_status vlt_cli_parse(const vlt_command *command, int argc, char **argv, vlt_cli **out,
                         vlt_error *err)
{
    vlt_status status = VLT_OK;
    size_t room = (size_t)(argc + command->option_count + vlt_cli_common_count + 1);
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
        status = check_given(cli, err);
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

vlt_status vlt_cli_run(vlt_cli *cli, vlt_error *err)
{
    const char *isa = vlt_cli_has(cli, "isa") ? vlt_cli_text(cli, "isa", NULL) : NULL;
    if (isa && setenv("VLTUNE_ISA", isa, 1) != 0) { /* for child processes too */
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", cli->command->name);
    }
    return cli->subcommand ? cli->subcommand->run(cli, err) : cli->command->run(cli, err);
}

/* cli_internal.h: between the parser, the output helpers and the program. */
#ifndef VLT_HARNESS_CLI_INTERNAL_H
#define VLT_HARNESS_CLI_INTERNAL_H

#include <stddef.h>

#include "harness/cli/cli.h"

enum { VLT_CLI_THREADS_MAX = 1024 };

/* One value of one option; those of the environment stand where the command line says nothing. */
typedef struct vlt_cli_value {
    const vlt_option *option;
    const char *text; /* "" for a flag; borrowed from argv or the environment */
    bool environment;
} vlt_cli_value;

struct vlt_cli {
    const vlt_command *command;
    const vlt_subcommand *subcommand; /* NULL: the command has none */
    vlt_cli_value *value;             /* owned, in the order given */
    int value_count;
    const char **operand; /* owned array of borrowed texts */
    int operand_count;
};

/* The options that commands share, and whether one of them belongs to a command's VLT_WITH_*. */
extern const vlt_option vlt_cli_common[];
extern const int vlt_cli_common_count;
bool vlt_cli_listed(const vlt_option *option, uint32_t with);

/* The command's own options, then the common ones that it lists; NULL behind the last. */
const vlt_option *vlt_cli_option(const vlt_command *command, int index);

/* Listed option by long name (length bytes) or letter, or NULL. */
const vlt_option *vlt_cli_find_option(const vlt_command *command, const char *name, size_t length);
const vlt_option *vlt_cli_find_letter(const vlt_command *command, char letter);

/* USAGE: names the word, and the nearest option of the command. */
vlt_status vlt_cli_unknown_option(const vlt_command *command, const char *word, vlt_error *err);

/* Reads argv (the words after the command's name) and checks every value. Without a command to run
 * (--help) nothing is checked: ask vlt_cli_flag(cli, "help"). */
vlt_status vlt_cli_parse(const vlt_command *command, int argc, char **argv, vlt_cli **out,
                         vlt_error *err);
void vlt_cli_destroy(vlt_cli *cli);

/* Every value given is one that its option takes, and does something beside the others; values of
 * the environment that would not are left out. */
vlt_status vlt_cli_check(vlt_cli *cli, const vlt_subcommand *sub, vlt_error *err);

/* USAGE when a value that is written is what another value or an operand names. */
vlt_status vlt_cli_check_places(const vlt_cli *cli, const vlt_cli_value *value, vlt_error *err);

/* The command, or the subcommand. */
vlt_status vlt_cli_run(vlt_cli *cli, vlt_error *err);

/* Text as a number; false for anything else. */
bool vlt_cli_read_int(const char *text, int64_t *out);
bool vlt_cli_read_real(const char *text, double *out);
bool vlt_cli_read_bytes(const char *text, int64_t *out);
bool vlt_cli_read_seconds(const char *text, double *out);

/* Before a command with a budget spends it: its names must be such as pages, tables and the tuned
 * config can show. USAGE names the one with a control character. */
vlt_status vlt_cli_check_names(const vlt_cli *cli, vlt_error *err);

/* "VLTUNE_REQUIRE_TUNED" for "require-tuned". */
void vlt_cli_environment_name(const vlt_option *option, char *text, size_t text_bytes);

/* Lets the first SIGINT or SIGTERM ask for a stop and the second one end the process. */
void vlt_cli_catch_interrupts(void);

#endif

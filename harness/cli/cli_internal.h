/* cli_internal.h: between the parser, the output helpers and the program. */
#ifndef VLT_HARNESS_CLI_INTERNAL_H
#define VLT_HARNESS_CLI_INTERNAL_H

#include <stddef.h>

#include "harness/cli/cli.h"

/* One value of one option; env values stand where the command line says nothing. */
typedef struct vlt_cli_value {
    const vlt_option *option;
    const char *text; /* "" for a flag; borrowed from argv or the environment */
} vlt_cli_value;

struct vlt_cli {
    const vlt_command *command;
    vlt_cli_value *value; /* owned, in the order given */
    int value_count;
    const char **operand; /* owned array of borrowed texts */
    int operand_count;
};

/* The options that every command has. */
extern const vlt_option vlt_cli_common[];
extern const int vlt_cli_common_count;

/* Declared option by long name (length bytes) or letter, or NULL. */
const vlt_option *vlt_cli_find_option(const vlt_command *command, const char *name, size_t length);

/* Reads argv (the words after the command's name). USAGE names the word, and the nearest known
 * option. --help stops the reading: ask vlt_cli_flag(cli, "help"). */
vlt_status vlt_cli_parse(const vlt_command *command, int argc, char **argv, vlt_cli **out,
                         vlt_error *err);
void vlt_cli_destroy(vlt_cli *cli);

/* "VLTUNE_REQUIRE_TUNED" for "require-tuned". */
void vlt_cli_environment_name(const vlt_option *option, char *text, size_t text_bytes);

/* Lets the first SIGINT or SIGTERM ask for a stop and the second one end the process. */
void vlt_cli_catch_interrupts(void);

#endif

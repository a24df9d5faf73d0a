/* cli.h: the option table. One table serves parsing, --help, man pages and shell completion.
 *
 * A command is one file cmd_<name>.c in the cli folder of its layer that defines one VLT_COMMAND,
 * and one line COMMAND(<name>) in commands.def beside it. Data goes to stdout, everything else to
 * stderr. A command returns a status; main prints the message as `vltune: ...` on stderr and turns
 * the status into the exit code.
 */
#ifndef VLT_HARNESS_CLI_H
#define VLT_HARNESS_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "optimizations/core/status.h"

typedef struct vlt_option {
    const char *name;     /* long name without dashes */
    const char *argument; /* what the help shows ("FILE", "N"); NULL for a flag */
    const char *help;     /* one line */
    char letter;          /* short name, or 0 */
} vlt_option;

typedef struct vlt_cli vlt_cli;

typedef struct vlt_command {
    const char *name;
    const char *operands;      /* "DIR IMAGE...", or "" */
    const char *summary;       /* one line */
    const char *details;       /* paragraphs for --help and the man page, or NULL */
    const vlt_option *options; /* beside the common ones */
    int option_count;
    int operand_min;
    int operand_max; /* -1: any number */
    vlt_status (*run)(vlt_cli *cli, vlt_error *err);
} vlt_command;

#define VLT_COMMAND(id, ...) const vlt_command vlt_command_##id = {.name = #id, __VA_ARGS__}

/* The options that mean the same everywhere: json quiet verbose color threads config no-config
 * baseline require-tuned force db help. Command line before VLTUNE_<OPTION> before the default. */

/* What was given. `option` must be declared; asking for another one is a bug (assert). */
bool vlt_cli_flag(const vlt_cli *cli, const char *option);
const char *vlt_cli_text(const vlt_cli *cli, const char *option, const char *otherwise);
int vlt_cli_count(const vlt_cli *cli, const char *option); /* times given */
const char *vlt_cli_nth(const vlt_cli *cli, const char *option, int index);

/* USAGE names the option, its text and the range. */
vlt_status vlt_cli_int(const vlt_cli *cli, const char *option, int64_t low, int64_t high,
                       int64_t otherwise, int64_t *out, vlt_error *err);
vlt_status vlt_cli_double(const vlt_cli *cli, const char *option, double low, double high,
                          double otherwise, double *out, vlt_error *err);
/* "60s", "10m", "500ms", "1h" or seconds. */
vlt_status vlt_cli_duration(const vlt_cli *cli, const char *option, double otherwise_s,
                            double *out_s, vlt_error *err);

int vlt_cli_operand_count(const vlt_cli *cli);
const char *vlt_cli_operand(const vlt_cli *cli, int index);

/* Where long work asks whether Ctrl-C came. The first one asks to stop in good order; the second
 * one ends the process. */
bool vlt_cli_interrupted(void);

/* One message line on stderr, prefixed with "vltune: "; info is silent under --quiet. */
void vlt_cli_warn(const vlt_cli *cli, const char *format, ...) VLT_PRINTF(2, 3);
void vlt_cli_info(const vlt_cli *cli, const char *format, ...) VLT_PRINTF(2, 3);

/* A progress line, drawn only when stderr is a terminal and --quiet is not given; NULL clears it.
 */
void vlt_cli_progress(const vlt_cli *cli, const char *format, ...) VLT_PRINTF(2, 3);

/* Should stdout be coloured? (--color, then NO_COLOR, then CLICOLOR_FORCE, then isatty) */
bool vlt_cli_colour(const vlt_cli *cli);

#endif

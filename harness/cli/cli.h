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
#include <stddef.h>
#include <stdint.h>

#include "harness/json/input.h"
#include "optimizations/core/quality.h"

typedef struct vlt_cli vlt_cli;
struct vlt_op;

/* What a value must be. The parser checks every value that is given, on the command line or in the
 * environment, before the command runs: a file, a name or a number that cannot be is refused
 * everywhere alike, and no command can forget to look. */
typedef enum vlt_value_kind {
    VLT_VALUE_FLAG,   /* none: the option stands alone */
    VLT_VALUE_TEXT,   /* anything, or what `check` accepts */
    VLT_VALUE_INT,    /* within integer_low..integer_high */
    VLT_VALUE_REAL,   /* within real_low..real_high */
    VLT_VALUE_TIME,   /* "60s", "10m", "500ms", "1h" or seconds; positive */
    VLT_VALUE_BYTES,  /* "8G", "512M", "64k", "1.5GiB" or bytes; 1024 of each is one of the next */
    VLT_VALUE_CHOICE, /* one of the words in choices */
    VLT_VALUE_FILE,   /* a file that can be read */
    VLT_VALUE_FOLDER, /* a folder that can be read */
    VLT_VALUE_OUTPUT, /* a file that can be written: its folder is there */
    VLT_VALUE_CONTINUED, /* the same; what is there is read first, and refused if it is no such */
    VLT_VALUE_UPDATED,   /* a file that is there, or can be made: read, and perhaps added to */
    VLT_VALUE_OP,        /* an operator of the catalogue */
    VLT_VALUE_FORCE,     /* OP=VARIANT[:KNOB=V,...] of the catalogue */
    VLT_VALUE_OWN,       /* what `check` accepts */
    VLT_VALUE_KINDS
} vlt_value_kind;

typedef vlt_status vlt_value_check(const vlt_cli *cli, const char *text, vlt_error *err);

typedef struct vlt_option {
    const char *name;     /* long name without dashes */
    const char *argument; /* what the help shows ("FILE", "N"); NULL for a flag */
    const char *help;     /* one line */
    char letter;          /* short name, or 0 */

    vlt_value_kind kind; /* written with the macros below */
    int64_t integer_low, integer_high;
    double real_low, real_high;
    const char *const *choices; /* ends with NULL */
    vlt_value_check *check; /* USAGE, INPUT or IO without the option's name; of a text NULL: none */
    bool reads;             /* what `check` accepts is a file that is read */

    const char *only;   /* subcommands it belongs to, "make scenes"; NULL: all of them */
    const char *needs;  /* option without which it would do nothing; NULL: none */
    const char *unless; /* option beside which it would do nothing; NULL: none */
    uint32_t group;     /* common options: VLT_WITH_*; 0: every command has it */
} vlt_option;

#define VLT_FLAG            .kind = VLT_VALUE_FLAG
#define VLT_TEXT            .kind = VLT_VALUE_TEXT
#define VLT_WORDS           VLT_TEXT, .check = vlt_cli_check_words /* for the model: UTF-8 */
#define VLT_INT(low, high)  .kind = VLT_VALUE_INT, .integer_low = (low), .integer_high = (high)
#define VLT_REAL(low, high) .kind = VLT_VALUE_REAL, .real_low = (low), .real_high = (high)
#define VLT_TIME            .kind = VLT_VALUE_TIME
#define VLT_BYTES           .kind = VLT_VALUE_BYTES
#define VLT_CHOICE(...)                                        \
    .kind = VLT_VALUE_CHOICE, .choices = (const char *const[]) \
    {                                                          \
        __VA_ARGS__, NULL                                      \
    }
#define VLT_FILE               .kind = VLT_VALUE_FILE
#define VLT_FOLDER             .kind = VLT_VALUE_FOLDER
#define VLT_UPDATED            .kind = VLT_VALUE_UPDATED
#define VLT_OUTPUT             .kind = VLT_VALUE_OUTPUT
#define VLT_CONTINUED          .kind = VLT_VALUE_CONTINUED
#define VLT_OPERATOR           .kind = VLT_VALUE_OP
#define VLT_FORCE              .kind = VLT_VALUE_FORCE
#define VLT_OWN(function)      .kind = VLT_VALUE_OWN, .check = (function)
#define VLT_OWN_FILE(function) VLT_OWN(function), .reads = true

/* Which of the common options mean something to a command; quiet, verbose, color and help always
 * do. The others are neither listed nor accepted, and their environment variables are not read. */
enum {
    VLT_WITH_JSON = 1,
    VLT_WITH_THREADS = 2,
    VLT_WITH_CHOICES = 4, /* config, no-config, baseline, require-tuned, force */
    VLT_WITH_CONFIG = 8,  /* config alone */
    VLT_WITH_DB = 16,
    VLT_WITH_DB_READ = 128, /* db, which must be there */
    VLT_WITH_QUALITY = 32,
    VLT_WITH_ISA = 64, /* what computes (VLT_WITH_THREADS) has it too */
    VLT_WITH_DEVICE = 256
};

/* `vltune NAME SUBCOMMAND ...`: the name is operand 0. */
typedef struct vlt_subcommand {
    const char *name;
    const char *operands; /* behind the name: "DIR SCENES.jsonl" */
    int operand_min, operand_max;
    uint32_t with; /* VLT_WITH_*, out of the command's */
    vlt_status (*run)(vlt_cli *cli, vlt_error *err);
} vlt_subcommand;

typedef struct vlt_command {
    const char *name;
    const char *operands;      /* "DIR IMAGE...", or "" */
    const char *summary;       /* one line */
    const char *details;       /* paragraphs for --help and the man page, or NULL */
    const char *examples;      /* command lines without "vltune", one a line, or NULL; tests run
                                  them in a folder that holds what they name */
    const vlt_option *options; /* beside the common ones */
    int option_count;
    uint32_t with; /* VLT_WITH_* */
    int operand_min;
    int operand_max; /* -1: any number */
    const vlt_subcommand *subcommands;
    int subcommand_count;                            /* 0: none */
    vlt_status (*run)(vlt_cli *cli, vlt_error *err); /* NULL where there are subcommands */
} vlt_command;

#define VLT_COMMAND(id, ...) const vlt_command vlt_command_##id = {.name = #id, __VA_ARGS__}

/* The options that mean the same everywhere: json quiet verbose color threads config no-config
 * baseline require-tuned force db device help. Command line before VLTUNE_<OPTION> before the
 * default. */

/* What was given. `option` must be declared; asking for another one is a bug (assert). */
bool vlt_cli_flag(const vlt_cli *cli, const char *option);
const char *vlt_cli_text(const vlt_cli *cli, const char *option, const char *otherwise);
int vlt_cli_count(const vlt_cli *cli, const char *option); /* times given */
const char *vlt_cli_nth(const vlt_cli *cli, const char *option, int index);
bool vlt_cli_has(const vlt_cli *cli, const char *option); /* is it declared? */

/* The last value given, which the parser has checked, or `otherwise`. A time is in seconds. */
int64_t vlt_cli_int(const vlt_cli *cli, const char *option, int64_t otherwise);
int64_t vlt_cli_bytes(const vlt_cli *cli, const char *option, int64_t otherwise);
double vlt_cli_real(const vlt_cli *cli, const char *option, double otherwise);
vlt_quality vlt_cli_quality(const vlt_cli *cli); /* of --quality; exact where it is not given */
double vlt_cli_seconds(const vlt_cli *cli, const char *option, double otherwise_s);

/* USAGE for what is no UTF-8. */
vlt_value_check vlt_cli_check_words;

/* What VLT_VALUE_FILE asks, for an operand. IO. */
vlt_status vlt_cli_check_input(const char *path, vlt_error *err);

/* What VLT_VALUE_OUTPUT asks, for a path that is a default: IO when the folder is not there or may
 * not be written, or the path is a folder. Before work is spent on what cannot be kept. */
vlt_status vlt_cli_check_output(const char *path, vlt_error *err);

/* The same for a file that this command would write though no option names it; USAGE when it is
 * what an option or an operand names, or a file of a folder that is read. */
vlt_status vlt_cli_check_default_output(const vlt_cli *cli, const char *path, vlt_error *err);

/* USAGE when another option names the database that is taken where none is given. */
vlt_status vlt_cli_check_default_database(const vlt_cli *cli, const char *path, vlt_error *err);

/* ", did you mean --db 'FILE'?" for an operand that looks like what an option of this command takes
 * (a database, a config, a picture, a time ...); else "". */
void vlt_cli_hint(const vlt_cli *cli, const char *word, char *text, size_t text_bytes);

/* The operator that an operand names; NULL with USAGE: the nearest one, or what was meant. */
const struct vlt_op *vlt_cli_require_op(const vlt_cli *cli, const char *name, vlt_error *err);

int vlt_cli_operand_count(const vlt_cli *cli);
const char *vlt_cli_operand(const vlt_cli *cli, int index);

/* Where long work asks whether Ctrl-C came. The first one asks to stop in good order; the second
 * one ends the process. */
bool vlt_cli_interrupted(void);
vlt_stop vlt_cli_stop(void); /* the same question, for readers of pipes */

/* One message line on stderr, prefixed with "vltune: "; info is silent under --quiet. */
void vlt_cli_warn(const vlt_cli *cli, const char *format, ...) VLT_PRINTF(2, 3);
void vlt_cli_info(const vlt_cli *cli, const char *format, ...) VLT_PRINTF(2, 3);

/* A progress line, drawn only when stderr is a terminal and --quiet is not given; NULL clears it.
 */
void vlt_cli_progress(const vlt_cli *cli, const char *format, ...) VLT_PRINTF(2, 3);

/* Should stdout be coloured? (--color, then NO_COLOR, then CLICOLOR_FORCE, then isatty) */
bool vlt_cli_colour(const vlt_cli *cli);

#endif

/* Help, man page and completion: three views of one option table. */
#include <string.h>

#include "harness/cli/cli_internal.h"
#include "optimizations/core/utf8_text.h"
#include "reports/cli/program.h"

static bool shown(const vlt_command *command)
{
    return command->name[0] != '_';
}

void vlt_program_help(FILE *stream)
{
    fprintf(stream,
            "vltune %s: makes Qwen3-VL run as fast as this machine allows, and proves it\n\n"
            "usage: vltune COMMAND [OPTIONS]\n\n",
            VLT_VERSION);
    for (int i = 0; i < vlt_program_command_count(); i++) {
        const vlt_command *command = vlt_program_command(i);
        if (shown(command)) {
            fprintf(stream, "  %-11s %s\n", command->name, command->summary);
        }
    }
    fprintf(stream, "\nvltune COMMAND --help shows the options of a command.\n"
                    "The defaults of options can be set in the environment: VLTUNE_<OPTION>.\n");
}

static void print_options(const vlt_option *options, int count, FILE *stream)
{
    for (int i = 0; i < count; i++) {
        char left[64], letter[8] = "    ";
        if (options[i].letter) {
            snprintf(letter, sizeof letter, "-%c, ", options[i].letter);
        }
        vlt_utf8_format(left, sizeof left, "%s--%s%s%s", letter, options[i].name,
                        options[i].argument ? " " : "",
                        options[i].argument ? options[i].argument : "");
        const char *gap = strlen(left) > 27 ? "\n                              " : "";
        fprintf(stream, "  %-28s%s%s\n", left, gap, options[i].help);
    }
}

void vlt_program_command_help(const vlt_command *command, FILE *stream)
{
    fprintf(stream, "usage: vltune %s%s%s [OPTIONS]\n\n%s\n", command->name,
            *command->operands ? " " : "", command->operands, command->summary);
    if (command->details) {
        fprintf(stream, "\n%s\n", command->details);
    }
    if (command->option_count) {
        fprintf(stream, "\noptions:\n");
        print_options(command->options, command->option_count, stream);
    }
    fprintf(stream, "\noptions of every command:\n");
    print_options(vlt_cli_common, vlt_cli_common_count, stream);
}

/* roff: a leading dot or quote is a request, a hyphen and a backslash need a backslash */
static void roff(const char *text, FILE *stream)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            fputs("\\&", stream);
        }
        if (*text == '-' || *text == '\\') {
            fputc('\\', stream);
        }
        fputc(*text == '\\' ? 'e' : *text, stream);
        line_start = *text == '\n';
    }
}

static void roff_options(const vlt_option *options, int count, FILE *stream)
{
    for (int i = 0; i < count; i++) {
        fprintf(stream, ".TP\n.B ");
        if (options[i].letter) {
            fprintf(stream, "\\-%c, ", options[i].letter);
        }
        fprintf(stream, "\\-\\-");
        roff(options[i].name, stream);
        if (options[i].argument) {
            fprintf(stream, " \\fI");
            roff(options[i].argument, stream);
            fprintf(stream, "\\fR");
        }
        fprintf(stream, "\n");
        roff(options[i].help, stream);
        fprintf(stream, "\n");
    }
}

void vlt_program_man(FILE *stream)
{
    fprintf(stream,
            ".TH VLTUNE 1 \"\" \"vltune %s\"\n.SH NAME\nvltune \\- benchmarking and autotuning "
            "harness for Qwen3\\-VL\n.SH SYNOPSIS\n.B vltune\n.I COMMAND\n.RI [ OPTIONS ]\n"
            ".SH COMMANDS\n",
            VLT_VERSION);
    for (int i = 0; i < vlt_program_command_count(); i++) {
        const vlt_command *command = vlt_program_command(i);
        if (!shown(command)) {
            continue;
        }
        fprintf(stream, ".SS vltune %s ", command->name);
        roff(command->operands, stream);
        fprintf(stream, "\n");
        roff(command->summary, stream);
        fprintf(stream, "\n");
        if (command->details) {
            fprintf(stream, ".PP\n");
            roff(command->details, stream);
            fprintf(stream, "\n");
        }
        roff_options(command->options, command->option_count, stream);
    }
    fprintf(stream, ".SH OPTIONS OF EVERY COMMAND\n");
    roff_options(vlt_cli_common, vlt_cli_common_count, stream);
    fprintf(stream, ".SH ENVIRONMENT\nVLTUNE_<OPTION> is the default of an option.\n"
                    ".SH EXIT STATUS\n0 fine, 1 internal error, 2 usage, input or config, 3 "
                    "confirmed regression, 4 wrong output, 5 nothing measured, 6 inconclusive "
                    "under \\-\\-strict, 75 stopped but resumable, 130 interrupted.\n");
}

void vlt_program_completion(FILE *stream)
{
    fprintf(stream, "_vltune() {\n    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}"
                    "\n    if ((COMP_CWORD == 1)); then\n        COMPREPLY=($(compgen -W '");
    for (int i = 0; i < vlt_program_command_count(); i++) {
        const vlt_command *command = vlt_program_command(i);
        if (shown(command)) {
            fprintf(stream, "%s ", command->name);
        }
    }
    fprintf(stream, "help --version' -- \"$word\"))\n        return\n    fi\n    local common='");
    for (int i = 0; i < vlt_cli_common_count; i++) {
        fprintf(stream, "--%s ", vlt_cli_common[i].name);
    }
    fprintf(stream, "' own=\n    case $command in\n");
    for (int i = 0; i < vlt_program_command_count(); i++) {
        const vlt_command *command = vlt_program_command(i);
        if (shown(command) && command->option_count) {
            fprintf(stream, "    %s) own='", command->name);
            for (int j = 0; j < command->option_count; j++) {
                fprintf(stream, "--%s ", command->options[j].name);
            }
            fprintf(stream, "' ;;\n");
        }
    }
    fprintf(stream, "    esac\n    if [[ $word == -* ]]; then\n"
                    "        COMPREPLY=($(compgen -W \"$own $common\" -- \"$word\"))\n    else\n"
                    "        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
                    "complete -o filenames -F _vltune vltune\n");
}

/* Help, man page and completion: three views of one option table. */
#include <string.h>

#include "harness/cli/cli_internal.h"
#include "optimizations/core/utf8_text.h"
#include "reports/cli/program.h"

static bool shown(const vlt_command *command)
{
    return command->name[0] != '_';
}

/* Each line of `lines` behind `head`. */
static void print_lines(const char *lines, const char *head, FILE *stream)
{
    while (*lines) {
        int length = (int)strcspn(lines, "\n");
        fprintf(stream, "%s", head);
        fwrite(lines, 1, (size_t)length, stream);
        fputc('\n', stream);
        lines += length + (lines[length] == '\n');
    }
}

/* The way from nothing to a tuned answer; a test runs these and those of every command. */
static const char examples[] = "doctor\n"
                               "tune DIR -o tuned.toml\n"
                               "run DIR --image photo.jpg --prompt \"What is this?\"\n"
                               "compare baseline tuned.toml --model DIR\n"
                               "gate main/build/vltune build/vltune\n"
                               "explain";

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
    fprintf(stream, "\nexamples (DIR is a folder with a Qwen3-VL checkpoint):\n");
    print_lines(examples, "  vltune ", stream);
    fprintf(stream, "\nvltune COMMAND --help shows the options of a command.\n"
                    "The defaults of options can be set in the environment: VLTUNE_<OPTION>.\n");
}

static void print_option(const vlt_option *option, FILE *stream)
{
    char left[64], letter[8] = "    ";
    if (option->letter) {
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    vlt_utf8_format(left, sizeof left, "%s--%s%s%s", letter, option->name,
                    option->argument ? " " : "", option->argument ? option->argument : "");
    const char *gap = strlen(left) > 27 ? "\n                              " : "";
    fprintf(stream, "  %-28s%s%s\n", left, gap, option->help);
}

void vlt_program_command_help(const vlt_command *command, FILE *stream)
{
    fprintf(stream, "usage: vltune %s%s%s [OPTIONS]\n\n%s\n", command->name,
            *command->operands ? " " : "", command->operands, command->summary);
    if (command->details) {
        fprintf(stream, "\n%s\n", command->details);
    }
    if (command->examples) {
        fprintf(stream, "\nexamples:\n");
        print_lines(command->examples, "  vltune ", stream);
    }
    const vlt_option *option;
    for (int i = 0; (option = vlt_cli_option(command, i)) != NULL; i++) {
        if (i == 0 || i == command->option_count) {
            fprintf(stream, i < command->option_count ? "\noptions:\n" : "\ncommon options:\n");
        }
        print_option(option, stream);
    }
}

/* roff: a leading dot or quote is a request, a hyphen and a backslash need a backslash */
static void roff_text(const char *text, size_t bytes, FILE *stream)
{
    bool line_start = true;
    for (const char *end = text + bytes; text < end; text++) {
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

static void roff(const char *text, FILE *stream)
{
    roff_text(text, strlen(text), stream);
}

static void roff_option(const vlt_option *option, FILE *stream)
{
    fprintf(stream, ".TP\n.B ");
    if (option->letter) {
        fprintf(stream, "\\-%c, ", option->letter);
    }
    fprintf(stream, "\\-\\-");
    roff(option->name, stream);
    if (option->argument) {
        fprintf(stream, " \\fI");
        roff(option->argument, stream);
        fprintf(stream, "\\fR");
    }
    fprintf(stream, "\n");
    roff(option->help, stream);
    fprintf(stream, "\n");
}

static void roff_command(const vlt_command *command, FILE *stream)
{
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
    if (command->examples) {
        fprintf(stream, ".PP\n.nf\n");
        for (const char *line = command->examples; *line;) {
            size_t length = strcspn(line, "\n");
            fprintf(stream, "    vltune ");
            roff_text(line, length, stream);
            fputc('\n', stream);
            line += length + (line[length] == '\n');
        }
        fprintf(stream, ".fi\n");
    }
    for (int i = 0; i < command->option_count; i++) {
        roff_option(&command->options[i], stream);
    }
    fprintf(stream, ".PP\nCommon options:");
    const vlt_option *option;
    for (int i = command->option_count; (option = vlt_cli_option(command, i)) != NULL; i++) {
        fprintf(stream, "%s \\-\\-", i == command->option_count ? "" : ",");
        roff(option->name, stream);
    }
    fprintf(stream, ".\n");
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
        if (shown(command)) {
            roff_command(command, stream);
        }
    }
    fprintf(stream, ".SH COMMON OPTIONS\nOf the commands that list them.\n");
    for (int i = 0; i < vlt_cli_common_count; i++) {
        roff_option(&vlt_cli_common[i], stream);
    }
    fprintf(stream, ".SH ENVIRONMENT\nVLTUNE_<OPTION> is the default of an option.\n"
                    ".SH EXIT STATUS\n0 fine, 1 internal error, 2 usage, input, config, or "
                    "what this machine cannot give, 3 confirmed regression, 4 wrong output, 5 "
                    "nothing measured, 6 inconclusive "
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
    fprintf(stream, "help --version' -- \"$word\"))\n        return\n    fi\n    local own=\n"
                    "    case $command in\n");
    for (int i = 0; i < vlt_program_command_count(); i++) {
        const vlt_command *command = vlt_program_command(i);
        const vlt_option *option;
        if (!shown(command)) {
            continue;
        }
        fprintf(stream, "    %s) own='", command->name);
        for (int j = 0; (option = vlt_cli_option(command, j)) != NULL; j++) {
            fprintf(stream, "--%s ", option->name);
        }
        fprintf(stream, "' ;;\n");
    }
    fprintf(stream, "    esac\n    if [[ $word == -* ]]; then\n"
                    "        COMPREPLY=($(compgen -W \"$own\" -- \"$word\"))\n    else\n"
                    "        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
                    "complete -o filenames -F _vltune vltune\n");
}

#include "reports/cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli_internal.h"
#include "harness/machine/memory_room.h"
#include "optimizations/core/registry.h"
#include "optimizations/core/utf8_text.h"
#include "reports/cli/own_stack.h"

/* The commands of all layers, in the order of the help: each layer's commands.def names its own. */
#define COMMAND(id) extern const vlt_command vlt_command_##id;
#include "harness/cli/commands.def"
#include "tuner/cli/commands.def"
#include "reports/cli/commands.def"
#undef COMMAND

static const vlt_command *const commands[] = {
#define COMMAND(id) &vlt_command_##id,
#include "harness/cli/commands.def"
#include "tuner/cli/commands.def"
#include "reports/cli/commands.def"
#undef COMMAND
};

int vlt_program_command_count(void)
{
    return (int)(sizeof commands / sizeof *commands);
}

const vlt_command *vlt_program_command(int index)
{
    return index < vlt_program_command_count() ? commands[index] : NULL;
}

const vlt_command *vlt_program_find_command(const char *name)
{
    for (int i = 0; i < vlt_program_command_count(); i++) {
        if (!strcmp(vlt_program_command(i)->name, name)) {
            return vlt_program_command(i);
        }
    }
    return NULL;
}

static vlt_status unknown_command(const char *name, vlt_error *err)
{
    const char *names[64];
    int count = 0;
    for (int i = 0; i < vlt_program_command_count() && count < 64; i++) {
        if (vlt_program_command(i)->name[0] != '_') { /* internal ones are nobody's intention */
            names[count++] = vlt_program_command(i)->name;
        }
    }
    const char *near = vlt_nearest_name(name, names, count);
    return vlt_fail(err, VLT_STATUS_USAGE, "unknown command '%s'%s%s%s; see vltune --help", name,
                    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static vlt_status run_command(const vlt_command *command, int argc, char **argv, vlt_error *err)
{
    vlt_cli *cli;
    vlt_status status = vlt_cli_parse(command, argc, argv, &cli, err);
    if (status != VLT_OK) {
        return status;
    }
    if (vlt_cli_flag(cli, "help")) {
        vlt_program_command_help(command, stdout);
    } else {
        vlt_cli_catch_interrupts();
        status = vlt_cli_run(cli, err);
        vlt_cli_progress(cli, NULL);
    }
    vlt_cli_destroy(cli);
    return status;
}

/* The words that are not commands: help, --help, --version. */
static bool run_word(int argc, char **argv, vlt_status *status, vlt_error *err)
{
    const char *word = argc > 1 ? argv[1] : "--help";
    *status = VLT_OK;
    if (!strcmp(word, "help") && argc > 2) {
        const vlt_command *command = vlt_program_find_command(argv[2]);
        if (command) {
            vlt_program_command_help(command, stdout);
        } else {
            *status = unknown_command(argv[2], err);
        }
        return true;
    }
    if (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h")) {
        vlt_program_help(argc > 1 ? stdout : stderr);
        *status = argc > 1 ? VLT_OK : vlt_fail(err, VLT_STATUS_USAGE, "no command given");
        return true;
    }
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        printf("vltune %s\n", VLT_VERSION);
        return true;
    }
    return false;
}

/* A file opened while standard input, output or error is closed would get its number, and what is
 * printed would go into that file. Opened the wrong way round, each of them stays unusable. */
static void occupy_standard_files(void)
{
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++) {
        if (fcntl(file, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file) {
            return;
        }
    }
}

/* Whoever read our output has seen enough (vltune ... | head): nothing to talk about, but what
 * follows in a script learns that not all was written. Only a write that failed tells; a command
 * that ends for another reason keeps its status. */
static bool reader_has_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return ferror(stdout) && poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP));
}

/* What was refused names its size; who refused it is the narrowest limit (ulimit -v, a cgroup). */
static void say_limit(char *text, size_t text_bytes)
{
    vlt_memory_room room;
    vlt_memory_room_read(NULL, &room);
    text[0] = '\0';
    if (room.left_bytes != UINT64_MAX) {
        vlt_utf8_format(text, text_bytes, "; the narrowest limit is %s: %.1f MB", room.limit,
                        (double)room.limit_bytes / 1e6);
    }
}

/* Flushes the output and says what is left to say. */
static vlt_status end(vlt_status status, vlt_error *err)
{
    /* a write may have failed before, whose reason is not known any more, and this one be fine */
    const bool lost = ferror(stdout);
    const bool flushed = fflush(stdout) == 0;
    if ((lost || !flushed) && status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_IO, "standard output: %s",
                          flushed ? "not all of it could be written" : strerror(errno));
    }
    bool silent = status == VLT_STATUS_IO && reader_has_gone();
    if (status != VLT_OK && err->message[0] && !silent) {
        char limit[400] = "";
        if (status == VLT_STATUS_NOMEM) {
            say_limit(limit, sizeof limit);
        }
        fprintf(stderr, "vltune: %s%s\n", err->message, limit);
    }
    return status;
}

static int run_program(int argc, char **argv)
{
    vlt_error err = {0};
    vlt_status status;
    signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is an error of writing, no death */
    occupy_standard_files();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error, not a death */
    if (!run_word(argc, argv, &status, &err)) {
        const vlt_command *command = vlt_program_find_command(argv[1]);
        status = command ? run_command(command, argc - 2, argv + 2, &err)
                         : unknown_command(argv[1], &err);
    }
    return vlt_status_exit_code(end(status, &err));
}

int vlt_program_main(int argc, char **argv)
{
    return vlt_on_own_stack(run_program, argc, argv);
}

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/cli_internal.h"
#include "optimizations/core/utf8_text.h"

static volatile sig_atomic_t interrupts;

/* timeout(1) and some terminals send one wish twice, to the process and to its group; only what
 * comes half a second later is a second wish. */
static void on_interrupt(int signal_number)
{
    static struct timespec first;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (interrupts == 0) {
        first = now;
        interrupts = 1;
    } else if ((now.tv_sec - first.tv_sec) * 1000 + (now.tv_nsec - first.tv_nsec) / 1000000 > 500) {
        _exit(128 + signal_number);
    }
}

void vlt_cli_catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool vlt_cli_interrupted(void)
{
    return interrupts != 0;
}

static bool is_interrupted(void *user)
{
    (void)user;
    return vlt_cli_interrupted();
}

vlt_stop vlt_cli_stop(void)
{
    return (vlt_stop){.asked = is_interrupted};
}

static bool progress_drawn; /* a line without an end stands on the terminal */

static void clear_progress(void)
{
    if (progress_drawn) {
        fputs("\r\033[K", stderr);
        progress_drawn = false;
    }
}

/* One line of valid UTF-8, whatever names it holds: a terminal obeys what it is sent. */
static void message(const char *prefix, const char *format, va_list args)
{
    char text[2 * VLT_ERROR_BYTES];
    vlt_utf8_vformat(text, sizeof text, format, args);
    clear_progress();
    fprintf(stderr, "%s%s\n", prefix, text);
}

void vlt_cli_warn(const vlt_cli *cli, const char *format, ...)
{
    va_list args;
    (void)cli;
    va_start(args, format);
    message("vltune: warning: ", format, args);
    va_end(args);
}

void vlt_cli_info(const vlt_cli *cli, const char *format, ...)
{
    va_list args;
    if (!vlt_cli_flag(cli, "quiet")) {
        va_start(args, format);
        message("", format, args);
        va_end(args);
    }
}

void vlt_cli_progress(const vlt_cli *cli, const char *format, ...)
{
    va_list args;
    if (vlt_cli_flag(cli, "quiet") || !isatty(STDERR_FILENO)) {
        return;
    }
    clear_progress();
    if (format) {
        char text[VLT_ERROR_BYTES];
        va_start(args, format);
        vlt_utf8_vformat(text, sizeof text, format, args);
        va_end(args);
        fputs(text, stderr);
        fflush(stderr);
        progress_drawn = true;
    }
}

bool vlt_cli_colour(const vlt_cli *cli)
{
    const char *when = vlt_cli_text(cli, "color", "auto");
    const char *no_colour = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
    const char *terminal = getenv("TERM");
    if (!strcmp(when, "always") || !strcmp(when, "never")) {
        return !strcmp(when, "always");
    }
    if (no_colour && *no_colour) {
        return false;
    }
    if (force && *force && strcmp(force, "0")) {
        return true;
    }
    return isatty(STDOUT_FILENO) && !(terminal && !strcmp(terminal, "dumb"));
}

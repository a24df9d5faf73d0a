/* What is asked of every value before a command runs, kind by kind. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/cli_internal.h"
#include "harness/files/file_kind.h"
#include "optimizations/core/choices.h"
#include "optimizations/core/utf8_text.h"

static vlt_status check_int(const vlt_option *option, const char *text, vlt_error *err)
{
    int64_t value;
    if (!vlt_cli_read_int(text, &value) || value < option->integer_low ||
        value > option->integer_high) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected %lld to %lld", text,
                        (long long)option->integer_low, (long long)option->integer_high);
    }
    return VLT_OK;
}

static vlt_status check_real(const vlt_option *option, const char *text, vlt_error *err)
{
    double value;
    if (!vlt_cli_read_real(text, &value) || !(value >= option->real_low) ||
        !(value <= option->real_high)) {
        return vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected %g to %g", text, option->real_low,
                        option->real_high);
    }
    return VLT_OK;
}

static vlt_status check_choice(const vlt_option *option, const char *text, vlt_error *err)
{
    char words[256] = "";
    int count = 0;
    for (; option->choices[count]; count++) {
        if (!strcmp(option->choices[count], text)) {
            return VLT_OK;
        }
    }
    for (int i = 0; i < count; i++) {
        size_t used = strlen(words);
        vlt_utf8_format(words + used, sizeof words - used, "%s%s",
                        i == 0           ? ""
                        : i == count - 1 ? " or "
                                         : ", ",
                        option->choices[i]);
    }
    return vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected %s", text, words);
}

static vlt_status check_file(const char *path, bool folder, vlt_error *err)
{
    struct stat info;
    if (!*path) {
        return vlt_fail(err, VLT_STATUS_IO, "'', expected the name of a %s to read",
                        folder ? "folder" : "file");
    }
    if (stat(path, &info) != 0) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    if (folder != (bool)S_ISDIR(info.st_mode)) {
        return vlt_fail(err, VLT_STATUS_IO, "%s is %s, expected %s", path,
                        folder ? "no folder" : "a folder", folder ? "a folder" : "a file");
    }
    if (access(path, folder ? R_OK | X_OK : R_OK) != 0) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    return VLT_OK;
}

vlt_status vlt_cli_check_input(const char *path, vlt_error *err)
{
    return check_file(path, false, err);
}

/* A file that is there is replaced by another one, or, if it is a device or a pipe, written. */
vlt_status vlt_cli_check_output(const char *path, vlt_error *err)
{
    struct stat info;
    if (!*path) {
        return vlt_fail(err, VLT_STATUS_IO, "'', expected the name of a file to write");
    }
    if (vlt_leads_nowhere(path)) {
        return vlt_fail(err, VLT_STATUS_IO, "%s is a link that leads nowhere: %s", path,
                        strerror(errno));
    }
    bool there = stat(path, &info) == 0;
    if (there && S_ISDIR(info.st_mode)) {
        return vlt_fail(err, VLT_STATUS_IO, "%s is a folder, expected a file to write", path);
    }
    if (there && !S_ISREG(info.st_mode)) {
        return access(path, W_OK) == 0
                   ? VLT_OK
                   : vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    char *copy = strdup(path);
    if (!copy) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    vlt_status status = VLT_OK;
    const char *folder = dirname(copy);
    if (stat(folder, &info) != 0 || access(folder, W_OK | X_OK) != 0) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s cannot be written: folder %s: %s", path, folder,
                          strerror(errno));
    } else if (!S_ISDIR(info.st_mode)) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s cannot be written: %s is no folder", path,
                          folder);
    }
    free(copy);
    return status;
}

/* What may be read need not be in a place that may be written. */
static vlt_status check_updated(const vlt_cli *cli, const char *path, vlt_error *err)
{
    struct stat info;
    bool read_only = cli->command->with & VLT_WITH_DB_READ;
    if (stat(path, &info) == 0) {
        return check_file(path, false, err);
    }
    int missing = errno;
    vlt_status status = vlt_cli_check_output(path, err);
    return status != VLT_OK && read_only
               ? vlt_fail(err, VLT_STATUS_IO, "%s: %s", *path ? path : "''", strerror(missing))
               : status;
}

vlt_status vlt_cli_check_words(const vlt_cli *cli, const char *text, vlt_error *err)
{
    (void)cli;
    return vlt_utf8_valid(text, strlen(text))
               ? VLT_OK
               : vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected UTF-8 text",
                          vlt_quoted_word(text).text);
}

static vlt_status check_force(const char *text, vlt_error *err)
{
    vlt_choices choices = {0};
    vlt_status status = vlt_choices_force(&choices, text, err);
    vlt_choices_release(&choices);
    return status;
}

static vlt_status check_kind(const vlt_cli *cli, const vlt_cli_value *value, vlt_error *err)
{
    const vlt_option *option = value->option;
    const char *text = value->text;
    double seconds;
    int64_t bytes;
    switch (option->kind) {
    case VLT_VALUE_TEXT:
        return option->check ? option->check(cli, text, err) : VLT_OK;
    case VLT_VALUE_INT:
        return check_int(option, text, err);
    case VLT_VALUE_REAL:
        return check_real(option, text, err);
    case VLT_VALUE_TIME:
        return vlt_cli_read_seconds(text, &seconds)
                   ? VLT_OK
                   : vlt_fail(err, VLT_STATUS_USAGE,
                              "'%s', expected a time such as 60s, 10m or 500ms", text);
    case VLT_VALUE_BYTES:
        return vlt_cli_read_bytes(text, &bytes)
                   ? VLT_OK
                   : vlt_fail(err, VLT_STATUS_USAGE, "'%s', expected bytes such as 8G, 512M or 0",
                              text);
    case VLT_VALUE_CHOICE:
        return check_choice(option, text, err);
    case VLT_VALUE_FILE:
        return check_file(text, false, err);
    case VLT_VALUE_FOLDER:
        return check_file(text, true, err);
    case VLT_VALUE_OUTPUT:
    case VLT_VALUE_CONTINUED:
        return vlt_cli_check_output(text, err);
    case VLT_VALUE_UPDATED:
        return check_updated(cli, text, err);
    case VLT_VALUE_OP:
        return vlt_registry_require_op(text, err) ? VLT_OK : VLT_STATUS_USAGE;
    case VLT_VALUE_FORCE:
        return check_force(text, err);
    case VLT_VALUE_OWN:
        return option->check(cli, text, err);
    default:
        return VLT_OK;
    }
}

/* "option '--threads'", or the variable that the value is from. */
static void subject_of(const vlt_cli_value *value, char *text, size_t text_bytes)
{
    if (value->environment) {
        vlt_cli_environment_name(value->option, text, text_bytes);
    } else {
        vlt_utf8_format(text, text_bytes, "option '--%s'", value->option->name);
    }
}

/* Is `word` one of the blank-separated words of list? */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t end = strcspn(at, " ");
        if (end == length && !strncmp(at, word, length)) {
            return true;
        }
        at += end;
    }
    return false;
}

static bool belongs(const vlt_option *option, const vlt_subcommand *sub)
{
    return !sub || (vlt_cli_listed(option, sub->with) &&
                    (!option->only || has_word(option->only, sub->name)));
}

static void drop(vlt_cli *cli, int index)
{
    memmove(&cli->value[index], &cli->value[index + 1],
            (size_t)(cli->value_count - index - 1) * sizeof *cli->value);
    cli->value_count--;
}

/* A given option beside which this one does nothing, or NULL. One from the environment gives way
 * to one from the command line. */
static const char *given_beside(vlt_cli *cli, int index)
{
    const vlt_cli_value *value = &cli->value[index];
    for (int i = 0; value->option->unless && i < cli->value_count; i++) {
        const vlt_cli_value *other = &cli->value[i];
        if (has_word(value->option->unless, other->option->name) &&
            (value->environment || !other->environment)) {
            return other->option->name;
        }
    }
    return NULL;
}

/* The rest of the rule: --config of the command line puts VLTUNE_BASELINE out of force. */
static void drop_overruled(vlt_cli *cli)
{
    for (int i = cli->value_count - 1; i >= 0; i--) {
        const vlt_cli_value *value = &cli->value[i];
        bool overruled = false;
        for (int k = 0; k < cli->value_count && value->environment; k++) {
            const vlt_cli_value *other = &cli->value[k];
            overruled = overruled || (!other->environment && other->option->unless &&
                                      has_word(other->option->unless, value->option->name));
        }
        if (overruled) {
            drop(cli, i);
        }
    }
}

/* Options that could do nothing here: refused, or left out when they are of the environment. */
static vlt_status check_place(vlt_cli *cli, const vlt_subcommand *sub, vlt_error *err)
{
    drop_overruled(cli);
    for (int i = 0; i < cli->value_count;) {
        const vlt_cli_value *value = &cli->value[i];
        const vlt_option *option = value->option;
        const char *command = cli->command->name, *beside = given_beside(cli, i);
        bool alone = option->needs && !vlt_cli_count(cli, option->needs);
        if (belongs(option, sub) && !beside && !alone) {
            i++;
        } else if (value->environment) {
            drop(cli, i);
        } else if (!belongs(option, sub)) {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s %s: option '--%s' means nothing here%s%s",
                            command, sub->name, option->name, option->only ? "; it is for: " : "",
                            option->only ? option->only : "");
        } else {
            return vlt_fail(err, VLT_STATUS_USAGE, "%s: option '--%s' does nothing %s '--%s'",
                            command, option->name, beside ? "beside" : "without",
                            beside ? beside : option->needs);
        }
    }
    return VLT_OK;
}

typedef vlt_status value_check(const vlt_cli *cli, const vlt_cli_value *value, vlt_error *err);

static vlt_status check_each(const vlt_cli *cli, value_check *check, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < cli->value_count && status == VLT_OK; i++) {
        char subject[80];
        status = check(cli, &cli->value[i], err);
        if (status != VLT_OK) {
            subject_of(&cli->value[i], subject, sizeof subject);
            status = vlt_fail_in(err, status, "%s: %s: ", cli->command->name, subject);
        }
    }
    return status;
}

vlt_status vlt_cli_check(vlt_cli *cli, const vlt_subcommand *sub, vlt_error *err)
{
    vlt_status status = check_place(cli, sub, err);
    if (status == VLT_OK) {
        status = check_each(cli, check_kind, err);
    }
    return status == VLT_OK ? check_each(cli, vlt_cli_check_places, err) : status;
}

/* No output may replace what the same command reads, or writes under another option. Asked of every
 * command before it runs: its options say by their kinds what they read and write, its operands
 * that are files are read. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/cli_internal.h"
#include "harness/files/file_kind.h"
#include "harness/files/same_file.h"
#include "optimizations/core/utf8_text.h"

static bool is_written(const vlt_option *option)
{
    return option->kind == VLT_VALUE_OUTPUT || option->kind == VLT_VALUE_CONTINUED ||
           option->kind == VLT_VALUE_UPDATED;
}

static bool names_file(const vlt_option *option)
{
    return is_written(option) || option->reads || option->kind == VLT_VALUE_FILE;
}

/* Of an option that is given twice, the last value counts. */
static bool counts(const vlt_cli *cli, const vlt_cli_value *value)
{
    return !is_written(value->option) ||
           value->text == vlt_cli_text(cli, value->option->name, NULL);
}

static bool ends_with_one_of(const char *path, const char *const *endings)
{
    const char *dot = strrchr(path, '.');
    for (; dot && *endings; endings++) {
        if (!strcasecmp(dot, *endings)) {
            return true;
        }
    }
    return false;
}

/* Who works inside a checkpoint's folder may write the same page again; what else is there may be
 * the checkpoint's. Other folders that are read hold pictures. */
static bool may_be_read_there(const char *folder, const char *path)
{
    static const char *const ours[] = {".html", ".htm", ".toml", ".jsonl", ".db", NULL};
    static const char *const pictures[] = {".jpg", ".jpeg", ".png",  ".webp", ".bmp",
                                           ".gif", ".tif",  ".tiff", NULL};
    char config[VLT_QUOTED_PATH_BYTES];
    int length = snprintf(config, sizeof config, "%s/config.json", folder);
    return length < (int)sizeof config && access(config, F_OK) == 0
               ? !ends_with_one_of(path, ours)
               : ends_with_one_of(path, pictures);
}

/* What is written as a whole, without looking at what was there. */
static vlt_status check_folder(const char *folder, const char *path, vlt_error *err)
{
    struct stat info;
    if (stat(folder, &info) == 0 && S_ISDIR(info.st_mode) && may_be_read_there(folder, path) &&
        vlt_folder_has_file(folder, path)) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "%s is a file of the folder %s, which is read: expected another file",
                        vlt_quoted_path(path).text, vlt_quoted_path(folder).text);
    }
    return VLT_OK;
}

static vlt_status taken(const char *path, const char *by, const char *other, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_USAGE, "%s is %s %s too: expected another file",
                    vlt_quoted_path(path).text, by, other);
}

static bool operand_is_path(const vlt_cli *cli, int index)
{
    return !(cli->subcommand && index == 0) && !strstr(cli->command->operands, "[OP");
}

static vlt_status check_operands(const vlt_cli *cli, const char *path, bool replaces,
                                 vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < cli->operand_count && status == VLT_OK; i++) {
        const char *operand = cli->operand[i];
        const char *file = !strcmp(operand, "-") ? "/dev/stdin" : operand;
        struct stat info;
        if (!operand_is_path(cli, i)) {
            continue;
        }
        if (stat(file, &info) == 0 && vlt_same_file(path, file)) {
            status = taken(path, "the operand", vlt_quoted_path(operand).text, err);
        } else if (replaces) {
            status = check_folder(operand, path, err);
        }
    }
    return status;
}

/* A path that is written against everything that is given but `self`. */
static vlt_status check_path(const vlt_cli *cli, const char *path, const vlt_option *self,
                             vlt_error *err)
{
    bool replaces = !self || self->kind == VLT_VALUE_OUTPUT;
    vlt_status status = VLT_OK;
    for (int i = 0; i < cli->value_count && status == VLT_OK; i++) {
        const vlt_cli_value *other = &cli->value[i];
        if (other->option == self) {
            continue;
        }
        if (names_file(other->option) && counts(cli, other) && vlt_same_file(path, other->text)) {
            char name[80];
            vlt_utf8_format(name, sizeof name, "'--%s'", other->option->name);
            status = taken(path, "the file of option", name, err);
        } else if (replaces && other->option->kind == VLT_VALUE_FOLDER) {
            status = check_folder(other->text, path, err);
        }
    }
    return status;
}

vlt_status vlt_cli_check_places(const vlt_cli *cli, const vlt_cli_value *value, vlt_error *err)
{
    const vlt_option *option = value->option;
    if (!is_written(option) || !counts(cli, value)) {
        return VLT_OK;
    }
    /* of these no command writes any: it is somebody's, or a request read here names it */
    const char *kind = vlt_is_database(value->text)  ? "database"
                       : vlt_is_picture(value->text) ? "picture"
                                                     : NULL;
    if (option->kind == VLT_VALUE_OUTPUT && kind) {
        return vlt_fail(err, VLT_STATUS_USAGE, "%s is a %s: expected another file",
                        vlt_quoted_path(value->text).text, kind);
    }
    vlt_status status = check_path(cli, value->text, option, err);
    bool given = !value->environment || option->kind != VLT_VALUE_UPDATED;
    return status == VLT_OK && given
               ? check_operands(cli, value->text, option->kind == VLT_VALUE_OUTPUT, err)
               : status;
}

vlt_status vlt_cli_check_default_output(const vlt_cli *cli, const char *path, vlt_error *err)
{
    vlt_status status = vlt_cli_check_output(path, err);
    if (status == VLT_OK) {
        status = check_path(cli, path, NULL, err);
    }
    return status == VLT_OK ? check_operands(cli, path, true, err) : status;
}

vlt_status vlt_cli_check_default_database(const vlt_cli *cli, const char *path, vlt_error *err)
{
    static const vlt_option database = {.name = "db", .kind = VLT_VALUE_UPDATED};
    return check_path(cli, path, &database, err);
}

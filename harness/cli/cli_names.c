#include <string.h>

#include "harness/cli/cli_internal.h"
#include "optimizations/core/utf8_text.h"

static bool is_name(const vlt_option *option)
{
    return option->argument &&
           (!strcmp(option->argument, "FILE") || !strcmp(option->argument, "DIR"));
}

static vlt_status check(const vlt_cli *cli, const char *name, vlt_error *err)
{
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            return vlt_fail(err, VLT_STATUS_USAGE,
                            "%s: the name '%s' holds the control character '%s': rename it",
                            cli->command->name, vlt_quoted_path(name).text, vlt_quoted(c, 1).text);
        }
    }
    return VLT_OK;
}

vlt_status vlt_cli_check_names(const vlt_cli *cli, vlt_error *err)
{
    vlt_status status = VLT_OK;
    if (!vlt_cli_find_option(cli->command, "budget", strlen("budget"))) {
        return VLT_OK;
    }
    for (int i = 0; i < cli->operand_count && status == VLT_OK; i++) {
        status = check(cli, cli->operand[i], err);
    }
    for (int i = 0; i < cli->value_count && status == VLT_OK; i++) {
        if (is_name(cli->value[i].option)) {
            status = check(cli, cli->value[i].text, err);
        }
    }
    return status;
}

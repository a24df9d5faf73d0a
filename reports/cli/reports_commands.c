/* The command table of this layer, made from commands.def. */
#include "reports/cli/reports_commands.h"

#include <stddef.h>

#define COMMAND(id) extern const vlt_command vlt_command_##id;
#include "reports/cli/commands.def"
#undef COMMAND

static const vlt_command *const commands[] = {
#define COMMAND(id) &vlt_command_##id,
#include "reports/cli/commands.def"
#undef COMMAND
    NULL};

const vlt_command *const *vlt_reports_commands(int *count)
{
    *count = (int)(sizeof commands / sizeof *commands) - 1;
    return commands;
}

/* reports_commands.h: the commands of the reports layer, in the order of the help. */
#ifndef VLT_REPORTS_COMMANDS_H
#define VLT_REPORTS_COMMANDS_H

#include "harness/cli/cli.h"

const vlt_command *const *vlt_reports_commands(int *count);

#endif

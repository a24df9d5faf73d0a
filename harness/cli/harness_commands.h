/* harness_commands.h: the commands of the harness layer, in the order of the help. */
#ifndef VLT_HARNESS_COMMANDS_H
#define VLT_HARNESS_COMMANDS_H

#include "harness/cli/cli.h"

const vlt_command *const *vlt_harness_commands(int *count);

#endif

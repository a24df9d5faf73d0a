/* tuner_commands.h: the commands of the tuner layer, in the order of the help. */
#ifndef VLT_TUNER_COMMANDS_H
#define VLT_TUNER_COMMANDS_H

#include "harness/cli/cli.h"

const vlt_command *const *vlt_tuner_commands(int *count);

#endif

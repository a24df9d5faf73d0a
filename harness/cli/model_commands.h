/* model_commands.h: what `vltune model` can do. cmd_model.c holds the table; all subcommands share
 * its options, and operand 0 is the subcommand's name. */
#ifndef VLT_HARNESS_MODEL_COMMANDS_H
#define VLT_HARNESS_MODEL_COMMANDS_H

#include "harness/cli/cli.h"

vlt_status vlt_model_make_command(vlt_cli *cli, vlt_error *err);
vlt_status vlt_model_check_command(vlt_cli *cli, vlt_error *err);
vlt_status vlt_model_eval_command(vlt_cli *cli, vlt_error *err);
vlt_status vlt_model_scenes_command(vlt_cli *cli, vlt_error *err);

/* "640x480", within what scenes can be. */
vlt_status vlt_model_scenes_read_size(const char *text, int *width, int *height, vlt_error *err);

#endif

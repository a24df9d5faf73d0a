/* program.h: joins the command tables of all layers. */
#ifndef VLT_REPORTS_PROGRAM_H
#define VLT_REPORTS_PROGRAM_H

#include <stdio.h>

#include "harness/cli/cli.h"
#include "optimizations/core/compiler.h"

/* The only entry that the executable calls: parses the command line, runs the command, prints its
 * message; gives the exit code. */
VLT_API int vlt_program_main(int argc, char **argv);

/* Every command in the order of the help; names that begin with '_' are internal and not shown. */
int vlt_program_command_count(void);
const vlt_command *vlt_program_command(int index);
const vlt_command *vlt_program_find_command(const char *name);

/* The option table as help for people, as a man page, as completion for bash. */
void vlt_program_help(FILE *stream);
void vlt_program_command_help(const vlt_command *command, FILE *stream);
void vlt_program_man(FILE *stream);
void vlt_program_completion(FILE *stream);

#endif

/* program.h: joins the command tables of all layers. The only entry that the executable calls. */
#ifndef VLT_REPORTS_PROGRAM_H
#define VLT_REPORTS_PROGRAM_H

#include "optimizations/core/compiler.h"

/* Parses the command line, runs the command, prints its message; gives the exit code. */
VLT_API int vlt_program_main(int argc, char **argv);

#endif

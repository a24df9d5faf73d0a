#include "reports/cli/program.h"

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    (void)cli, (void)err;
    vlt_program_man(stdout);
    return VLT_OK;
}

VLT_COMMAND(man, .operands = "", .summary = "print the manual page (vltune man | man -l -)",
            .examples = "man > vltune.1", .run = run);

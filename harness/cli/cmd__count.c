/* vltune _count: the child of an instruction count (harness/measure/instructions.h); not for
 * people. */
#include <stdio.h>

#include "harness/cli/cli.h"
#include "harness/measure/instructions.h"

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    (void)cli;
    return vlt_instructions_serve(stdin, stdout, err);
}

VLT_COMMAND(_count, .operands = "", .summary = "run one thing a few times (internal)", .run = run);

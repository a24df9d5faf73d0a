#include "reports/cli/program.h"

static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    (void)cli, (void)err;
    vlt_program_completion(stdout);
    return VLT_OK;
}

VLT_COMMAND(completion, .operands = "",
            .summary = "print completion for bash (source <(vltune completion))",
            .examples = "completion > vltune.bash", .run = run);

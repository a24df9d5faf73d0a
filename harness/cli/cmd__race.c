/* vltune _race: the worker of a race of settings (harness/measure/race.h); not for people. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/measure/race.h"

/* The answer leaves through a copy of stdout, and stdout itself goes nowhere: a library that prints
 * cannot spoil it. */
static vlt_status run(vlt_cli *cli, vlt_error *err)
{
    (void)cli;
    int answer = dup(STDOUT_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    FILE *out = answer >= 0 ? fdopen(answer, "w") : NULL;
    if (!out || nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0) {
        return vlt_fail(err, VLT_STATUS_IO, "race: cannot set up the output");
    }
    close(nowhere);
    vlt_status status = vlt_race_serve(stdin, out, err);
    if (fclose(out) != 0 && status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_IO, "race: cannot write the answer");
    }
    return status;
}

VLT_COMMAND(_race, .operands = "", .summary = "settings of one problem raced in forks (internal)",
            .run = run);

#include "tests/support/run_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/data.h"

const char *test_program_path(void)
{
    const char *path = getenv("VLT_PROGRAM");
    return path ? path : "build/vltune";
}

test_output test_program(const char *arguments)
{
    test_output output = {.exit_code = 127};
    char out[] = "/tmp/vltune-test-out-XXXXXX", err[] = "/tmp/vltune-test-err-XXXXXX";
    char command[8192];
    size_t err_bytes;
    close(mkstemp(out));
    close(mkstemp(err));
    snprintf(command, sizeof command, "VLTUNE='%s'; \"$VLTUNE\" %s >%s 2>%s", test_program_path(),
             arguments, out, err);
    int status = system(command);
    output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    output.out = test_read_file(out, &output.out_bytes);
    output.err = test_read_file(err, &err_bytes);
    unlink(out);
    unlink(err);
    return output;
}

void test_output_release(test_output *output)
{
    free(output->out);
    free(output->err);
    *output = (test_output){0};
}

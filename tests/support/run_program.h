/* run_program.h: the built vltune as a user runs it. */
#ifndef VLT_TESTS_RUN_PROGRAM_H
#define VLT_TESTS_RUN_PROGRAM_H

#include <stddef.h>

typedef struct test_output {
    int exit_code; /* 128 + signal where a signal ended it */
    char *out;     /* stdout, NUL-terminated, owned */
    size_t out_bytes;
    char *err; /* stderr, NUL-terminated, owned */
} test_output;

/* The executable: VLT_PROGRAM, else where a build by hand puts it. */
const char *test_program_path(void);

/* Runs `vltune ARGUMENTS` through the shell (`$VLTUNE` in the arguments names the executable
 * too). Never fails: a program that cannot start has exit code 127. */
test_output test_program(const char *arguments);
void test_output_release(test_output *output);

#endif

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

/* Runs `vltune ARGUMENTS` through the shell (VLT_PROGRAM names the executable; `$VLTUNE` in the
 * arguments too). Never fails: a program that cannot start has exit code 127. */
test_output test_program(const char *arguments);
void test_output_release(test_output *output);

#endif

/* memory_cgroup.h: a memory cgroup of a test's own, of version 1 or 2, where the machine lets
 * us make one. */
#ifndef VLT_TESTS_MEMORY_CGROUP_H
#define VLT_TESTS_MEMORY_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/run_program.h"

/* False where none can be made (then the test skips aloud). One per process. */
bool test_cgroup_make(uint64_t limit_bytes);
void test_cgroup_remove(void);

/* `vltune ARGUMENTS` inside it; exit code 137: killed. */
test_output test_cgroup_program(const char *arguments);

#endif

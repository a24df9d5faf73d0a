#include "tests/support/memory_cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

static bool put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    bool written = file && fputs(text, file) >= 0;
    return file ? fclose(file) == 0 && written : false;
}

static bool try_in(const char *parent, const char *limit_file, const char *swap_file,
                   uint64_t limit_bytes)
{
    char text[32];
    snprintf(folder, sizeof folder, "%s/vltune-test-%d", parent, (int)getpid());
    snprintf(text, sizeof text, "%llu", (unsigned long long)limit_bytes);
    if (mkdir(folder, 0755) != 0) {
        return false;
    }
    put(swap_file, !strcmp(swap_file, "memory.swap.max") ? "0" : text); /* where there is swap */
    if (put(limit_file, text)) {
        return true;
    }
    rmdir(folder);
    return false;
}

bool test_cgroup_make(uint64_t limit_bytes)
{
    return try_in("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes",
                  limit_bytes) ||
           try_in("/sys/fs/cgroup", "memory.max", "memory.swap.max", limit_bytes) ||
           try_in("/sys/fs/cgroup/unified", "memory.max", "memory.swap.max", limit_bytes);
}

void test_cgroup_remove(void)
{
    rmdir(folder);
}

test_output test_cgroup_program(const char *arguments)
{
    char command[4096];
    snprintf(command, sizeof command,
             "--version >/dev/null && sh -c 'echo $$ >%s/cgroup.procs && exec \"$0\" \"$@\"' "
             "\"$VLTUNE\" %s",
             folder, arguments);
    return test_program(command);
}

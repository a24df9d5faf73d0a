#include "tests/support/folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static char root[32];

void test_folder_make(void)
{
    snprintf(root, sizeof root, "/tmp/vltune-test-XXXXXX");
    if (!mkdtemp(root)) {
        perror(root);
        abort();
    }
}

void test_folder_remove(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    if (system(command) != 0) {
        fprintf(stderr, "%s is left behind\n", root);
    }
}

const char *test_folder_path(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s%s%s", root, *name ? "/" : "", name);
    return path;
}

int test_folder_entries(void)
{
    int count = -2; /* . and .. */
    DIR *folder = opendir(root);
    while (folder && readdir(folder)) {
        count++;
    }
    if (folder) {
        closedir(folder);
    }
    return count;
}

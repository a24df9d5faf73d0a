#include "tests/support/folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

void test_folder_put(const char *name, const char *text)
{
    char full[512], fresh[520];
    snprintf(full, sizeof full, "%s/%s", root, name + (name[0] == '/'));
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(full, 0755);
        *at = '/';
    }
    snprintf(fresh, sizeof fresh, "%s.new", full);
    FILE *file = fopen(fresh, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || rename(fresh, full) != 0) {
        perror(full);
        abort();
    }
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

#include "harness/files/same_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_one(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool folder_of(const char *path, struct stat *info)
{
    char *copy = strdup(path);
    bool found = copy && stat(dirname(copy), info) == 0;
    free(copy);
    return found;
}

/* Two names without files: folders that are one, and equal names there. */
static bool would_be_one(const char *a, const char *b)
{
    struct stat folder_a, folder_b;
    char *copy_a = strdup(a), *copy_b = strdup(b);
    bool one = copy_a && copy_b && !strcmp(basename(copy_a), basename(copy_b)) &&
               folder_of(a, &folder_a) && folder_of(b, &folder_b) && is_one(&folder_a, &folder_b);
    free(copy_a);
    free(copy_b);
    return one;
}

bool vlt_same_file(const char *a, const char *b)
{
    struct stat info_a, info_b;
    bool there_a = stat(a, &info_a) == 0, there_b = stat(b, &info_b) == 0;
    if (there_a && there_b) {
        return S_ISREG(info_a.st_mode) && is_one(&info_a, &info_b);
    }
    return !there_a && !there_b && would_be_one(a, b);
}

bool vlt_folder_has_file(const char *folder, const char *path)
{
    struct stat wanted, found;
    DIR *listing = stat(path, &wanted) == 0 && S_ISREG(wanted.st_mode) ? opendir(folder) : NULL;
    bool has = false;
    for (const struct dirent *entry; listing && !has && (entry = readdir(listing)) != NULL;) {
        has = fstatat(dirfd(listing), entry->d_name, &found, 0) == 0 && is_one(&wanted, &found);
    }
    if (listing) {
        closedir(listing);
    }
    return has;
}

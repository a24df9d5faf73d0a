#include "harness/files/temp_folder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 8, TRIES = 16, RANDOM_LETTERS = 6 };

static const char mark[] = "vltune-tmp-";

/* Opens the folder `name` of `parent`, never a link to one. */
static int open_folder(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Removes what is in a folder, and closes it. */
static void empty_folder(int folder, int depth)
{
    DIR *list = fdopendir(folder);
    if (!list) {
        close(folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            unlinkat(folder, entry->d_name, 0) == 0) {
            continue;
        }
        int inner = depth < DEPTH_MAX ? open_folder(folder, entry->d_name) : -1;
        if (inner >= 0) {
            empty_folder(inner, depth + 1);
            unlinkat(folder, entry->d_name, AT_REMOVEDIR);
        }
    }
    closedir(list);
}

/* PREFIX...XXXXXX, as mkdtemp makes it */
static bool is_ours(const char *name, const char *prefix)
{
    size_t length = strlen(name), begin = strlen(prefix);
    if (strncmp(name, prefix, begin) != 0 || length < begin + RANDOM_LETTERS) {
        return false;
    }
    for (size_t i = length - RANDOM_LETTERS; i < length; i++) {
        if (!isalnum((unsigned char)name[i])) {
            return false;
        }
    }
    return true;
}

/* Removes the folder when its owner is gone. The lock is held while it is emptied, so that nobody
 * who has just made it takes it for his own. */
static void remove_if_left(int parent, const char *name)
{
    struct stat info;
    int folder = open_folder(parent, name);
    if (folder < 0) {
        return;
    }
    if (fstat(folder, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 07777) == 0700 &&
        flock(folder, LOCK_EX | LOCK_NB) == 0) {
        int content = open_folder(folder, ".");
        if (content >= 0) {
            empty_folder(content, 0);
        }
        unlinkat(parent, name, AT_REMOVEDIR);
    }
    close(folder);
}

static void sweep(const char *parent, const char *prefix)
{
    DIR *list = opendir(parent);
    if (!list) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (is_ours(entry->d_name, prefix)) {
            remove_if_left(dirfd(list), entry->d_name);
        }
    }
    closedir(list);
}

/* Locks the folder that has just been made; false when a sweeper was faster. */
static bool take(const char *path, int *lock)
{
    struct stat here, there;
    *lock = open_folder(AT_FDCWD, path);
    if (*lock < 0) {
        return false;
    }
    bool taken = flock(*lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    if (taken && fstat(*lock, &here) == 0 && lstat(path, &there) == 0 &&
        here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
        return true;
    }
    close(*lock);
    *lock = -1;
    return false;
}

/* pattern: owned by the caller, ends in XXXXXX. */
static vlt_status make(const char *pattern, vlt_temp_folder *folder, vlt_error *err)
{
    for (int i = 0; i < TRIES; i++) {
        char *path = strdup(pattern);
        if (!path) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "temporary folder: out of memory");
        }
        if (!mkdtemp(path)) {
            int reason = errno;
            free(path);
            return vlt_fail(err, VLT_STATUS_IO, "temporary folder %s: %s", pattern,
                            strerror(reason));
        }
        if (take(path, &folder->lock)) {
            folder->path = path;
            return VLT_OK;
        }
        rmdir(path);
        free(path);
    }
    return vlt_fail(err, VLT_STATUS_IO, "temporary folder %s: others remove it", pattern);
}

vlt_status vlt_temp_folder_make(const char *purpose, vlt_temp_folder *folder, vlt_error *err)
{
    const char *base = getenv("TMPDIR");
    char *pattern = NULL;
    *folder = VLT_TEMP_FOLDER_NONE;
    base = base && *base ? base : "/tmp";
    sweep(base, mark);
    if (asprintf(&pattern, "%s/%s%s-XXXXXX", base, mark, purpose) < 0) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "temporary folder: out of memory");
    }
    vlt_status status = make(pattern, folder, err);
    free(pattern);
    return status;
}

vlt_status vlt_temp_folder_make_beside(const char *path, vlt_temp_folder *folder, vlt_error *err)
{
    const char *slash = strrchr(path, '/');
    char *pattern = NULL, *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    vlt_status status = VLT_OK;
    *folder = VLT_TEMP_FOLDER_NONE;
    if (!parent || asprintf(&pattern, "%s.%sXXXXXX", path, mark) < 0) {
        pattern = NULL;
        status = vlt_fail(err, VLT_STATUS_NOMEM, "temporary folder: out of memory");
        goto done;
    }
    /* "DIR.vltune-tmp-": what was left of another DIR is not ours to look for */
    char *letters = pattern + strlen(pattern) - RANDOM_LETTERS;
    *letters = '\0';
    sweep(parent, slash ? pattern + (slash - path) + 1 : pattern);
    *letters = 'X';
    status = make(pattern, folder, err);
done:
    free(parent);
    free(pattern);
    return status;
}

static void forget(vlt_temp_folder *folder)
{
    if (folder->lock >= 0) {
        close(folder->lock);
    }
    free(folder->path);
    *folder = VLT_TEMP_FOLDER_NONE;
}

vlt_status vlt_temp_folder_keep(vlt_temp_folder *folder, const char *path, vlt_error *err)
{
    if (chmod(folder->path, 0755) != 0 || rename(folder->path, path) != 0) {
        return vlt_fail(err, VLT_STATUS_IO, "folder '%s': %s", path, strerror(errno));
    }
    forget(folder);
    return VLT_OK;
}

void vlt_temp_folder_remove(vlt_temp_folder *folder)
{
    if (folder->path) {
        int content = open_folder(AT_FDCWD, folder->path);
        if (content >= 0) {
            empty_folder(content, 0);
        }
        rmdir(folder->path);
    }
    forget(folder);
}

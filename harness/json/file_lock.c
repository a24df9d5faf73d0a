#include "harness/json/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "optimizations/core/hash.h"

struct vlt_file_lock {
    int file;
    char *path; /* of the lock, not of what it guards */
};

/* The lock's own name; of a name that leaves no room for more, a hash stands for it. */
static char *lock_name(const char *folder, const char *name)
{
    char hash[24], *path = NULL;
    bool fits = strlen(name) + sizeof "..vltune-lock" <= NAME_MAX;
    snprintf(hash, sizeof hash, "%016" PRIx64, vlt_hash_bytes(name, strlen(name), 0));
    return asprintf(&path, "%s/.%s.vltune-lock", folder, fits ? name : hash) < 0 ? NULL : path;
}

/* "FOLDER/.NAME.vltune-lock" of the file that the name leads to, or NULL with errno. */
static char *lock_path(const char *path)
{
    char *whole = realpath(path, NULL), *folder = NULL, *result = NULL;
    const char *slash = strrchr(whole ? whole : path, '/');
    const char *name = slash ? slash + 1 : whole ? whole : path;
    if (whole) {
        folder = strndup(whole, (size_t)(name - whole));
    } else if (slash) {
        folder = strndup(path, (size_t)(name - path));
    } else {
        folder = strdup("./");
    }
    if (!whole && folder) { /* not there yet: its folder must be */
        char *real = realpath(folder, NULL);
        free(folder);
        folder = real;
    }
    result = folder ? lock_name(folder, name) : NULL;
    int failure = errno;
    free(folder);
    free(whole);
    errno = failure;
    return result;
}

/* File systems without locks are written as before: unguarded. */
static bool is_taken(int file)
{
    return flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/* The process that wrote its number into the lock; 0 when it has not yet. */
static long holder_of(int file)
{
    char text[32] = "";
    return pread(file, text, sizeof text - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

/* The holder removes the file as it lets go: then what is locked here is a file without a name. */
static bool still_named(const vlt_file_lock *lock)
{
    struct stat mine, named;
    return fstat(lock->file, &mine) == 0 && stat(lock->path, &named) == 0 &&
           mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

static void write_holder(int file)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* Only for messages: a full disk is no reason to go without the lock. */
    if (ftruncate(file, 0) != 0 || pwrite(file, text, (size_t)length, 0) != length) {
        errno = 0;
    }
}

/* One try. *holder is 0 or more where another process has it, else -1. */
static vlt_status try_lock(const char *path, vlt_file_lock *lock, long *holder, vlt_error *err)
{
    *holder = -1;
    lock->file = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (lock->file < 0) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: cannot be locked: %s", path, strerror(errno));
    }
    if (is_taken(lock->file)) {
        *holder = holder_of(lock->file);
    } else if (still_named(lock)) {
        write_holder(lock->file);
        return VLT_OK;
    }
    close(lock->file);
    lock->file = -1;
    return VLT_OK;
}

static bool is_regular_or_absent(const char *path)
{
    struct stat info;
    return stat(path, &info) != 0 || S_ISREG(info.st_mode);
}

vlt_status vlt_file_lock_take(const char *path, bool (*wait)(void *user, long holder), void *user,
                              vlt_file_lock **out, vlt_error *err)
{
    const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
    vlt_status status = VLT_OK;
    *out = NULL;
    if (!is_regular_or_absent(path)) {
        return VLT_OK;
    }
    vlt_file_lock *lock = calloc(1, sizeof *lock);
    if (!lock) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path);
    }
    lock->file = -1;
    lock->path = lock_path(path);
    if (!lock->path) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    while (status == VLT_OK && lock->file < 0) {
        long holder;
        status = try_lock(path, lock, &holder, err);
        if (status != VLT_OK || holder < 0) {
            continue;
        }
        if (!wait) {
            status = vlt_fail(err, VLT_STATUS_IO, "%s: process %ld is writing it", path, holder);
        } else if (!wait(user, holder)) {
            status = vlt_fail(err, VLT_STATUS_INTERRUPTED,
                              "%s: interrupted while process %ld has it", path, holder);
        } else {
            nanosleep(&pause, NULL);
        }
    }
    if (status != VLT_OK) {
        free(lock->path);
        free(lock);
        return status;
    }
    *out = lock;
    return VLT_OK;
}

void vlt_file_lock_release(vlt_file_lock *lock)
{
    if (lock) {
        unlink(lock->path);
        close(lock->file);
        free(lock->path);
        free(lock);
    }
}

vlt_status vlt_file_lock_open(int file, const char *path, vlt_error *err)
{
    struct stat info;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && is_taken(file)) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: another process is writing it", path);
    }
    return VLT_OK;
}

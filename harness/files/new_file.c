#include "harness/files/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/files/file_kind.h"
#include "optimizations/core/utf8_text.h"

static vlt_status fail(const vlt_new_file *file, int error, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_IO, "%s: %s", vlt_quoted_path(file->path).text,
                    strerror(error));
}

/* "PLACE.vltune-tmp-7", of a name that is too long for that its beginning; NULL without memory. */
static char *temporary_name(const char *place, unsigned number)
{
    char end[32], *name = NULL;
    const char *slash = strrchr(place, '/'), *base = slash ? slash + 1 : place;
    snprintf(end, sizeof end, ".vltune-tmp-%u", number);
    size_t folder = (size_t)(base - place);
    size_t kept = vlt_utf8_cut(base, strlen(base), NAME_MAX - strlen(end));
    char *begin = strndup(place, folder + kept);
    if (begin && asprintf(&name, "%s%s", begin, end) < 0) {
        name = NULL;
    }
    free(begin);
    return name;
}

static bool still_named(int fd, const char *name)
{
    struct stat mine, named;
    return fstat(fd, &mine) == 0 && lstat(name, &named) == 0 && mine.st_dev == named.st_dev &&
           mine.st_ino == named.st_ino;
}

/* Removes what a process that was killed has left under that name: who lives has it locked. */
static bool remove_if_left(const char *name)
{
    struct stat info;
    bool removed = false;
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
        removed = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
                  flock(fd, LOCK_EX | LOCK_NB) == 0 && still_named(fd, name) && unlink(name) == 0;
        close(fd);
    }
    return removed;
}

/* A new file under that name, locked; -1 with errno, EEXIST where the name is somebody else's.
 * open() applies the umask, which mkstemp() does not and nobody can read without changing it. */
static int create(const char *name, mode_t mode)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int fd = open(name, flags, mode);
    if (fd < 0 && errno == EEXIST) {
        bool removed = remove_if_left(name);
        errno = EEXIST;
        fd = removed ? open(name, flags, mode) : -1;
    }
    if (fd < 0) {
        return -1;
    }
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    if (locked && still_named(fd, name)) {
        return fd;
    }
    close(fd); /* somebody was faster and took it for left behind */
    errno = EEXIST;
    return -1;
}

static int create_beside(const char *place, mode_t mode, char **temporary)
{
    enum { TRIES = 1000 };
    int fd = -1;
    unsigned i = 0;
    errno = EEXIST;
    for (; i < TRIES && fd < 0 && errno == EEXIST; i++) {
        free(*temporary);
        *temporary = temporary_name(place, i);
        if (!*temporary) {
            errno = ENOMEM;
            return -1;
        }
        fd = create(*temporary, mode);
    }
    /* the numbers behind it are of those who were killed while others wrote */
    for (bool more = fd >= 0; more; i++) {
        char *name = temporary_name(place, i);
        more = name && remove_if_left(name);
        free(name);
    }
    return fd;
}

/* Whose it is first: changing the owner takes set-id bits away. Giving files away is root's right,
 * so failing to do so is no failure. */
static bool keep_rights(const vlt_new_file *file, int fd)
{
    struct stat old, new;
    if (stat(file->place, &old) != 0 || !S_ISREG(old.st_mode) || fstat(fd, &new) != 0) {
        return true;
    }
    if (old.st_uid != new.st_uid || old.st_gid != new.st_gid) {
        int ignored = fchown(fd, old.st_uid, old.st_gid);
        (void)ignored;
    }
    return fchmod(fd, old.st_mode & 07777) == 0;
}

/* Devices, pipes and sockets are written to as they are: a file in their place would end them for
 * everybody. -1 with errno, EISDIR for a folder; a pipe without a reader waits for one. */
static int open_as_it_is(const char *path)
{
    return open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
}

/* Asked of the path, not of the place: a link to a pipe (/dev/stdout) names no place. */
static bool is_replaceable(const char *path)
{
    struct stat info;
    return stat(path, &info) != 0 || S_ISREG(info.st_mode);
}

vlt_status vlt_new_file_open(const char *path, mode_t mode, vlt_new_file *out, vlt_error *err)
{
    vlt_status status = VLT_OK;
    bool replaces = is_replaceable(path);
    int fd = -1;
    if (replaces && vlt_leads_nowhere(path)) { /* a file there would be none where it leads */
        return vlt_fail(err, VLT_STATUS_IO, "%s: a link to a file that is not there: %s",
                        vlt_quoted_path(path).text, strerror(errno));
    }
    *out = (vlt_new_file){.path = strdup(path), .place = realpath(path, NULL)};
    if (!out->place) {
        out->place = strdup(path); /* not there yet */
    }
    if (!out->path || !out->place) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", vlt_quoted_path(path).text);
        goto done;
    }
    fd = replaces ? create_beside(out->place, mode, &out->temporary) : open_as_it_is(path);
    if (fd < 0) {
        status = fail(out, errno, err);
        free(out->temporary); /* it is somebody else's, or nobody's */
        out->temporary = NULL;
        goto done;
    }
    if ((replaces && !keep_rights(out, fd)) || !(out->stream = fdopen(fd, "wb"))) {
        status = fail(out, errno, err);
    }
done:
    if (fd >= 0 && !out->stream) {
        close(fd);
    }
    if (status != VLT_OK) {
        vlt_new_file_discard(out);
    }
    return status;
}

vlt_status vlt_new_file_write(vlt_new_file *file, const void *data, size_t bytes, vlt_error *err)
{
    size_t put = fwrite(data, 1, bytes, file->stream);
    return put == bytes ? VLT_OK
                        : vlt_fail(err, VLT_STATUS_IO, "%s: %s after %zu of %zu bytes",
                                   vlt_quoted_path(file->path).text, strerror(errno), put, bytes);
}

vlt_status vlt_new_file_commit(vlt_new_file *file, vlt_error *err)
{
    bool failed = ferror(file->stream) || fflush(file->stream) != 0;
    if (!failed && file->temporary) {
        failed = fsync(fileno(file->stream)) != 0 || rename(file->temporary, file->place) != 0;
    }
    if (failed) {
        return fail(file, errno, err);
    }
    free(file->temporary);
    file->temporary = NULL;
    return VLT_OK;
}

void vlt_new_file_discard(vlt_new_file *file)
{
    if (file->stream) {
        fclose(file->stream);
    }
    if (file->temporary) {
        unlink(file->temporary);
    }
    free(file->temporary);
    free(file->place);
    free(file->path);
    *file = (vlt_new_file){0};
}

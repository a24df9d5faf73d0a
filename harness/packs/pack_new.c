#include "harness/packs/pack_new.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "optimizations/core/utf8_text.h"

static vlt_status fail(const vlt_pack_folder *folder, int error, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_IO, "%s: %s", folder->shown, strerror(error));
}

static int create(vlt_pack_new *file)
{
    enum { TRIES = 1000 };
    for (int i = 0; i < TRIES; i++) {
        vlt_utf8_format(file->temporary, sizeof file->temporary, "%s.new-%ld-%d", file->name,
                        (long)getpid(), i);
        int fd = openat(file->folder->fd, file->temporary,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    return -1;
}

/* False when another process took the file for one that was left behind: it removes it. A file
 * system without locks has none of that. */
static bool lock(int fd)
{
    struct stat info;
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    return locked && fstat(fd, &info) == 0 && info.st_nlink > 0;
}

/* 0, or why there is no room for that many bytes. A limit of file sizes would end the process with
 * a signal; where the file system cannot reserve, writing will tell. */
static int reserve(int fd, uint64_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        bytes > limit.rlim_cur) {
        return EFBIG;
    }
    if (fallocate(fd, 0, 0, (off_t)bytes) == 0 || errno == EOPNOTSUPP || errno == ENOSYS) {
        return 0;
    }
    return errno;
}

vlt_status vlt_pack_new_open(const vlt_pack_folder *folder, const char *name, uint64_t bytes,
                             vlt_pack_new *out, vlt_error *err)
{
    *out = (vlt_pack_new){.folder = folder, .fd = -1};
    vlt_utf8_format(out->name, sizeof out->name, "%s", name);
    out->fd = create(out);
    int failed = out->fd < 0 ? errno : !lock(out->fd) ? EBUSY : reserve(out->fd, bytes);
    if (failed) {
        vlt_pack_new_discard(out);
        return fail(folder, failed, err);
    }
    return VLT_OK;
}

vlt_status vlt_pack_new_write(vlt_pack_new *file, const void *data, size_t bytes, vlt_error *err)
{
    const char *next = data;
    while (bytes) {
        ssize_t put = write(file->fd, next, bytes);
        if (put < 0 && errno != EINTR) {
            return fail(file->folder, errno, err);
        }
        next += put > 0 ? put : 0;
        bytes -= put > 0 ? (size_t)put : 0;
    }
    return VLT_OK;
}

vlt_status vlt_pack_new_commit(vlt_pack_new *file, vlt_error *err)
{
    int folder = file->folder->fd;
    if (renameat(folder, file->temporary, folder, file->name) != 0) {
        return fail(file->folder, errno, err);
    }
    close(file->fd);
    file->fd = -1;
    return VLT_OK;
}

void vlt_pack_new_discard(vlt_pack_new *file)
{
    if (file->fd >= 0) {
        unlinkat(file->folder->fd, file->temporary, 0);
        close(file->fd);
        file->fd = -1;
    }
}

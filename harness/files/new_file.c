#include "harness/files/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "optimizations/core/utf8_text.h"

static vlt_status fail(const vlt_new_file *file, int error, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_IO, "%s: %s", vlt_quoted_path(file->path).text,
                    strerror(error));
}

/* open() applies the umask, which mkstemp() does not and nobody can read without changing it. */
static int create_beside(const char *place, mode_t mode, char **temporary)
{
    for (unsigned i = 0; i < 1000; i++) {
        if (asprintf(temporary, "%s.tmp-%ld-%u", place, (long)getpid(), i) < 0) {
            *temporary = NULL;
            errno = ENOMEM;
            return -1;
        }
        int fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
        free(*temporary);
        *temporary = NULL;
    }
    return -1;
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

vlt_status vlt_new_file_open(const char *path, mode_t mode, vlt_new_file *out, vlt_error *err)
{
    vlt_status status = VLT_OK;
    int fd = -1;
    *out = (vlt_new_file){.path = strdup(path), .place = realpath(path, NULL)};
    if (!out->place) {
        out->place = strdup(path); /* not there yet */
    }
    if (!out->path || !out->place) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", vlt_quoted_path(path).text);
        goto done;
    }
    fd = create_beside(out->place, mode, &out->temporary);
    if (fd < 0) {
        status = fail(out, errno, err);
        free(out->temporary); /* it is somebody else's, or nobody's */
        out->temporary = NULL;
        goto done;
    }
    if (!keep_rights(out, fd) || !(out->stream = fdopen(fd, "wb"))) {
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
    bool failed = ferror(file->stream) || fflush(file->stream) != 0 ||
                  fsync(fileno(file->stream)) != 0;
    if (failed || rename(file->temporary, file->place) != 0) {
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

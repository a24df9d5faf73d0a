#include "harness/packs/pack_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/files/places.h"
#include "optimizations/core/utf8_text.h"

enum { FOR_OTHERS = S_IRWXG | S_IRWXO, WRITTEN_BY_OTHERS = S_IWGRP | S_IWOTH };

void vlt_pack_entry_name(vlt_hash128 key, vlt_pack_entry_kind kind, char name[VLT_PACK_NAME_BYTES])
{
    vlt_utf8_format(name, VLT_PACK_NAME_BYTES, "%016" PRIx64 "%016" PRIx64 ".%s", key.high, key.low,
                    kind == VLT_PACK_ENTRY_PACK ? "pack" : "hashes");
}

static vlt_status refuse(const char *path, vlt_status status, vlt_error *err, const char *why)
{
    return vlt_fail(err, status, "%s: %s", vlt_quoted_path(path).text, why);
}

/* Ours alone to write. What is below it may be for others to read unless `alone`. */
static vlt_status check_folder(int fd, const char *shown, bool alone, vlt_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return refuse(shown, VLT_STATUS_IO, err, strerror(errno));
    }
    if (info.st_uid != geteuid()) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: belongs to user %ld, this is user %ld",
                        vlt_quoted_path(shown).text, (long)info.st_uid, (long)geteuid());
    }
    if (info.st_mode & WRITTEN_BY_OTHERS) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: others may write there (mode %03o)",
                        vlt_quoted_path(shown).text, (unsigned)(info.st_mode & 07777));
    }
    if (alone && info.st_mode & FOR_OTHERS && fchmod(fd, info.st_mode & 07777 & ~FOR_OTHERS) != 0) {
        return refuse(shown, VLT_STATUS_IO, err, strerror(errno));
    }
    return VLT_OK;
}

/* The folder `name` of `parent`, made where it is missing and `make` says so. *fd is -1 when it is
 * not there. */
static vlt_status enter(int parent, const char *name, const char *shown, bool make, int *fd,
                        vlt_error *err)
{
    if (make && mkdirat(parent, name, 0700) != 0 && errno != EEXIST) {
        return refuse(shown, VLT_STATUS_IO, err, strerror(errno));
    }
    *fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd >= 0 || (errno == ENOENT && !make)) {
        return VLT_OK;
    }
    int failed = errno;
    struct stat info;
    bool link = fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
    return refuse(shown, VLT_STATUS_IO, err,
                  link ? "is a link, which is not followed" : strerror(failed));
}

static vlt_status name_paths(const char *base, vlt_pack_folder *out, char **above, vlt_error *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s/vltune", base) < 0) {
        path = NULL;
    }
    *above = path ? vlt_place_shown(path) : NULL;
    free(path);
    if (asprintf(&out->path, "%s/vltune/packs", base) < 0) {
        out->path = NULL;
    }
    out->shown = out->path ? vlt_place_shown(out->path) : NULL;
    return *above && out->shown ? VLT_OK
                                : vlt_fail(err, VLT_STATUS_NOMEM, "packed weights: out of memory");
}

vlt_status vlt_pack_folder_open(bool make, vlt_pack_folder *out, bool *homeless, vlt_error *err)
{
    char *base = NULL, *above = NULL;
    int base_fd = -1, above_fd = -1;
    *out = VLT_PACK_FOLDER_NONE;
    vlt_status status = vlt_place_path(VLT_PLACE_CACHE, &base, homeless, err);
    if (status == VLT_OK) {
        status = name_paths(base, out, &above, err);
    }
    if (status == VLT_OK && make) {
        status = vlt_place_make(base, err);
    }
    if (status != VLT_OK) {
        goto done;
    }
    base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base_fd < 0) {
        status = errno == ENOENT && !make ? VLT_OK
                                          : refuse(base, VLT_STATUS_IO, err, strerror(errno));
        goto done;
    }
    status = enter(base_fd, "vltune", above, make, &above_fd, err);
    if (status == VLT_OK && above_fd >= 0) {
        status = check_folder(above_fd, above, false, err);
    }
    if (status == VLT_OK && above_fd >= 0) {
        status = enter(above_fd, "packs", out->shown, make, &out->fd, err);
    }
    if (status == VLT_OK && out->fd >= 0) {
        status = check_folder(out->fd, out->shown, true, err);
    }
    if (status != VLT_OK && out->fd >= 0) {
        close(out->fd);
        out->fd = -1;
    }
done:
    if (above_fd >= 0) {
        close(above_fd);
    }
    if (base_fd >= 0) {
        close(base_fd);
    }
    free(above);
    free(base);
    return status;
}

void vlt_pack_folder_close(vlt_pack_folder *folder)
{
    if (folder->fd >= 0) {
        close(folder->fd);
    }
    free(folder->path);
    free(folder->shown);
    *folder = VLT_PACK_FOLDER_NONE;
}

vlt_status vlt_pack_folder_open_file(const vlt_pack_folder *folder, const char *name, int *fd,
                                     struct stat *info, vlt_error *err)
{
    /* a pipe of that name must not keep anybody waiting */
    *fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT) {
        return VLT_OK;
    }
    if (*fd < 0) {
        return vlt_fail(err, errno == ELOOP ? VLT_STATUS_INPUT : VLT_STATUS_IO, "%s/%s: %s",
                        folder->shown, name,
                        errno == ELOOP ? "is a link, which is not followed" : strerror(errno));
    }
    const char *why = NULL;
    if (fstat(*fd, info) != 0) {
        why = strerror(errno);
    } else if (!S_ISREG(info->st_mode)) {
        why = "is no regular file";
    } else if (info->st_uid != geteuid()) {
        why = "belongs to somebody else";
    } else if (info->st_mode & FOR_OTHERS) {
        why = "is not the owner's alone";
    }
    if (why) {
        close(*fd);
        *fd = -1;
        return vlt_fail(err, VLT_STATUS_INPUT, "%s/%s: %s", folder->shown, name, why);
    }
    return VLT_OK;
}

void vlt_pack_folder_touch(int fd)
{
    (void)!futimens(fd, NULL); /* a folder that only can be read stays as it is */
}

bool vlt_pack_folder_remove(const vlt_pack_folder *folder, const char *name)
{
    return unlinkat(folder->fd, name, 0) == 0 || errno == ENOENT;
}

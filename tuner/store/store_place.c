#include "tuner/store/store_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "harness/files/file_kind.h"

/* SQLite's own limit of a path, its longest companion ("-journal") included. */
enum { REAL_BYTES_MAX = 504, HEADER_BYTES = 20, VERSION_AT = 18 };

static const char *const companions[] = {"-wal", "-journal", "-shm"};

/* Size of REAL + suffix; -1 when there is no such file. */
static int64_t companion_bytes(const char *real, const char *suffix)
{
    char path[REAL_BYTES_MAX + 16];
    struct stat info;
    bool fits = snprintf(path, sizeof path, "%s%s", real, suffix) < (int)sizeof path;
    return fits && stat(path, &info) == 0 ? (int64_t)info.st_size : -1;
}

/* Where a file will be: its folder behind links, then its name. NULL with errno. */
static char *real_of_missing(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    char *real_folder = folder ? realpath(folder, NULL) : NULL, *real = NULL;
    int reason = errno;
    if (real_folder &&
        asprintf(&real, "%s/%s", strcmp(real_folder, "/") ? real_folder : "", name) < 0) {
        real = NULL;
    }
    free(folder);
    free(real_folder);
    errno = reason;
    return real;
}

static vlt_status read_header(const char *path, vlt_store_place *place, vlt_error *err)
{
    char header[HEADER_BYTES] = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    ssize_t got = read(file, header, sizeof header);
    close(file);
    place->wal_mode = got == (ssize_t)sizeof header &&
                      vlt_is_database_text(header, sizeof header) && header[VERSION_AT + 1] == 2;
    return VLT_OK;
}

static vlt_status look_at_file(const char *path, const struct stat *info, vlt_store_place *place,
                               vlt_error *err)
{
    if (!S_ISREG(info->st_mode)) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: not a regular file", path);
    }
    int64_t wal = companion_bytes(place->real, companions[0]);
    place->there = true;
    place->empty = info->st_size == 0;
    place->wal_file = wal >= 0;
    place->wal = wal > 0;
    place->journal = companion_bytes(place->real, companions[1]) > 0;
    place->shm_file = companion_bytes(place->real, companions[2]) >= 0;
    place->writable = faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
    return read_header(path, place, err);
}

vlt_status vlt_store_place_look(const char *path, vlt_store_place *place, vlt_error *err)
{
    struct stat info;
    *place = (vlt_store_place){0};
    if (!*path) {
        return vlt_fail(err, VLT_STATUS_USAGE, "database '': no name, expected a file");
    }
    bool there = stat(path, &info) == 0;
    if (!there && errno != ENOENT) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    place->real = there ? realpath(path, NULL) : real_of_missing(path);
    if (!place->real) {
        return errno == ENOMEM
                   ? vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", path)
                   : vlt_fail(err, VLT_STATUS_IO, "%s: its folder: %s", path, strerror(errno));
    }
    if (strlen(place->real) > REAL_BYTES_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT,
                        "database: path of %zu bytes, SQLite takes at most %d: %s",
                        strlen(place->real), REAL_BYTES_MAX, place->real);
    }
    return there ? look_at_file(path, &info, place, err) : VLT_OK;
}

void vlt_store_place_release(vlt_store_place *place)
{
    free(place->real);
    *place = (vlt_store_place){0};
}

const char *vlt_store_network_name(unsigned long magic)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } systems[] = {{0x6969, "NFS"},      {0xFF534D42, "CIFS"},  {0xFE534D42, "SMB"},
                   {0x517B, "SMB"},      {0x564C, "NCP"},       {0x5346414F, "AFS"},
                   {0x6B414653, "AFS"},  {0x73757245, "Coda"},  {0x01021997, "9P"},
                   {0x00C36400, "Ceph"}, {0x0BD00BD0, "Lustre"}};
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        if (systems[i].magic == (magic & 0xFFFFFFFF)) {
            return systems[i].name;
        }
    }
    return NULL;
}

/* Processes that write one database share memory and locks, which machines do not. */
static vlt_status check_local(const char *folder, const char *path, vlt_error *err)
{
    struct statfs info;
    const char *name = statfs(folder, &info) == 0
                           ? vlt_store_network_name((unsigned long)info.f_type)
                           : NULL;
    return name ? vlt_fail(err, VLT_STATUS_IO,
                           "%s: cannot be written: folder %s is on a network file system (%s), "
                           "expected a local one: give another place with --db",
                           path, folder, name)
                : VLT_OK;
}

vlt_status vlt_store_place_check_folder(const vlt_store_place *place, const char *path,
                                        vlt_error *err)
{
    char folder[REAL_BYTES_MAX + 1];
    memcpy(folder, place->real, strlen(place->real) + 1); /* what is longer was refused */
    char *slash = strrchr(folder, '/');
    slash[slash == folder] = '\0';
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0) {
        return vlt_fail(
            err, VLT_STATUS_IO,
            "%s: cannot be written: SQLite needs to make files beside it, folder %s: %s", path,
            folder, strerror(errno));
    }
    vlt_status status = check_local(folder, path, err);
    if (status != VLT_OK) {
        return status;
    }
    if (place->there && !place->writable) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: cannot be written: the database is read-only here",
                        path);
    }
    for (int i = 0; i < 3; i++) { /* what somebody else who wrote here has left */
        char name[REAL_BYTES_MAX + 16];
        int length = snprintf(name, sizeof name, "%s%s", place->real, companions[i]);
        if (length < 0 || (size_t)length >= sizeof name) {
            return vlt_fail(err, VLT_STATUS_IO, "%s: the path is too long", path);
        }
        if (faccessat(AT_FDCWD, name, W_OK, AT_EACCESS) != 0 && errno != ENOENT) {
            return vlt_fail(err, VLT_STATUS_IO, "%s: cannot be written: %s: %s", path, name,
                            strerror(errno));
        }
    }
    return VLT_OK;
}

/* With both companions a reader only reads them. Without, SQLite would make them: in a folder that
 * several share, its owner could not write there any more. */
bool vlt_store_place_is_plain(const vlt_store_place *place)
{
    return !place->wal_mode || place->writable || (place->wal_file && place->shm_file);
}

char *vlt_store_place_uri(const char *real, const char *query)
{
    static const char plain[] =
        "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char hex[] = "0123456789ABCDEF", begin[] = "file://";
    char *uri = malloc(3 * strlen(real) + strlen(query) + sizeof begin + 2), *end = uri;
    if (!uri) {
        return NULL;
    }
    end = stpcpy(end, begin);
    for (const char *c = real; *c; c++) {
        if (strchr(plain, *c)) {
            *end++ = *c;
        } else {
            *end++ = '%';
            *end++ = hex[(unsigned char)*c >> 4];
            *end++ = hex[*c & 15];
        }
    }
    *end++ = '?';
    stpcpy(end, query);
    return uri;
}

/* A private copy of a database in a place where SQLite could not recover it; declared in
 * store_place.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tuner/store/store_place.h"

enum { TRIES = 5, FILES = 3, BUFFER_BYTES = 1 << 16 };

static const char *const suffixes[FILES] = {"", "-wal", "-journal"};

/* One file; one that is not there (any more) is fine. */
static vlt_status copy_file(const char *from, const char *to, vlt_error *err)
{
    char buffer[BUFFER_BYTES];
    vlt_status status = VLT_OK;
    ssize_t got = 0, put = 0;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    if (in < 0) {
        return errno == ENOENT ? VLT_OK
                               : vlt_fail(err, VLT_STATUS_IO, "%s: %s", from, strerror(errno));
    }
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (out >= 0 && (got = read(in, buffer, sizeof buffer)) > 0 &&
           (put = write(out, buffer, (size_t)got)) == got) {
    }
    if (got < 0) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", from, strerror(errno));
    } else if (out < 0 || got > 0) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: copying the database there: %s", to,
                          put >= 0 && out >= 0 ? "the disk is full" : strerror(errno));
    }
    close(in);
    if (out >= 0 && close(out) != 0 && status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: copying the database there: %s", to,
                          strerror(errno));
    }
    return status;
}

/* What changes when somebody writes. */
struct version {
    struct stat info[FILES];
};

static bool same(const struct version *a, const struct version *b)
{
    bool equal = true;
    for (int i = 0; i < FILES; i++) {
        const struct stat *x = &a->info[i], *y = &b->info[i];
        equal = equal && x->st_ino == y->st_ino && x->st_size == y->st_size &&
                x->st_mtim.tv_sec == y->st_mtim.tv_sec && x->st_mtim.tv_nsec == y->st_mtim.tv_nsec;
    }
    return equal;
}

static vlt_status copy_once(char *const from[FILES], char *const to[FILES], bool *whole,
                            vlt_error *err)
{
    struct version before = {0}, after = {0};
    vlt_status status = VLT_OK;
    for (int i = 0; i < FILES; i++) {
        stat(from[i], &before.info[i]);
    }
    for (int i = 0; i < FILES && status == VLT_OK; i++) {
        unlink(to[i]);
        status = copy_file(from[i], to[i], err);
    }
    for (int i = 0; i < FILES; i++) {
        stat(from[i], &after.info[i]);
    }
    *whole = same(&before, &after);
    return status;
}

vlt_status vlt_store_place_copy(const vlt_store_place *place, const char *folder, char **copy,
                                vlt_error *err)
{
    char *from[FILES] = {NULL}, *to[FILES] = {NULL};
    vlt_status status = VLT_OK;
    bool whole = false, memory = true;
    *copy = NULL;
    for (int i = 0; i < FILES && memory; i++) {
        memory = asprintf(&from[i], "%s%s", place->real, suffixes[i]) >= 0 &&
                 asprintf(&to[i], "%s/copy.db%s", folder, suffixes[i]) >= 0;
    }
    if (!memory) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", place->real);
    }
    for (int i = 0; i < TRIES && status == VLT_OK && !whole; i++) {
        status = copy_once(from, to, &whole, err);
    }
    if (status == VLT_OK && !whole) {
        status = vlt_fail(err, VLT_STATUS_IO,
                          "%s: is being written while it is read, and its place does not let both "
                          "agree: try again, or read a copy",
                          place->real);
    }
    if (status == VLT_OK) {
        *copy = to[0];
        to[0] = NULL;
    }
    for (int i = 0; i < FILES; i++) {
        free(from[i]);
        free(to[i]);
    }
    return status;
}

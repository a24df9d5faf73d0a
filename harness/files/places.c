#include "harness/files/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "optimizations/core/utf8_text.h"

static const char *home(void)
{
    const char *path = getenv("HOME");
    return path && *path ? path : NULL;
}

static size_t length_of(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    return length;
}

vlt_status vlt_place_path(vlt_place place, char **out, bool *homeless, vlt_error *err)
{
    static const struct {
        const char *variable, *folder;
    } places[] = {{"XDG_CONFIG_HOME", ".config"},
                  {"XDG_DATA_HOME", ".local/share"},
                  {"XDG_CACHE_HOME", ".cache"}};
    const char *given = getenv(places[place].variable);
    bool absolute = given && given[0] == '/';
    const char *base = absolute ? given : home() ? home() : ".";
    char *front = strndup(base, length_of(base));
    const char *slash = absolute || (front && !strcmp(front, "/")) ? "" : "/";
    if (!front || asprintf(out, "%s%s%s", front, slash, absolute ? "" : places[place].folder) < 0) {
        free(front);
        *out = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", places[place].variable);
    }
    free(front);
    if (homeless) {
        *homeless = !absolute && !home();
    }
    return VLT_OK;
}

/* Cuts the path at its slashes, one after the other. */
static int make_all(char *path)
{
    for (char *at = path + 1;; at++) {
        if (*at && *at != '/') {
            continue;
        }
        char kept = *at;
        *at = '\0';
        int failed = mkdir(path, 0700) != 0 ? errno : 0;
        *at = kept;
        if (failed && failed != EEXIST && !kept) {
            return failed;
        }
        if (!kept) {
            return 0;
        }
    }
}

vlt_status vlt_place_make(const char *path, vlt_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return VLT_OK;
    }
    char *copy = strdup(path);
    if (!copy) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", vlt_quoted_path(path).text);
    }
    int failed = *copy ? make_all(copy) : ENOENT;
    free(copy);
    return failed ? vlt_fail(err, VLT_STATUS_IO, "%s: %s", vlt_quoted_path(path).text,
                             strerror(failed))
                  : VLT_OK;
}

char *vlt_place_shown(const char *path)
{
    char *out = NULL;
    size_t length = home() ? length_of(home()) : 0;
    bool below = length > 1 && !strncmp(path, home(), length) && path[length] == '/';
    return asprintf(&out, "%s%s", below ? "~" : "", below ? path + length : path) < 0 ? NULL : out;
}

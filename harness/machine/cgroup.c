#include "harness/machine/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/proc_file.h"

enum { LIST_BYTES = 256 << 10, LIST_SHORT_BYTES = 16 << 10 }; /* mountinfo of a busy host is long */

/* Is `word` one of the comma-separated words of list? */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length) {
        if ((at == list || at[-1] == ',') && (at[length] == '\0' || at[length] == ',')) {
            return true;
        }
    }
    return false;
}

/* The path of this process in the hierarchy of `controller` ("" for v2), from lines
 * "4:memory:/path" and "0::/path". */
static bool find_own_path(char *cgroups, const char *controller, char *path, size_t path_bytes)
{
    char *rest = cgroups;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *controllers = strchr(line, ':');
        char *own = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!own) {
            continue;
        }
        controllers++;
        *own++ = '\0';
        if (*controller ? has_word(controllers, controller) : !*controllers) {
            vlt_proc_copy(path, path_bytes, own);
            return strlen(own) < path_bytes; /* a path that was cut is another one */
        }
    }
    return false;
}

/* A line of mountinfo: "id parent major:minor ROOT POINT options ... - TYPE source OPTIONS". */
static bool find_mount(char *mounts, const char *controller, char *mount_root, char *point,
                       size_t bytes)
{
    char *rest = mounts;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *field[5] = {NULL}, type[32], options[512];
        char *tail = strstr(line, " - ");
        if (!tail || sscanf(tail, " - %31s %*s %511s", type, options) != 2) {
            continue;
        }
        if (*controller ? strcmp(type, "cgroup") || !has_word(options, controller)
                        : strcmp(type, "cgroup2")) {
            continue;
        }
        char *at = line;
        for (int i = 0; i < 5; i++) {
            field[i] = strsep(&at, " ");
        }
        if (field[4]) {
            vlt_proc_copy(mount_root, bytes, field[3]);
            vlt_proc_copy(point, bytes, field[4]);
            return true;
        }
    }
    return false;
}

/* The part of `path` below the root of the mount. What lies outside ("/../other", seen from
 * inside a namespace) is not reachable: then the mount point itself is the best we can see. */
static const char *below_mount(const char *path, const char *mount_root)
{
    size_t length = strlen(mount_root);
    if (strstr(path, "/..")) {
        return "";
    }
    if (!strcmp(mount_root, "/")) {
        return path;
    }
    return !strncmp(path, mount_root, length) && (path[length] == '/' || !path[length])
               ? path + length
               : "";
}

/* path, mount_root and point: [VLT_CGROUP_PATH_BYTES]. False also where a list is longer than
 * `bytes` and what is looked for lies behind. */
static bool find_place(const char *root, const char *controller, size_t bytes, char *path,
                       char *mount_root, char *point)
{
    char *text = malloc(bytes);
    const bool found = text && vlt_proc_read(root, "/proc/self/cgroup", text, bytes) &&
                       find_own_path(text, controller, path, VLT_CGROUP_PATH_BYTES) &&
                       vlt_proc_read(root, "/proc/self/mountinfo", text, bytes) &&
                       find_mount(text, controller, mount_root, point, VLT_CGROUP_PATH_BYTES);
    free(text);
    return found;
}

static void walk_one(const char *root, const char *controller, int version, vlt_cgroup_visit *visit,
                     void *user)
{
    char path[VLT_CGROUP_PATH_BYTES], mount_root[VLT_CGROUP_PATH_BYTES];
    char point[VLT_CGROUP_PATH_BYTES], folder[2 * VLT_CGROUP_PATH_BYTES];
    if (!find_place(root, controller, LIST_SHORT_BYTES, path, mount_root, point) &&
        !find_place(root, controller, LIST_BYTES, path, mount_root, point)) {
        return;
    }
    size_t stem = strlen(point);
    const char *below = below_mount(path, mount_root);
    if (snprintf(folder, sizeof folder, "%s%s", point, below) >= (int)sizeof folder) {
        return;
    }
    for (size_t end = strlen(folder); end > stem && folder[end - 1] == '/'; end--) {
        folder[end - 1] = '\0';
    }
    for (;;) {
        visit(user, folder, version);
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= stem || !slash || (size_t)(slash - folder) < stem) {
            return;
        }
        *slash = '\0';
    }
}

void vlt_cgroup_walk(const char *root, const char *controller, vlt_cgroup_visit *visit, void *user)
{
    walk_one(root, controller, 1, visit, user);
    walk_one(root, "", 2, visit, user);
}

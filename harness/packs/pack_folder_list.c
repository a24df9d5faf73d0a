/* What is in the folder of packed weights, and what goes when it is full. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "harness/packs/pack_folder.h"

enum { KEY_LETTERS = 32 };

/* KEY.pack, KEY.hashes, and either with ".new-PID-N" behind it */
static vlt_pack_entry_kind kind_of(const char *name)
{
    static const struct {
        const char *suffix;
        vlt_pack_entry_kind kind;
    } kinds[] = {{".pack", VLT_PACK_ENTRY_PACK}, {".hashes", VLT_PACK_ENTRY_HASHES}};
    if (strspn(name, "0123456789abcdef") != KEY_LETTERS || strlen(name) >= VLT_PACK_NAME_BYTES) {
        return VLT_PACK_ENTRY_OTHER;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *end = name + KEY_LETTERS;
        size_t length = strlen(kinds[i].suffix);
        if (!strcmp(end, kinds[i].suffix)) {
            return kinds[i].kind;
        }
        if (!strncmp(end, kinds[i].suffix, length) && !strncmp(end + length, ".new-", 5)) {
            return VLT_PACK_ENTRY_NEW;
        }
    }
    return VLT_PACK_ENTRY_OTHER;
}

/* Whoever writes a file holds its lock until it is renamed. */
static bool writer_lives(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool lives = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (fd >= 0) {
        close(fd);
    }
    return lives;
}

static bool read_entry(int folder, const char *name, vlt_pack_entry *out)
{
    struct stat info;
    vlt_pack_entry_kind kind = kind_of(name);
    if (kind == VLT_PACK_ENTRY_OTHER || fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode) || info.st_uid != geteuid()) {
        return false;
    }
    *out = (vlt_pack_entry){.kind = kind,
                            .bytes = (uint64_t)info.st_size,
                            .used_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 +
                                       info.st_mtim.tv_nsec};
    memcpy(out->name, name, strlen(name) + 1);
    return true;
}

static int by_use(const void *left, const void *right)
{
    const vlt_pack_entry *a = left, *b = right;
    int order = (a->used_ns > b->used_ns) - (a->used_ns < b->used_ns);
    return order ? order : strcmp(a->name, b->name);
}

static bool add_entry(vlt_pack_entry **list, int *count, int *room, const vlt_pack_entry *entry)
{
    if (*count == *room) {
        int more = *room ? 2 * *room : 64;
        vlt_pack_entry *grown = realloc(*list, (size_t)more * sizeof *grown);
        if (!grown) {
            return false;
        }
        *list = grown;
        *room = more;
    }
    (*list)[(*count)++] = *entry;
    return true;
}

vlt_status vlt_pack_folder_list(const vlt_pack_folder *folder, vlt_pack_entry **out, int *count,
                                int *others, vlt_error *err)
{
    vlt_status status = VLT_OK;
    vlt_pack_entry entry;
    int room = 0, strangers = 0;
    *out = NULL;
    *count = 0;
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", folder->shown, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    for (struct dirent *file; status == VLT_OK && (file = readdir(list)) != NULL;) {
        if (!strcmp(file->d_name, ".") || !strcmp(file->d_name, "..")) {
            continue;
        }
        if (!read_entry(folder->fd, file->d_name, &entry)) {
            strangers++;
        } else if (entry.kind == VLT_PACK_ENTRY_NEW && !writer_lives(folder->fd, entry.name)) {
            vlt_pack_folder_remove(folder, entry.name);
        } else if (!add_entry(out, count, &room, &entry)) {
            status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", folder->shown);
        }
    }
    closedir(list);
    if (*count) {
        qsort(*out, (size_t)*count, sizeof **out, by_use);
    }
    if (others) {
        *others = strangers;
    }
    return status;
}

bool vlt_pack_folder_make_room(const vlt_pack_folder *folder, uint64_t limit, uint64_t bytes,
                               bool (*used)(void *user, const char *name), void *user)
{
    vlt_pack_entry *list = NULL;
    int count = 0;
    uint64_t total = bytes, held = bytes;
    if (vlt_pack_folder_list(folder, &list, &count, NULL, NULL) != VLT_OK) {
        free(list);
        return false;
    }
    for (int i = 0; i < count; i++) {
        bool stays = list[i].kind == VLT_PACK_ENTRY_NEW || used(user, list[i].name);
        total += list[i].bytes;
        held += stays ? list[i].bytes : 0;
        list[i].bytes = stays ? 0 : list[i].bytes;
    }
    for (int i = 0; i < count && held <= limit && total > limit; i++) {
        if (list[i].bytes && vlt_pack_folder_remove(folder, list[i].name)) {
            total -= list[i].bytes;
        }
    }
    free(list);
    return total <= limit;
}

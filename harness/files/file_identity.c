#include "harness/files/file_identity.h"

#include <string.h>
#include <time.h>

static int64_t ns_of(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

vlt_file_identity vlt_file_identity_of(const struct stat *info)
{
    return (vlt_file_identity){.device = info->st_dev,
                               .inode = info->st_ino,
                               .bytes = (uint64_t)info->st_size,
                               .written_ns = ns_of(info->st_mtim),
                               .changed_ns = ns_of(info->st_ctim)};
}

bool vlt_file_identity_holds(const vlt_file_identity *identity, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return false;
    }
    const vlt_file_identity now = vlt_file_identity_of(&info);
    return !memcmp(identity, &now, sizeof now);
}

bool vlt_file_identity_settled(const vlt_file_identity *identity)
{
    enum { GRAIN_S = 2 };
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t before = ns_of(now) - (int64_t)GRAIN_S * 1000000000;
    return identity->written_ns < before && identity->changed_ns < before;
}

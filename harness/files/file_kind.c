#include "harness/files/file_kind.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char database[16] = "SQLite format 3";

bool vlt_leads_nowhere(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && stat(path, &info) != 0;
}

bool vlt_is_database_text(const char *bytes, size_t count)
{
    return count >= sizeof database && !memcmp(bytes, database, sizeof database);
}

bool vlt_is_database(const char *path)
{
    char begin[sizeof database];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        return false;
    }
    ssize_t got = read(file, begin, sizeof begin);
    close(file);
    return got > 0 && vlt_is_database_text(begin, (size_t)got);
}

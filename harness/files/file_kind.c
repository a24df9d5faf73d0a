#include "harness/files/file_kind.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "optimizations/image/image_format.h"

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

/* How many bytes of the file's begin came; 0 where it cannot be read. */
static size_t read_begin(const char *path, void *begin, size_t bytes)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        return 0;
    }
    ssize_t got = read(file, begin, bytes);
    close(file);
    return got > 0 ? (size_t)got : 0;
}

bool vlt_is_database(const char *path)
{
    char begin[sizeof database];
    return vlt_is_database_text(begin, read_begin(path, begin, sizeof begin));
}

bool vlt_is_elf(const char *path)
{
    char begin[4];
    return read_begin(path, begin, sizeof begin) == sizeof begin && !memcmp(begin, "\177ELF", 4);
}

bool vlt_is_picture(const char *path)
{
    uint8_t begin[16];
    vlt_image_format format;
    return vlt_image_sniff(begin, read_begin(path, begin, sizeof begin), &format);
}

const char *vlt_mode_kind(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a folder";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    case S_IFREG:
        return "a file";
    default:
        return "a device";
    }
}

const char *vlt_path_kind(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return NULL;
    }
    if (!S_ISREG(info.st_mode)) {
        return vlt_mode_kind(info.st_mode);
    }
    return info.st_size == 0       ? "an empty file"
           : vlt_is_database(path) ? "a database"
           : vlt_is_picture(path)  ? "a picture"
                                   : "a file";
}

#include "harness/machine/proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimizations/core/utf8_text.h"

enum { PATH_BYTES = 4096 };

bool vlt_proc_read(const char *root, const char *path, char *text, size_t text_bytes)
{
    char full[PATH_BYTES];
    size_t used = 0;
    text[0] = '\0';
    if (snprintf(full, sizeof full, "%s%s", root ? root : "", path) >= (int)sizeof full) {
        return false;
    }
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t got = 0;
    do { /* a file of /proc may come in pieces */
        got = read(fd, text + used, text_bytes - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    } while ((got > 0 || (got < 0 && errno == EINTR)) && used < text_bytes - 1);
    close(fd);
    while (used > 0 && text[used - 1] == '\n') {
        used--;
    }
    text[used] = '\0';
    return got >= 0;
}

static bool parse_u64(const char *text, uint64_t *out)
{
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (errno) {
        return false;
    }
    *out = value;
    return true;
}

bool vlt_proc_read_u64(const char *root, const char *path, uint64_t *out)
{
    char text[64];
    return vlt_proc_read(root, path, text, sizeof text) && parse_u64(text, out);
}

bool vlt_proc_find_u64(const char *text, const char *key, uint64_t *out)
{
    size_t length = strlen(key);
    for (const char *line = text; line && *line;) {
        if (!strncmp(line, key, length) && strchr(": \t", line[length]) && line[length]) {
            return parse_u64(line + length + strspn(line + length, ": \t"), out);
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

void vlt_proc_copy(char *to, size_t to_bytes, const char *from)
{
    size_t length = vlt_utf8_cut(from, strlen(from), to_bytes - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

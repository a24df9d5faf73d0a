#include "tests/support/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *test_data(const char *relative)
{
    static char paths[8][1024];
    static int next;
    const char *root = getenv("VLT_DATA");
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", root && *root ? root : "../shared", relative);
    return access(path, R_OK) == 0 ? path : NULL;
}

const char *test_source(const char *relative)
{
    static char paths[8][1024];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", VLT_TEST_SOURCE_ROOT, relative);
    return path;
}

char *test_read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        data = size >= 0 ? malloc((size_t)size + 1) : NULL;
        if (data) {
            *bytes = fread(data, 1, (size_t)size, file);
            data[*bytes] = '\0';
        }
    }
    if (file) {
        fclose(file);
    }
    return data;
}

void test_skip(const char *what)
{
    fprintf(stderr, "SKIP: %s\n", what);
}

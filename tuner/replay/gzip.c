#include "tuner/replay/gzip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/json/json.h"
#include "optimizations/core/zip.h"

vlt_status vlt_read_gzip(const char *path, size_t limit, char **out, size_t *bytes, vlt_error *err)
{
    char *data;
    size_t data_bytes;
    struct stat info;
    *out = NULL;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) { /* a pipe would be waited for */
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: no regular file", path);
    }
    vlt_status status = vlt_read_file(path, limit, &data, &data_bytes, err);
    if (status != VLT_OK) {
        return status;
    }
    if (!vlt_is_gzip(data, data_bytes)) {
        *out = data;
        *bytes = data_bytes;
        return VLT_OK;
    }
    status = vlt_gunzip(data, data_bytes, limit, path, out, bytes, err);
    free(data);
    return status;
}

vlt_status vlt_write_gzip(const char *path, const void *data, size_t bytes, vlt_error *err)
{
    size_t length = strlen(path), packed_bytes;
    void *packed;
    if (length < 3 || strcmp(path + length - 3, ".gz") != 0) {
        return vlt_write_file(path, data, bytes, err);
    }
    vlt_status status = vlt_gzip(data, bytes, path, &packed, &packed_bytes, err);
    if (status == VLT_OK) {
        status = vlt_write_file(path, packed, packed_bytes, err);
        free(packed);
    }
    return status;
}

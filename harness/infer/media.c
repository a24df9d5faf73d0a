#include "harness/infer/media.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "optimizations/core/utf8_text.h"

enum { FILE_LIMIT = 1 << 30, URI_SHOWN_BYTES = 48 };

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

int vlt_base64_decode(const char *text, size_t length, uint8_t *out, size_t *bytes)
{
    uint32_t bits = 0;
    size_t count = 0, used = 0;
    size_t i = 0;
    for (; i < length && text[i] != '='; i++) {
        if (strchr(" \t\r\n", text[i])) {
            if (!text[i]) {
                return 0;
            }
            continue;
        }
        int value = base64_value(text[i]);
        if (value < 0) {
            return 0;
        }
        bits = bits << 6 | (uint32_t)value;
        if (++count % 4 == 0) {
            out[used++] = (uint8_t)(bits >> 16);
            out[used++] = (uint8_t)(bits >> 8);
            out[used++] = (uint8_t)bits;
        }
    }
    size_t padding = 0;
    for (; i < length; i++) {
        if (text[i] == '=') {
            padding++;
        } else if (!text[i] || !strchr(" \t\r\n", text[i])) {
            return 0;
        }
    }
    size_t rest = count % 4;
    if (rest == 1 || (padding && (rest == 0 || rest + padding != 4))) {
        return 0;
    }
    if (rest >= 2) {
        out[used++] = (uint8_t)(rest == 2 ? bits >> 4 : bits >> 10);
    }
    if (rest == 3) {
        out[used++] = (uint8_t)(bits >> 2);
    }
    *bytes = used;
    return 1;
}

/* The beginning of a data URI: its type and some of its data. */
static vlt_quoted_text quoted_uri(const char *uri)
{
    vlt_quoted_text quoted;
    vlt_utf8_format(quoted.text, URI_SHOWN_BYTES, "%s", uri);
    return quoted;
}

static bool is_data_uri(const char *source)
{
    return !strncasecmp(source, "data:", 5);
}

char *vlt_media_name(const char *source)
{
    return is_data_uri(source) ? strdup(quoted_uri(source).text)
                               : strdup(vlt_quoted_path(source).text);
}

static vlt_status read_data_uri(const char *uri, uint8_t **out, size_t *bytes, vlt_error *err)
{
    const char *comma = strchr(uri, ',');
    static const char mark[] = ";base64";
    size_t mark_length = sizeof mark - 1;
    if (!comma || (size_t)(comma - uri) < mark_length ||
        strncasecmp(comma - mark_length, mark, mark_length)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: expected data:TYPE;base64,DATA",
                        quoted_uri(uri).text);
    }
    size_t length = strlen(comma + 1);
    if (length / 4 * 3 > FILE_LIMIT) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: %zu characters, expected at most %d bytes",
                        quoted_uri(uri).text, length, FILE_LIMIT);
    }
    uint8_t *data = malloc(length / 4 * 3 + 4);
    if (!data) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", quoted_uri(uri).text);
    }
    if (!vlt_base64_decode(comma + 1, length, data, bytes)) {
        free(data);
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: its %zu characters of data are no base64",
                        quoted_uri(uri).text, length);
    }
    *out = data;
    return VLT_OK;
}

char *vlt_media_absolute(const char *source, const char *files)
{
    char *path = NULL, folder[PATH_MAX];
    if (is_data_uri(source) || strstr(source, "://") || source[0] == '/') {
        return strdup(source);
    }
    if (files && files[0] == '/') {
        return asprintf(&path, "%s/%s", files, source) < 0 ? NULL : path;
    }
    if (!getcwd(folder, sizeof folder)) {
        return strdup(source);
    }
    return asprintf(&path, "%s/%s%s%s", folder, files ? files : "", files ? "/" : "", source) < 0
               ? NULL
               : path;
}

/* The path that a source stands for, malloc'ed. */
static vlt_status find_path(const char *source, const char *files, char **path, vlt_error *err)
{
    if (!strncasecmp(source, "file://", 7)) {
        source += 7;
    } else if (strstr(source, "://")) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "%s: nothing is fetched, expected a path or a data URI", source);
    }
    bool relative = files && source[0] != '/';
    if (asprintf(path, "%s%s%s", relative ? files : "", relative ? "/" : "", source) < 0) {
        *path = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", source);
    }
    return VLT_OK;
}

vlt_status vlt_media_check(const char *source, const char *files, vlt_error *err)
{
    char *path;
    struct stat info;
    if (is_data_uri(source)) {
        return VLT_OK;
    }
    vlt_status status = find_path(source, files, &path, err);
    if (status != VLT_OK) {
        return status;
    }
    if (stat(path, &info) != 0 || access(path, R_OK) != 0) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s is a folder, expected an image", path);
    }
    free(path);
    return status;
}

vlt_status vlt_media_read(const char *source, const char *files, const vlt_stop *stop,
                          uint8_t **out, size_t *bytes, vlt_error *err)
{
    char *path = NULL, *data = NULL;
    *out = NULL;
    if (is_data_uri(source)) {
        return read_data_uri(source, out, bytes, err);
    }
    vlt_status status = find_path(source, files, &path, err);
    if (status == VLT_OK) {
        status = vlt_read_file_until(path, FILE_LIMIT, stop, &data, bytes, err);
    }
    *out = (uint8_t *)data;
    free(path);
    return status;
}

#include "harness/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/files/new_file.h"
#include "harness/json/json_make.h"
#include "harness/machine/memory_room.h"
#include "optimizations/core/utf8_text.h"

/* Jansson's lexer goes on behind a buffer that could not grow, a character short: what it was
 * refused is remembered here. Blocks are malloc's, so that it does not matter who frees them. */
static _Thread_local bool was_refused;

static void *allocate(size_t bytes)
{
    void *block = malloc(bytes);
    was_refused |= !block;
    return block;
}

static void use_allocate(void)
{
    json_set_alloc_funcs(allocate, free);
}

vlt_status vlt_json_parse(const char *text, size_t bytes, const char *name, json_t **out,
                          vlt_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_error_t error;
    pthread_once(&once, use_allocate);
    was_refused = false;
    *out = NULL;
    if (bytes == 0) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: empty (0 bytes), expected JSON", name);
    }
    *out = json_loadb(text, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
                      &error);
    if (was_refused) {
        json_decref(*out);
        *out = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    if (!*out) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s:%d:%d: %s", name, error.line, error.column,
                        error.text);
    }
    return VLT_OK;
}

/* Grows *data to at least `room` bytes and one for the NUL. */
static vlt_status grow(char **data, size_t room, const char *path, vlt_error *err)
{
    vlt_status status = vlt_memory_admit(NULL, room, 0, path, err);
    char *grown = status == VLT_OK ? realloc(*data, room + 1) : NULL;
    if (grown) {
        *data = grown;
        return VLT_OK;
    }
    return status != VLT_OK
               ? status
               : vlt_fail(err, VLT_STATUS_NOMEM, "%s: no memory for %zu bytes", path, room);
}

/* Reads to the end: `room` bytes of a file, or what a pipe gives, growing up to `limit`. */
static vlt_status read_all(int file, const char *path, const vlt_stop *stop, bool pipe, size_t room,
                           size_t limit, char **data, size_t *used, vlt_error *err)
{
    vlt_status status = grow(data, room, path, err);
    while (status == VLT_OK && (pipe || *used < room)) {
        size_t got;
        status = vlt_input_read(file, path, stop, *data + *used, room - *used, &got, err);
        if (status != VLT_OK) {
            return status;
        }
        if (got == 0 && !pipe) {
            return vlt_fail(err, VLT_STATUS_IO, "%s: ends after %zu of %zu bytes", path, *used,
                            room);
        }
        if (got == 0) {
            break;
        }
        *used += got;
        if (pipe && *used > limit) {
            return vlt_fail(err, VLT_STATUS_LIMIT, "%s: gives more than %zu bytes", path, limit);
        }
        if (pipe && *used == room) {
            room *= 2;
            status = grow(data, room, path, err);
        }
    }
    return status;
}

vlt_status vlt_read_file_until(const char *path, size_t limit, const vlt_stop *stop, char **out,
                               size_t *bytes, vlt_error *err)
{
    enum { PIPE_ROOM = 1 << 16 };
    struct stat info;
    vlt_status status = VLT_OK;
    char *data = NULL;
    size_t used = 0;
    *out = NULL;
    int file = vlt_input_open(path);
    if (file < 0 || fstat(file, &info) != 0) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
        goto done;
    }
    bool pipe = S_ISFIFO(info.st_mode);
    if (!S_ISREG(info.st_mode) && !pipe) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: not a regular file", path);
        goto done;
    }
    if ((uint64_t)info.st_size > limit) {
        status = vlt_fail(err, VLT_STATUS_LIMIT, "%s: %lld bytes, expected at most %zu", path,
                          (long long)info.st_size, limit);
        goto done;
    }
    status = read_all(file, path, stop, pipe, pipe ? PIPE_ROOM : (size_t)info.st_size, limit, &data,
                      &used, err);
    if (status == VLT_OK) {
        data[used] = '\0';
        *out = data;
        *bytes = used;
        data = NULL;
    }
done:
    free(data);
    if (file >= 0) {
        close(file);
    }
    return status;
}

vlt_status vlt_read_file(const char *path, size_t limit, char **out, size_t *bytes, vlt_error *err)
{
    return vlt_read_file_until(path, limit, NULL, out, bytes, err);
}

vlt_status vlt_read_stream(FILE *stream, const char *name, size_t limit, char **out, size_t *bytes,
                           vlt_error *err)
{
    size_t room = 1 << 14, used = 0;
    char *data = NULL;
    vlt_status status = grow(&data, room, name, err);
    *out = NULL;
    while (status == VLT_OK) {
        used += fread(data + used, 1, room - used, stream);
        if (used < room) {
            break;
        }
        room *= 2;
        status = used > limit
                     ? vlt_fail(err, VLT_STATUS_LIMIT, "%s: more than %zu bytes", name, limit)
                     : grow(&data, room, name, err);
    }
    if (status == VLT_OK && ferror(stream)) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: cannot be read", name);
    }
    if (status != VLT_OK) {
        free(data);
        return status;
    }
    data[used] = '\0';
    *out = data;
    *bytes = used;
    return VLT_OK;
}

static vlt_status write_all(int file, const char *path, const char *data, size_t bytes,
                            vlt_error *err)
{
    size_t used = 0;
    while (used < bytes) {
        ssize_t put = write(file, data + used, bytes - used);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return vlt_fail(err, VLT_STATUS_IO, "%s: %s after %zu of %zu bytes", path,
                            put < 0 ? strerror(errno) : "nothing written", used, bytes);
        }
        used += (size_t)put;
    }
    return VLT_OK;
}

/* Into a terminal, a pipe, a device: there is nothing to replace. */
static vlt_status write_into(const char *path, const void *data, size_t bytes, vlt_error *err)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) {
        return vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    vlt_status status = write_all(file, path, data, bytes, err);
    if (close(file) != 0 && status == VLT_OK) {
        status = vlt_fail(err, VLT_STATUS_IO, "%s: %s", path, strerror(errno));
    }
    return status;
}

static vlt_status replace(const char *path, const void *data, size_t bytes, vlt_error *err)
{
    vlt_new_file file;
    vlt_status status = vlt_new_file_open(path, VLT_NEW_FILE_SHARED, &file, err);
    if (status == VLT_OK) {
        status = vlt_new_file_write(&file, data, bytes, err);
    }
    if (status == VLT_OK) {
        status = vlt_new_file_commit(&file, err);
    }
    vlt_new_file_discard(&file);
    return status;
}

vlt_status vlt_write_file(const char *path, const void *data, size_t bytes, vlt_error *err)
{
    struct stat info;
    bool other = stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
    return other ? write_into(path, data, bytes, err) : replace(path, data, bytes, err);
}

vlt_status vlt_json_load(const char *path, size_t limit, json_t **out, vlt_error *err)
{
    char *text;
    size_t bytes;
    *out = NULL;
    vlt_status status = vlt_read_file(path, limit, &text, &bytes, err);
    if (status == VLT_OK) {
        status = vlt_json_parse(text, bytes, path, out, err);
        free(text);
    }
    return status;
}

/* The member, or NULL with *status set when it is missing. */
static const json_t *member(const json_t *object, const char *name, const char *key, bool *found,
                            vlt_status *status, vlt_error *err)
{
    const json_t *value = json_object_get(object, key);
    bool there = value && !json_is_null(value);
    *status = VLT_OK;
    if (found) {
        *found = there;
    } else if (!there) {
        *status = vlt_fail(err, VLT_STATUS_INPUT, "%s: key '%s' is missing", name, key);
    }
    return there ? value : NULL;
}

/* The value for messages, as vlt_tree_quoted shows it. */
static vlt_quoted_text show(const json_t *value)
{
    static const char *const names[] = {[JSON_OBJECT] = "an object",
                                        [JSON_ARRAY] = "an array",
                                        [JSON_TRUE] = "true",
                                        [JSON_FALSE] = "false",
                                        [JSON_NULL] = "null"};
    vlt_quoted_text shown;
    switch (json_typeof(value)) {
    case JSON_INTEGER:
        vlt_utf8_format(shown.text, sizeof shown.text, "%lld", json_integer_value(value));
        return shown;
    case JSON_REAL:
        vlt_utf8_format(shown.text, sizeof shown.text, "%.17g", json_real_value(value));
        return shown;
    case JSON_STRING:
        vlt_utf8_format(shown.text, sizeof shown.text, "'%s'",
                        vlt_quoted(json_string_value(value), json_string_length(value)).text);
        return shown;
    default:
        return vlt_quoted_word(names[json_typeof(value)]);
    }
}

static vlt_status wrong_type(const char *name, const char *key, const json_t *value,
                             const char *expected, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_INPUT, "%s: key '%s' is %s, expected %s", name, key,
                    show(value).text, expected);
}

vlt_status vlt_json_int(const json_t *object, const char *name, const char *key, int64_t low,
                        int64_t high, int64_t *out, bool *found, vlt_error *err)
{
    vlt_status status;
    const json_t *value = member(object, name, key, found, &status, err);
    if (!value) {
        return status;
    }
    if (!json_is_integer(value)) {
        return wrong_type(name, key, value, "an integer", err);
    }
    int64_t number = json_integer_value(value);
    if (number < low || number > high) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: key '%s' is %lld, expected %lld to %lld", name,
                        key, (long long)number, (long long)low, (long long)high);
    }
    *out = number;
    return VLT_OK;
}

vlt_status vlt_json_double(const json_t *object, const char *name, const char *key, double low,
                           double high, double *out, bool *found, vlt_error *err)
{
    vlt_status status;
    const json_t *value = member(object, name, key, found, &status, err);
    if (!value) {
        return status;
    }
    if (!json_is_number(value)) {
        return wrong_type(name, key, value, "a number", err);
    }
    double number = json_number_value(value);
    if (!(number >= low && number <= high)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: key '%s' is %.9g, expected %.9g to %.9g", name,
                        key, number, low, high);
    }
    *out = number;
    return VLT_OK;
}

vlt_status vlt_json_bool(const json_t *object, const char *name, const char *key, bool *out,
                         bool *found, vlt_error *err)
{
    vlt_status status;
    const json_t *value = member(object, name, key, found, &status, err);
    if (!value) {
        return status;
    }
    if (!json_is_boolean(value)) {
        return wrong_type(name, key, value, "true or false", err);
    }
    *out = json_is_true(value);
    return VLT_OK;
}

vlt_status vlt_json_text(const json_t *object, const char *name, const char *key, const char **out,
                         bool *found, vlt_error *err)
{
    vlt_status status;
    const json_t *value = member(object, name, key, found, &status, err);
    if (!value) {
        return status;
    }
    if (!json_is_string(value)) {
        return wrong_type(name, key, value, "a string", err);
    }
    if (strlen(json_string_value(value)) != json_string_length(value)) {
        return wrong_type(name, key, value, "a string without NUL", err);
    }
    *out = json_string_value(value);
    return VLT_OK;
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;
    return at ? (int)(at - digits) : -1;
}

char *vlt_hex_decode(const char *text, size_t length)
{
    char *bytes = length % 2 ? NULL : malloc(length / 2 + 1);
    for (size_t i = 0; i < length && bytes; i += 2) {
        int high = hex_value(text[i]), low = hex_value(text[i + 1]);
        if (high < 0 || low < 0 || high + low == 0) {
            free(bytes);
            return NULL;
        }
        bytes[i / 2] = (char)(high << 4 | low);
    }
    if (bytes) {
        bytes[length / 2] = '\0';
    }
    return bytes;
}

vlt_status vlt_json_bytes(const json_t *object, const char *name, const char *key, char **out,
                          bool *found, vlt_error *err)
{
    const char *text = NULL;
    bool there = false;
    char hex_key[64];
    *out = NULL;
    int length = snprintf(hex_key, sizeof hex_key, "%s%s", key, VLT_JSON_HEX);
    const json_t *hex = (size_t)length < sizeof hex_key ? json_object_get(object, hex_key) : NULL;
    if (hex) {
        *out = json_is_string(hex) ? vlt_hex_decode(json_string_value(hex), json_string_length(hex))
                                   : NULL;
        if (found) {
            *found = true;
        }
        return *out ? VLT_OK
                    : vlt_fail(err, VLT_STATUS_INPUT, "%s: key '%s' holds no bytes in hexadecimal",
                               name, hex_key);
    }
    vlt_status status = vlt_json_text(object, name, key, &text, found ? &there : NULL, err);
    if (status == VLT_OK && text && !(*out = strdup(text))) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "%s: key '%s': out of memory", name, key);
    }
    if (found) {
        *found = there;
    }
    return status;
}

vlt_status vlt_json_object(const json_t *object, const char *name, const char *key,
                           const json_t **out, bool *found, vlt_error *err)
{
    vlt_status status;
    const json_t *value = member(object, name, key, found, &status, err);
    if (!value) {
        return status;
    }
    if (!json_is_object(value)) {
        return wrong_type(name, key, value, "an object", err);
    }
    *out = value;
    return VLT_OK;
}

/* Prints `before`, the value and `after`; the value is whole before the stream sees any of it. */
static vlt_status print(const char *before, const json_t *value, const char *after, size_t flags,
                        FILE *stream, vlt_error *err)
{
    char *text = vlt_json_dump_as(value, flags, err);
    if (!text) {
        return VLT_STATUS_NOMEM;
    }
    bool written = fputs(before, stream) >= 0 && fputs(text, stream) >= 0 &&
                   fputs(after, stream) >= 0 && fflush(stream) == 0;
    int reason = errno;
    free(text);
    return written ? VLT_OK : vlt_fail(err, VLT_STATUS_IO, "writing JSON: %s", strerror(reason));
}

vlt_status vlt_json_print(const json_t *value, bool compact, FILE *stream, vlt_error *err)
{
    return print("", value, "\n", JSON_ENCODE_ANY | (compact ? 0 : JSON_INDENT(2)), stream, err);
}

vlt_status vlt_json_print_line(const char *id, const json_t *object, FILE *stream, vlt_error *err)
{
    char *before = NULL;
    if (asprintf(&before, "{\"id\": %s, ", id) < 0) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "writing JSON: no memory for an id");
    }
    vlt_status status = print(before, object, "}\n", JSON_EMBED, stream, err);
    free(before);
    return status;
}

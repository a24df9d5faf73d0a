#include "harness/json/json_make.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/buffer.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"

/* The text with every invalid byte written by `replace` (gives the bytes written, at most 4). */
static json_t *clean_string(const char *text, size_t bytes, size_t (*replace)(char byte, char *out))
{
    size_t room, used = 0;
    if (vlt_utf8_valid(text, bytes)) {
        return json_stringn_nocheck(text, bytes);
    }
    char *clean = vlt_mul_size(bytes, 4, &room) ? malloc(room) : NULL;
    if (!clean) {
        return NULL;
    }
    for (size_t i = 0; i < bytes;) {
        size_t length = vlt_utf8_length(text + i, bytes - i);
        if (length) {
            memcpy(clean + used, text + i, length);
            used += length;
            i += length;
        } else {
            used += replace(text[i++], clean + used);
        }
    }
    json_t *value = json_stringn_nocheck(clean, used);
    free(clean);
    return value;
}

static size_t escape_byte(char byte, char *out)
{
    memcpy(out, vlt_quoted(&byte, 1).text, 4);
    return 4;
}

static size_t replace_byte(char byte, char *out)
{
    (void)byte;
    memcpy(out, "\xEF\xBF\xBD", 3);
    return 3;
}

json_t *vlt_json_name_part(const char *name, size_t bytes)
{
    return clean_string(name, bytes, escape_byte);
}

json_t *vlt_json_name(const char *name)
{
    return name ? vlt_json_name_part(name, strlen(name)) : NULL;
}

json_t *vlt_json_string(const char *text, size_t bytes)
{
    return clean_string(text, bytes, replace_byte);
}

json_t *vlt_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *vlt_json_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    json_t *value = length < 0 ? NULL : vlt_json_name_part(text, (size_t)length);
    if (length >= 0) {
        free(text);
    }
    return value;
}

/* Releases a container that lacks something. */
static void spoil(json_t **container)
{
    json_decref(*container);
    *container = NULL;
}

void vlt_json_set(json_t **object, const char *key, json_t *value)
{
    if (!*object || !value) {
        json_decref(value);
        spoil(object);
        return;
    }
    if (vlt_utf8_valid(key, strlen(key))) {
        if (json_object_set_new_nocheck(*object, key, value) != 0) {
            spoil(object);
        }
        return;
    }
    json_t *clean = vlt_json_name(key);
    if (!clean) {
        json_decref(value);
        spoil(object);
    } else if (json_object_set_new_nocheck(*object, json_string_value(clean), value) != 0) {
        spoil(object);
    }
    json_decref(clean);
}

void vlt_json_set_bytes(json_t **object, const char *key, const char *bytes)
{
    size_t length = bytes ? strlen(bytes) : 0;
    char *name = NULL, *text = NULL;
    if (!bytes) {
        return;
    }
    if (vlt_utf8_valid(bytes, length)) {
        vlt_json_set(object, key, json_stringn_nocheck(bytes, length));
        return;
    }
    if (asprintf(&name, "%s%s", key, VLT_JSON_HEX) < 0) {
        spoil(object);
        return;
    }
    text = malloc(2 * length + 1);
    for (size_t i = 0; i < length && text; i++) {
        snprintf(text + 2 * i, 3, "%02x", (unsigned)(unsigned char)bytes[i]);
    }
    vlt_json_set(object, name, text ? json_stringn_nocheck(text, 2 * length) : NULL);
    free(text);
    free(name);
}

void vlt_json_append(json_t **array, json_t *value)
{
    if (!*array || !value) {
        json_decref(value);
        spoil(array);
    } else if (json_array_append_new(*array, value) != 0) {
        spoil(array);
    }
}

/* ----------------------------------------------------------------------------- from a format */

struct maker {
    const char *at; /* in the format */
    va_list arguments;
};

static char next(struct maker *maker)
{
    while (strchr(" ,:", *maker->at) && *maker->at) {
        maker->at++;
    }
    return *maker->at ? *maker->at++ : '\0';
}

static json_t *make_value(struct maker *maker, char kind, bool *absent);

/* Every argument is taken from the list, also behind one that failed: `o` is taken over. */
static json_t *make_container(struct maker *maker, bool object)
{
    json_t *container = object ? json_object() : json_array();
    const char close = object ? '}' : ']';
    for (char kind; (kind = next(maker)) != close;) {
        const char *key = NULL;
        bool absent = false;
        assert(kind && (!object || kind == 's'));
        if (object) {
            key = va_arg(maker->arguments, const char *);
            kind = next(maker);
        }
        json_t *value = make_value(maker, kind, &absent);
        if (absent) {
            continue;
        }
        if (object) {
            vlt_json_set(&container, key, value);
        } else {
            vlt_json_append(&container, value);
        }
    }
    return container;
}

static json_t *make_text(struct maker *maker, bool *absent)
{
    const char *text = va_arg(maker->arguments, const char *);
    char mark = *maker->at == '?' || *maker->at == '*' ? *maker->at++ : '\0';
    *absent = !text && mark == '*';
    return !text && mark ? json_null() : vlt_json_name(text);
}

static json_t *make_value(struct maker *maker, char kind, bool *absent)
{
    switch (kind) {
    case '{':
    case '[':
        return make_container(maker, kind == '{');
    case 's':
        return make_text(maker, absent);
    case 'i':
        return json_integer(va_arg(maker->arguments, int));
    case 'I':
        return json_integer(va_arg(maker->arguments, json_int_t));
    case 'b':
        return json_boolean(va_arg(maker->arguments, int));
    case 'f':
        return vlt_json_real(va_arg(maker->arguments, double));
    case 'o':
        return va_arg(maker->arguments, json_t *);
    case 'O':
        return json_incref(va_arg(maker->arguments, json_t *));
    default:
        assert(kind == 'n');
        return json_null();
    }
}

json_t *vlt_json_make(const char *format, ...)
{
    struct maker maker = {.at = format};
    bool absent;
    va_start(maker.arguments, format);
    json_t *value = make_value(&maker, next(&maker), &absent);
    va_end(maker.arguments);
    return value;
}

static int collect(const char *text, size_t bytes, void *user)
{
    vlt_buffer *buffer = user;
    vlt_buffer_put(buffer, text, bytes);
    return buffer->failed ? -1 : 0;
}

/* jansson does not look whether a key could be written: the buffer remembers. */
char *vlt_json_dump_as(const json_t *value, size_t flags, vlt_error *err)
{
    vlt_buffer buffer = {0};
    if (!value || json_dump_callback(value, collect, &buffer, flags | JSON_ENCODE_ANY) != 0 ||
        buffer.failed) {
        free(buffer.data);
        vlt_fail(err, VLT_STATUS_NOMEM, "JSON: no memory for %s", value ? "the text" : "a value");
        return NULL;
    }
    return buffer.data;
}

char *vlt_json_dump(const json_t *value, vlt_error *err)
{
    return vlt_json_dump_as(value, JSON_COMPACT, err);
}

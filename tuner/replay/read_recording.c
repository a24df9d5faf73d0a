/* Reading recorded spaces: what is it, and what its kinds have in common. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/replay/read_internal.h"

void vlt_reading_release(vlt_reading *reading)
{
    for (int i = 0; i < VLT_DOMAIN_PARAMETER_MAX; i++) {
        free(reading->text[i]);
    }
    free(reading->run);
}

vlt_status vlt_reading_fail(vlt_reading *reading, const char *format, ...)
{
    char message[VLT_ERROR_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vlt_utf8_vformat(message, sizeof message, format, arguments);
    va_end(arguments);
    return vlt_fail(reading->err, VLT_STATUS_INPUT, "%s: %s", reading->place, message);
}

char *vlt_reading_name(vlt_reading *reading, const vlt_tree *text)
{
    if (text->type != VLT_TREE_STRING || memchr(text->text, 0, text->length)) {
        vlt_reading_fail(reading, "%s where a text without NUL was expected",
                         vlt_tree_quoted(text).text);
        return NULL;
    }
    char *copy = strndup(text->text, text->length);
    if (!copy) {
        vlt_fail(reading->err, VLT_STATUS_NOMEM, "%s: out of memory", reading->name);
    }
    return copy;
}

vlt_status vlt_reading_value(vlt_reading *reading, int index, const vlt_tree *value)
{
    int64_t integer;
    double real;
    vlt_scalar *out = &reading->value[index];
    if (value && (value->type == VLT_TREE_TRUE || value->type == VLT_TREE_FALSE)) {
        *out = vlt_scalar_bool(value->type == VLT_TREE_TRUE);
    } else if (value && value->type == VLT_TREE_INTEGER &&
               vlt_tree_int(value, INT64_MIN, INT64_MAX, &integer)) {
        *out = vlt_scalar_integer(integer);
    } else if (vlt_tree_double(value, &real)) {
        *out = vlt_scalar_real(real);
    } else if (value && value->type == VLT_TREE_STRING) {
        free(reading->text[index]);
        reading->text[index] = vlt_reading_name(reading, value);
        *out = vlt_scalar_text(reading->text[index]);
        return reading->text[index] ? VLT_OK : VLT_STATUS_INPUT;
    } else {
        return vlt_reading_fail(
            reading, "parameter '%s' is %s, expected a number, a text or a truth",
            vlt_recording_parameter_name(reading->recording, index), vlt_tree_quoted(value).text);
    }
    return VLT_OK;
}

vlt_status vlt_reading_member(vlt_reading *reading, const vlt_tree *object, int index,
                              const vlt_tree **out)
{
    const char *name = vlt_recording_parameter_name(reading->recording, index);
    int found = 0;
    for (uint32_t i = 0; i < object->count; i++) {
        if (vlt_tree_is(vlt_tree_key(object, i), name)) {
            *out = vlt_tree_value(object, i);
            found++;
        }
    }
    return found == 1 ? VLT_OK
                      : vlt_reading_fail(reading, "parameter '%s' is %s", name,
                                         found ? "named twice" : "missing");
}

static vlt_status add_run(vlt_reading *reading, double run)
{
    if ((size_t)reading->run_count == reading->run_capacity) {
        size_t capacity = reading->run_capacity ? 2 * reading->run_capacity : 64;
        double *grown = realloc(reading->run, capacity * sizeof *grown);
        if (!grown) {
            return vlt_fail(reading->err, VLT_STATUS_NOMEM, "%s: out of memory", reading->name);
        }
        reading->run = grown;
        reading->run_capacity = capacity;
    }
    reading->run[reading->run_count++] = run;
    return VLT_OK;
}

vlt_status vlt_reading_runs(vlt_reading *reading, const vlt_tree *array, const char *what)
{
    vlt_status status = VLT_OK;
    reading->run_count = 0;
    if (!array || array->type == VLT_TREE_NULL) {
        return VLT_OK;
    }
    if (array->type != VLT_TREE_ARRAY || array->count > INT32_MAX) {
        return vlt_reading_fail(reading, "%s is %s, expected an array", what,
                                vlt_tree_quoted(array).text);
    }
    for (uint32_t i = 0; i < array->count && status == VLT_OK; i++) {
        double run;
        if (!vlt_tree_double(&array->child[i], &run) || !(run > 0)) {
            return vlt_reading_fail(reading, "%s[%u] is %s, expected a time above 0", what, i,
                                    array->child[i].type == VLT_TREE_INTEGER ||
                                            array->child[i].type == VLT_TREE_REAL
                                        ? "another number"
                                        : vlt_tree_quoted(&array->child[i]).text);
        }
        status = add_run(reading, run);
    }
    return status;
}

bool vlt_reading_run(vlt_reading *reading, const vlt_tree *number)
{
    double run;
    return vlt_tree_double(number, &run) && run > 0 && add_run(reading, run) == VLT_OK;
}

/* Kernel Tuner closes a cache when it has finished; one of an interrupted run ends behind a row,
 * mostly with a comma. Gives the text with its last brackets. */
static char *close_cache(const char *text, size_t bytes, size_t *closed_bytes)
{
    static const char end[] = "}}";
    while (bytes && strchr(" \t\r\n", text[bytes - 1])) {
        bytes--;
    }
    bytes -= bytes && text[bytes - 1] == ',';
    char *closed = bytes && text[bytes - 1] == '}' ? malloc(bytes + sizeof end) : NULL;
    if (closed) {
        memcpy(closed, text, bytes);
        memcpy(closed + bytes, end, sizeof end);
        *closed_bytes = bytes + sizeof end - 1;
    }
    return closed;
}

static vlt_record_kind kind_of(const vlt_tree *root)
{
    const vlt_tree *results = vlt_tree_get(root, "results");
    if (results) {
        return VLT_RECORD_T4;
    }
    if (vlt_tree_get(root, "cache")) {
        return VLT_RECORD_CACHE;
    }
    return vlt_tree_get(root, "ConfigurationSpace") ? VLT_RECORD_T1 : VLT_RECORD_OTHER;
}

/* Parses, closing an open cache where that helps; *closed is then the text that was parsed. */
static vlt_status parse(const char *text, size_t bytes, const char *name, char **closed,
                        vlt_tree_document **out, vlt_error *err)
{
    size_t closed_bytes;
    vlt_status status = vlt_tree_parse_file(text, bytes, name, false, out, err);
    *closed = NULL;
    if (status != VLT_STATUS_INPUT) {
        return status;
    }
    *closed = close_cache(text, bytes, &closed_bytes);
    if (!*closed || vlt_tree_parse_file(*closed, closed_bytes, name, false, out, NULL) != VLT_OK) {
        *out = NULL;
        return status;
    }
    if (kind_of(vlt_tree_root(*out)) != VLT_RECORD_CACHE) {
        vlt_tree_destroy(*out); /* anything else that is cut stays an error */
        *out = NULL;
        return status;
    }
    return VLT_OK;
}

vlt_status vlt_recording_read(vlt_recording *recording, const char *text, size_t bytes,
                              const char *name, vlt_record_kind *kind, vlt_error *err)
{
    vlt_tree_document *document;
    char *closed;
    vlt_reading reading = {.recording = recording, .name = name, .err = err};
    *kind = VLT_RECORD_OTHER;
    vlt_status status = parse(text, bytes, name, &closed, &document, err);
    if (status == VLT_OK) {
        const vlt_tree *root = vlt_tree_root(document);
        vlt_utf8_format(reading.place, sizeof reading.place, "%s", name);
        *kind = kind_of(root);
        if (*kind == VLT_RECORD_T4) {
            status = vlt_read_t4(&reading, root);
        } else if (*kind == VLT_RECORD_CACHE) {
            status = vlt_read_cache(&reading, root);
        }
        vlt_tree_destroy(document);
    }
    vlt_reading_release(&reading);
    free(closed);
    return status;
}

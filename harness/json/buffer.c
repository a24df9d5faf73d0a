#include "harness/json/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"

/* Room for `bytes` more and a NUL. */
static bool grow(vlt_buffer *buffer, size_t bytes)
{
    size_t needed, room = buffer->room ? buffer->room : 256;
    if (buffer->failed || !vlt_add_size(buffer->bytes, bytes, &needed) ||
        !vlt_add_size(needed, 1, &needed)) {
        buffer->failed = true;
        return false;
    }
    if (needed <= buffer->room) {
        return true;
    }
    while (room < needed) {
        room = room > SIZE_MAX / 2 ? needed : room * 2;
    }
    char *data = realloc(buffer->data, room);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->room = room;
    return true;
}

void vlt_buffer_put(vlt_buffer *buffer, const void *data, size_t bytes)
{
    if (grow(buffer, bytes)) {
        if (bytes) {
            memcpy(buffer->data + buffer->bytes, data, bytes);
        }
        buffer->bytes += bytes;
        buffer->data[buffer->bytes] = '\0';
    }
}

void vlt_buffer_text(vlt_buffer *buffer, const char *text)
{
    vlt_buffer_put(buffer, text, strlen(text));
}

void vlt_buffer_print(vlt_buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0) {
        buffer->failed = true;
    } else if (grow(buffer, (size_t)length)) {
        length = vsnprintf(buffer->data + buffer->bytes, (size_t)length + 1, format, again);
        buffer->bytes += (size_t)length;
    }
    va_end(again);
    va_end(args);
}

void vlt_buffer_json_string(vlt_buffer *buffer, const char *text, size_t bytes)
{
    static const char special[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    size_t first = 0;
    vlt_buffer_put(buffer, "\"", 1);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        vlt_buffer_put(buffer, text + first, i - first);
        first = i + 1;
        const char *found = c ? strchr(special, c) : NULL;
        if (found) {
            char escape[2] = {'\\', letter[found - special]};
            vlt_buffer_put(buffer, escape, 2);
        } else {
            vlt_buffer_print(buffer, "\\u%04x", (unsigned)c);
        }
    }
    vlt_buffer_put(buffer, text + first, bytes - first);
    vlt_buffer_put(buffer, "\"", 1);
}

void vlt_buffer_xml(vlt_buffer *buffer, const char *text)
{
    static const struct {
        char letter;
        const char *entity;
    } entities[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}};
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        const char *shown = NULL;
        length = vlt_utf8_length(text, left);
        for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
            shown = *text == entities[i].letter ? entities[i].entity : shown;
        }
        if (length == 3 && (!memcmp(text, "\xEF\xBF\xBE", 3) || !memcmp(text, "\xEF\xBF\xBF", 3))) {
            shown = "?";
        }
        length = length ? length : 1;
        if (shown) {
            vlt_buffer_text(buffer, shown);
        } else if (*text == '\n' || *text == '\t') {
            vlt_buffer_put(buffer, text, 1);
        } else {
            vlt_buffer_text(buffer, vlt_quoted(text, length).text);
        }
    }
}

void vlt_buffer_json_ids(vlt_buffer *buffer, const int32_t *ids, size_t count)
{
    vlt_buffer_put(buffer, "[", 1);
    for (size_t i = 0; i < count; i++) {
        char digits[16];
        int at = sizeof digits;
        uint32_t rest = ids[i] < 0 ? 0u - (uint32_t)ids[i] : (uint32_t)ids[i];
        do {
            digits[--at] = (char)('0' + rest % 10);
            rest /= 10;
        } while (rest);
        if (ids[i] < 0) {
            digits[--at] = '-';
        }
        if (i > 0) {
            digits[--at] = ',';
        }
        vlt_buffer_put(buffer, digits + at, sizeof digits - (size_t)at);
    }
    vlt_buffer_put(buffer, "]", 1);
}

#include "optimizations/core/utf8_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char dots[] = "...";
static const char letters[] = "\nn\tt\rr", digits[] = "0123456789ABCDEF";

size_t vlt_utf8_length(const char *text, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t length = !bytes                         ? 0
                    : p[0] < 0x80                  ? 1
                    : p[0] >= 0xC2 && p[0] <= 0xDF ? 2
                    : p[0] >= 0xE0 && p[0] <= 0xEF ? 3
                    : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4
                                                   : 0;
    if (length > bytes) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool bad = length >= 3 && ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
                               (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F));
    return bad ? 0 : length;
}

bool vlt_utf8_valid(const char *text, size_t bytes)
{
    for (size_t i = 0, length; i < bytes; i += length) {
        length = vlt_utf8_length(text + i, bytes - i);
        if (!length) {
            return false;
        }
    }
    return true;
}

size_t vlt_utf8_cut(const char *text, size_t bytes, size_t limit)
{
    size_t end = bytes;
    if (limit < bytes) {
        /* a character that reaches over the limit begins at most 3 bytes before it */
        end = limit;
        for (size_t back = 1; back <= 3 && back <= limit; back++) {
            if (vlt_utf8_length(text + limit - back, bytes - (limit - back)) > back) {
                end = limit - back;
            }
        }
    }
    return end;
}

/* A character, or a byte that is none. */
static size_t step(const char *text, size_t bytes)
{
    size_t length = vlt_utf8_length(text, bytes);
    return length ? length : 1;
}

/* Columns of a step of `length` bytes; the ranges are those whose characters are all wide. */
static size_t wide(const char *text, size_t length)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xAC00, 0xD7A3},
                  {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6},
                  {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    static const uint8_t lead[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = (unsigned char)text[0] & lead[length];
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | ((unsigned char)text[i] & 0x3F);
    }
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) {
            return 2;
        }
    }
    return 1;
}

size_t vlt_utf8_columns(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t i = 0, length; i < bytes; i += length) {
        length = step(text + i, bytes - i);
        columns += wide(text + i, length);
    }
    return columns;
}

size_t vlt_utf8_cut_columns(const char *text, size_t bytes, size_t columns)
{
    size_t end = 0, used = 0;
    while (end < bytes) {
        size_t length = step(text + end, bytes - end);
        used += wide(text + end, length);
        if (used > columns) {
            break;
        }
        end += length;
    }
    return end;
}

/* Control characters: C0, DEL and C1, which terminals obey too. */
static bool is_control(const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *)text;
    return length == 1 ? p[0] < 0x20 || p[0] == 0x7F : length == 2 && p[0] == 0xC2 && p[1] < 0xA0;
}

/* What a step (its bytes are text[length]) is shown as: itself, or escapes. Gives their bytes;
 * out may be NULL. */
static size_t show(const char *text, size_t length, char *out)
{
    char shown[8];
    size_t used = 0;
    if (vlt_utf8_length(text, length) == length && !is_control(text, length)) {
        if (out) {
            memmove(out, text, length);
        }
        return length;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        const char *letter = byte && byte < 0x20 ? strchr(letters, byte) : NULL;
        shown[used++] = '\\';
        if (letter) {
            shown[used++] = letter[1];
        } else {
            shown[used++] = 'x';
            shown[used++] = digits[byte >> 4];
            shown[used++] = digits[byte & 15];
        }
    }
    if (out) {
        memcpy(out, shown, used);
    }
    return used;
}

/* Is text[bytes] the beginning of a character whose rest was cut off? */
static bool is_torn(const char *text, size_t bytes)
{
    static const char rest[] = "\x80\xA0\x90\x80\x8F"; /* makes any lead byte's start a character */
    char whole[8];
    if (bytes > 3 || (unsigned char)text[0] < 0xC2) {
        return false;
    }
    for (size_t kind = 0; kind < sizeof rest - 1; kind++) {
        memcpy(whole, text, bytes);
        memset(whole + bytes, 0x80, sizeof whole - bytes);
        whole[bytes] = rest[kind];
        if (vlt_utf8_length(whole, sizeof whole) > bytes) {
            return true;
        }
    }
    return false;
}

/* Turns the raw text[length] that stands in text[room] into what is shown; `cut` says that more of
 * it was there. Escapes are longer than their bytes, so the places are filled from the end. */
static size_t settle(char *text, size_t room, size_t length, bool cut)
{
    size_t limit = room - 1, mark = room >= 8 ? sizeof dots - 1 : 0;
    size_t end = 0, shown = 0, marked_end = 0, marked_shown = 0;
    while (end < length && !(cut && is_torn(text + end, length - end))) {
        size_t bytes = step(text + end, length - end);
        size_t more = show(text + end, bytes, NULL);
        if (shown + more > limit) {
            cut = true;
            break;
        }
        end += bytes;
        shown += more;
        if (shown + mark <= limit) {
            marked_end = end;
            marked_shown = shown;
        }
    }
    if (cut) {
        end = marked_end;
        shown = marked_shown;
    }
    for (size_t to = shown, from = end; to > from;) {
        size_t bytes = 1;
        for (size_t back = 2; back <= 4 && back <= from; back++) {
            bytes = vlt_utf8_length(text + from - back, back) == back ? back : bytes;
        }
        from -= bytes;
        to -= show(text + from, bytes, NULL);
        show(text + from, bytes, text + to);
    }
    if (cut) {
        memcpy(text + shown, dots, mark);
        shown += mark;
    }
    text[shown] = '\0';
    return shown;
}

size_t vlt_utf8_vformat(char *out, size_t bytes, const char *format, va_list args)
{
    int length = vsnprintf(out, bytes, format, args);
    bool cut = length >= 0 && (size_t)length >= bytes;
    return settle(out, bytes, length < 0 ? 0 : cut ? bytes - 1 : (size_t)length, cut);
}

size_t vlt_utf8_format(char *out, size_t bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t used = vlt_utf8_vformat(out, bytes, format, args);
    va_end(args);
    return used;
}

static void quote(char *out, size_t room, const char *bytes, size_t length)
{
    bool cut = length >= room;
    length = cut ? room - 1 : length;
    if (length) {
        memcpy(out, bytes, length);
    }
    settle(out, room, length, cut);
}

vlt_quoted_text vlt_quoted(const char *bytes, size_t length)
{
    vlt_quoted_text quoted;
    quote(quoted.text, sizeof quoted.text, bytes, length);
    return quoted;
}

vlt_quoted_text vlt_quoted_word(const char *word)
{
    return vlt_quoted(word, word ? strlen(word) : 0);
}

vlt_quoted_name vlt_quoted_path(const char *path)
{
    vlt_quoted_name quoted;
    quote(quoted.text, sizeof quoted.text, path, path ? strlen(path) : 0);
    return quoted;
}

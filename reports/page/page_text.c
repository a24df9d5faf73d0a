#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "reports/page/page_internal.h"

static void append(vlt_page_text *page, const char *data, size_t bytes)
{
    if (page->failed) {
        return;
    }
    if (page->room - page->used <= bytes) {
        size_t room = (page->room + bytes + 1) * 2;
        char *grown = realloc(page->data, room);
        if (!grown) {
            page->failed = true;
            return;
        }
        page->data = grown;
        page->room = room;
    }
    memcpy(page->data + page->used, data, bytes);
    page->used += bytes;
    page->data[page->used] = '\0';
}

void vlt_page_raw(vlt_page_text *page, const char *html)
{
    append(page, html, strlen(html));
}

void vlt_page_escaped(vlt_page_text *page, const char *text)
{
    text = text ? text : "\xE2\x80\x93";
    for (size_t left = strlen(text), length; left > 0; left -= length, text += length) {
        length = vlt_utf8_length(text, left);
        vlt_quoted_text shown = vlt_quoted(text, length ? length : 1);
        length = length ? length : 1;
        switch (*text) {
        case '<':
            append(page, "&lt;", 4);
            break;
        case '>':
            append(page, "&gt;", 4);
            break;
        case '&':
            append(page, "&amp;", 5);
            break;
        case '"':
            append(page, "&quot;", 6);
            break;
        default:
            append(page, shown.text, strlen(shown.text));
        }
    }
}

void vlt_page_format(vlt_page_text *page, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        page->failed = true;
        return;
    }
    append(page, text, (size_t)length);
    free(text);
}

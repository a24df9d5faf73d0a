/* utf8_text.h: text for people, always valid UTF-8 and cut between characters, never inside one.
 *
 * Names, ids and answers come from outside and may hold any bytes. What is shown of them (messages,
 * JSON, pages, table cells) goes through here: bytes that are no UTF-8 and control characters
 * appear as \xNN (line feed, tab and return as \n, \t, \r), a text that does not fit ends in "...".
 * Nothing else cuts text, not by a precision of %s either (tests/rules/whole_characters.sh).
 *
 * Names that are used (opened, compared, handed to a child) are bytes and stay as they are.
 */
#ifndef VLT_CORE_UTF8_TEXT_H
#define VLT_CORE_UTF8_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "optimizations/core/compiler.h"

/* Bytes of the valid character at text[bytes]; 0 when there is none (bytes may be 0). */
size_t vlt_utf8_length(const char *text, size_t bytes);
bool vlt_utf8_valid(const char *text, size_t bytes);

/* The largest end <= limit between two characters of text[bytes]; invalid bytes stand alone. */
size_t vlt_utf8_cut(const char *text, size_t bytes, size_t limit);

/* Columns of a terminal that the characters of text[bytes] take: two for those of East Asia and for
 * pictures, else one. */
size_t vlt_utf8_columns(const char *text, size_t bytes);

/* The largest end between two characters of text[bytes] before which at most `columns` stand. */
size_t vlt_utf8_cut_columns(const char *text, size_t bytes, size_t columns);

/* As snprintf, but out[bytes] is valid UTF-8 without control characters, and where it does not fit
 * it is cut between characters and ends in "..." (from 8 bytes on). Gives strlen(out), so that
 * used += vlt_utf8_format(out + used, sizeof out - used, ...) never leaves the array. bytes > 0. */
size_t vlt_utf8_format(char *out, size_t bytes, const char *format, ...) VLT_PRINTF(3, 4);
size_t vlt_utf8_vformat(char *out, size_t bytes, const char *format, va_list args);

enum { VLT_QUOTED_BYTES = 104, VLT_QUOTED_PATH_BYTES = 4 * 4096 };

/* Holders for use inside one expression: vlt_fail(err, s, "key '%s'", vlt_quoted(p, n).text). The
 * first shows the beginning of any bytes, which need no NUL behind; the others end at the NUL, and
 * show nothing of NULL. A path is shown whole up to PATH_MAX, so that the file can be told. */
typedef struct vlt_quoted_text {
    char text[VLT_QUOTED_BYTES];
} vlt_quoted_text;

typedef struct vlt_quoted_name {
    char text[VLT_QUOTED_PATH_BYTES];
} vlt_quoted_name;

vlt_quoted_text vlt_quoted(const char *bytes, size_t length);
vlt_quoted_text vlt_quoted_word(const char *word);
vlt_quoted_name vlt_quoted_path(const char *path);

#endif

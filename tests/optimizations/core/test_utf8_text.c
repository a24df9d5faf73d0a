#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "optimizations/core/status.h"
#include "optimizations/core/utf8_text.h"

enum { TRIES = 20000 };

/* 1, 2, 3 and 4 bytes; the last two are U+1F600 and U+10FFFF. */
static const char *const pieces[] = {
    "a", "\xC3\xA9", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", "~"};
static const char *const no_pieces[] = {
    "\xFF",     "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE4\xB8", "\xF0\x9F\x98", "\x80",
    "\x1B[31m", "\n",       "\x7F",         "\xC2\x9B"};

Test(utf8, characters_are_told_from_bytes)
{
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        cr_assert_eq(vlt_utf8_length(pieces[i], strlen(pieces[i])), strlen(pieces[i]));
        cr_assert_eq(vlt_utf8_length(pieces[i], strlen(pieces[i]) - 1), 0);
    }
    for (size_t i = 0; i < 7; i++) {
        cr_assert_not(vlt_utf8_valid(no_pieces[i], strlen(no_pieces[i])), "piece %zu", i);
    }
    cr_assert(vlt_utf8_valid("", 0));
    cr_assert(vlt_utf8_valid("a\0\xC3\xA9", 4));
}

Test(utf8, a_cut_never_parts_a_character)
{
    const char text[] = "a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80z";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    for (size_t limit = 0; limit < sizeof expected / sizeof *expected; limit++) {
        cr_assert_eq(vlt_utf8_cut(text, strlen(text), limit), expected[limit], "limit %zu", limit);
    }
    cr_assert_eq(vlt_utf8_cut("\xFF\xFF\xFF", 3, 2), 2);
}

/* What comes out holds no control characters, and what it says is the beginning of the text. */
static void check(const char *raw, size_t raw_bytes, const char *shown, size_t room)
{
    size_t length = strlen(shown);
    cr_assert_lt(length, room);
    cr_assert(vlt_utf8_valid(shown, length));
    for (size_t i = 0; i < length; i++) {
        cr_assert_geq((unsigned char)shown[i], 0x20);
        cr_assert_neq(shown[i], 0x7F);
        cr_assert_not(shown[i] == '\xC2' && (unsigned char)shown[i + 1] < 0xA0);
    }
    bool cut = length >= 3 && !strcmp(shown + length - 3, "...");
    char undone[4096];
    size_t bytes = 0, end = cut ? length - 3 : length;
    for (size_t i = 0; i < end;) {
        unsigned byte = (unsigned char)shown[i];
        i++;
        if (byte == '\\' && shown[i] == 'n') {
            byte = '\n';
            i++;
        } else if (byte == '\\' && sscanf(shown + i, "x%2X", &byte) == 1) {
            i += 3;
        }
        undone[bytes++] = (char)byte;
    }
    cr_assert(cut || room < 8 || bytes == raw_bytes);
    cr_assert_leq(bytes, raw_bytes);
    cr_assert_arr_eq(undone, raw, bytes);
}

Test(utf8, any_bytes_are_shown_and_cut_whole)
{
    vlt_random random = {.state = 71};
    for (int i = 0; i < TRIES; i++) {
        char raw[256] = "", shown[256];
        size_t bytes = 0, room = 1 + vlt_random_next(&random) % 200;
        bool foreign = vlt_random_next(&random) % 2;
        for (uint64_t n = vlt_random_next(&random) % 40; n > 0; n--) {
            uint64_t kind = vlt_random_next(&random);
            const char *piece =
                foreign && kind % 3 == 0
                    ? no_pieces[(kind >> 8) % (sizeof no_pieces / sizeof *no_pieces)]
                    : pieces[(kind >> 8) % (sizeof pieces / sizeof *pieces)];
            memcpy(raw + bytes, piece, strlen(piece) + 1);
            bytes += strlen(piece);
        }
        size_t length = vlt_utf8_format(shown, room, "%s", raw);
        cr_assert_eq(length, strlen(shown));
        check(raw, bytes, shown, room);
        check(raw, bytes, vlt_quoted(raw, bytes).text, VLT_QUOTED_BYTES);
        check(raw, bytes, vlt_quoted_path(raw).text, VLT_QUOTED_PATH_BYTES);
    }
}

Test(utf8, a_text_that_fits_stays_as_it_is)
{
    char text[64];
    cr_assert_eq(vlt_utf8_format(text, sizeof text, "%s %d", "\xE4\xB8\xAD \\x41", 7), 10);
    cr_assert_str_eq(text, "\xE4\xB8\xAD \\x41 7");
    vlt_utf8_format(text, 12, "%s", "12345678901");
    cr_assert_str_eq(text, "12345678901");
    vlt_utf8_format(text, 12, "%s", "123456789012");
    cr_assert_str_eq(text, "12345678...");
    vlt_utf8_format(text, 1, "%s", "x");
    cr_assert_str_eq(text, "");
    cr_assert_str_eq(vlt_quoted("a\0b", 3).text, "a\\x00b");
    cr_assert_str_eq(vlt_quoted(NULL, 0).text, "");
    cr_assert_str_eq(vlt_quoted_word("tab\there").text, "tab\\there");
}

Test(utf8, messages_hold_whole_characters_and_whole_paths)
{
    vlt_error err = {0};
    char path[4096];
    memset(path, 0xE9, sizeof path - 1); /* Latin-1: no byte of it is UTF-8 */
    path[sizeof path - 1] = '\0';
    vlt_fail(&err, VLT_STATUS_IO, "%s: no such file", path);
    cr_assert_eq(strlen(err.message), 4 * 4095 + strlen(": no such file"));
    for (size_t shift = 0; shift < 4; shift++) {
        char many[VLT_ERROR_BYTES + 8];
        for (size_t i = 0; i + 4 < sizeof many; i += 4) {
            memcpy(many + i, "\xF0\x9F\x98\x80", 5);
        }
        vlt_fail(&err, VLT_STATUS_INPUT, "%s%s", &"xxxx"[shift], many);
        cr_assert(vlt_utf8_valid(err.message, strlen(err.message)));
        cr_assert_gt(strlen(err.message), sizeof err.message - 9);
        vlt_fail_in(&err, VLT_STATUS_INPUT, "subject %s: ", &"yyyy"[shift]);
        cr_assert(vlt_utf8_valid(err.message, strlen(err.message)));
        cr_assert_eq(strncmp(err.message, "subject ", 8), 0);
        cr_assert_str_eq(err.message + strlen(err.message) - 3, "...");
    }
}

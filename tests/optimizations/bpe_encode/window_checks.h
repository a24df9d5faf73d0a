/* window_checks.h: words by bits against words byte by byte, on texts that mean nothing and meet
 * everything, for whatever ISA the including test is compiled. */
#ifndef VLT_TESTS_WINDOW_CHECKS_H
#define VLT_TESTS_WINDOW_CHECKS_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/bpe_window.h"
#include "optimizations/bpe_encode/nfc_plain.h"
#include "optimizations/bpe_encode/utf8.h"
#include "optimizations/core/random.h"
#include "optimizations/core/utf8_text.h"

enum { TEXT_BYTES = 600 };

static const char *const alphabets[] = {
    "ab \n",
    "aZ09 .,",
    "a '\"s\n\t",
    "don't we'LL 'RE!\r\n",
    " \t\v\f\r\n.a",
    ", :{}\"\n  x1",
    "abcdefghijklmnop qrstuvwxyz-",
    "a.\x7f\x01\x1c\x1f 5\n",
};

static void fill(vlt_random *random, const char *alphabet, uint8_t *text)
{
    const int64_t last = (int64_t)strlen(alphabet) - 1;
    for (int i = 0; i < TEXT_BYTES; i++) {
        /* runs are what most goes wrong with */
        bool again = i > 0 && vlt_random_range(random, 0, 2) == 0;
        text[i] = again ? text[i - 1] : (uint8_t)alphabet[vlt_random_range(random, 0, last)];
    }
    for (int i = 0; i + 2 < TEXT_BYTES && vlt_random_range(random, 0, 3) == 0; i += 97) {
        memcpy(text + i, "\xC3\xA9", 2);
    }
}

/* Each start of a window at each word of the text is the end of the word before it. Gives how many
 * there were. */
static inline int64_t check_text(const uint8_t *text, size_t bytes)
{
    const uint8_t *p = text, *end = text + bytes;
    int64_t found = 0;
    while (end - p >= VLT_WINDOW_READS) {
        const uint8_t *at = p;
        for (uint64_t starts = vlt_window_starts(p); starts; starts &= starts - 1) {
            const uint8_t *stop = p + VLT_LOW_ZEROS(starts);
            cr_assert_eq(vlt_scan_word(at, end), stop, "byte %td: '%s'", at - text,
                         vlt_quoted((const char *)at, 20).text);
            at = stop;
            found++;
        }
        p = vlt_scan_word_fast(p, end);
    }
    return found;
}

static inline void check_random_texts(void)
{
    static uint8_t text[TEXT_BYTES];
    vlt_random random = {5};
    int64_t found = 0;
    for (int round = 0; round < 4000; round++) {
        fill(&random, alphabets[(size_t)round % (sizeof alphabets / sizeof *alphabets)], text);
        found += check_text(text, sizeof text);
    }
    cr_assert_gt(found, 100000);
}

static size_t put_code(uint8_t *to, uint32_t code, const char *behind)
{
    const size_t used = vlt_utf8_put(to, code), length = strlen(behind);
    memcpy(to + used, behind, length);
    return used + length;
}

/* One code point where it begins, goes on and ends words of every kind. */
static size_t fill_around(uint8_t *text, uint32_t code, uint32_t other)
{
    static const char *const behind[] = {"",  "b ",  "",   " ",  "c. ", "d\n",    "\n\n",
                                         "1", ".\n", "  ", "'s", "''t", "\r\n\t", "z"};
    size_t used = 0;
    text[used++] = 'a';
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        used += put_code(text + used, code, behind[i]);
        used += i % 3 == 2 ? put_code(text + used, other, "") : 0;
    }
    memset(text + used, 'y', VLT_WINDOW_READS);
    return used + VLT_WINDOW_READS;
}

static uint32_t next_code(uint32_t code)
{
    enum { STRIDE = 61 }; /* beyond the first plane */
    code += code < 0x10000 ? 1 : STRIDE;
    return code == 0xD800 ? 0xE000 : code;
}

static inline void check_code_points(void)
{
    static const uint32_t others[] = {0x4E2D, 0xFF0C, 0xE9, 0x301, 0x2019, 0xAC01, 0x3042};
    static uint8_t text[TEXT_BYTES];
    for (uint32_t code = 0; code < 0x110000; code = next_code(code)) {
        const uint32_t other = others[code % (sizeof others / sizeof *others)];
        check_text(text, fill_around(text, code, other));
    }
}

/* The quick check of 64 bytes says what that of one character says, of valid text and of other. */
static inline void check_normal_form(void)
{
    static uint8_t text[TEXT_BYTES];
    vlt_random random = {8};
    int64_t normal = 0, rounds = 0;
    for (uint32_t code = 0; code < 0x110000; code = next_code(code), rounds++) {
        const uint32_t other = code % 3 ? 0x4E2D : 0x301;
        const size_t bytes = fill_around(text, code, other);
        cr_assert_eq(vlt_nfc_is_plain(text, bytes), vlt_nfc_is(text, bytes), "U+%04X", code);
        normal += vlt_nfc_is(text, bytes);
        for (int i = 0; i < 2; i++) {
            text[vlt_random_range(&random, 0, (int64_t)bytes - 1)] = (uint8_t)vlt_random_next(
                &random);
            cr_assert_eq(vlt_nfc_is_plain(text, bytes), vlt_nfc_is(text, bytes), "U+%04X broken",
                         code);
        }
        for (size_t length = 60; length < 70; length++) { /* ends inside a character */
            cr_assert_eq(vlt_nfc_is_plain(text, length), vlt_nfc_is(text, length));
        }
    }
    cr_assert(normal > rounds / 4 && normal < rounds, "%lld of %lld", (long long)normal,
              (long long)rounds);
}

/* Most text of the world is looked at by windows, or at least all of ASCII is. */
static inline void check_reach(bool far)
{
    static const char *const known[] = {
        "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少？「这是很长的一行字」还有更多的字",
        "안녕하세요 세계 여러분 모두 반갑습니다 오늘은 날씨가 좋습니다 그렇지요 그렇고 말고",
        "これは、テストです。カナと、かなの文、まだ続く、もう少し、そして漢字。終わり",
        "Съешь же ещё этих мягких французских булок, да выпей чаю, и ещё немного слов",
        "Voilà l’été “déjà” passé – naïveté ça suffit, où êtes-vous allés, mon garçon ? Übermäßig"};
    cr_assert(
        vlt_window_starts((const uint8_t *)"it has words, and 12 numbers; what more (or less) "
                                           "could one ask for, after all this time?"));
    for (size_t i = 0; far && i < sizeof known / sizeof *known; i++) {
        cr_assert_geq(strlen(known[i]), VLT_WINDOW_READS);
        uint64_t starts = vlt_window_starts((const uint8_t *)known[i]);
        cr_assert_geq(VLT_LOG2(starts | 1), 40, "%s", known[i]);
    }
}

#endif

/* The normaliser against every row of what the reference does (golden/tokenizer/hf_nfc.tsv). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/bpe_scan.h"
#include "optimizations/bpe_encode/nfc.h"
#include "optimizations/core/random.h"
#include "tests/support/data.h"
#include "tests/support/tokens.h"

enum { CODES_MAX = 64 };

static size_t normalise(const uint8_t *text, size_t bytes, uint8_t *out)
{
    size_t codes = vlt_nfc_codes(bytes);
    uint32_t *raw = malloc(codes * sizeof *raw), *work = malloc(codes * sizeof *work);
    size_t used = vlt_nfc(text, bytes, out, raw, work);
    free(raw);
    free(work);
    return used;
}

/* Code points written in hex with blanks between them, as UTF-8. */
static size_t put_codes(const char *hex, uint8_t *out)
{
    size_t used = 0;
    char *end;
    for (const char *p = hex; *p; p = end) {
        unsigned long code = strtoul(p, &end, 16);
        if (end == p) {
            break;
        }
        used += vlt_utf8_put(out + used, (uint32_t)code);
    }
    return used;
}

static void expect(const uint8_t *text, size_t bytes, const char *output, const char *what)
{
    uint8_t expected[4 * CODES_MAX], got[12 * CODES_MAX];
    size_t expected_bytes = put_codes(output, expected), used = normalise(text, bytes, got);
    cr_assert(used == expected_bytes && memcmp(got, expected, used) == 0, "%s: expected %s", what,
              output);
    bool same = bytes == used && memcmp(text, got, bytes) == 0;
    cr_assert(same || !vlt_nfc_is(text, bytes), "%s: the quick check errs", what);
}

static bool check_row(const char *kind, const char *input, const char *output)
{
    uint8_t text[4 * CODES_MAX];
    size_t bytes = put_codes(input, text);
    char both[2 * CODES_MAX];
    if (strcmp(kind, "single") == 0 || strcmp(kind, "compose") == 0) {
        expect(text, bytes, output, input);
        return true;
    }
    if (strcmp(kind, "reorder_before_0315") == 0) {
        snprintf(both, sizeof both, "0315 %s", input);
    } else if (strcmp(kind, "reorder_after_0334") == 0) {
        snprintf(both, sizeof both, "%s 0334", input);
    } else {
        return false;
    }
    bytes = put_codes(both, text);
    expect(text, bytes, output, both);
    return true;
}

Test(nfc, rows_of_the_reference)
{
    size_t bytes;
    int checked = 0;
    char *table = test_read_data("golden/tokenizer/hf_nfc.tsv", &bytes), *rest = NULL;
    if (!table) {
        return;
    }
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char kind[32], input[64], output[64];
        if (sscanf(line, "%31[^\t]\t%63[^\t]\t%63[^\n]", kind, input, output) == 3) {
            checked += check_row(kind, input, output);
        }
    }
    cr_assert_gt(checked, 3600);
    free(table);
}

Test(nfc, hangul_and_blocked_marks)
{
    static const char *const rows[][2] = {
        {"1100 1161", "AC00"},           {"1100 1161 11A8", "AC01"},
        {"AC00 11A8", "AC01"},           {"AC01 11A8", "AC01 11A8"},
        {"AC00 11A7", "AC00 11A7"},      {"0061 0327 0301", "00E1 0327"},
        {"0061 0301 0327", "00E1 0327"}, {"0061 0302 0300", "1EA7"},
        {"0061 0300 0302", "00E0 0302"}, {"0344", "0308 0301"},
        {"1E9B 0323", "1E9B 0323"},      {"017F 0323 0307", "1E9B 0323"},
        {"0B47 0B57", "0B4C"},           {"1F71", "03AC"},
        {"D7A3 1161", "D7A3 1161"},      {"0041 1DFA", "0041 1DFA"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t text[4 * CODES_MAX];
        size_t bytes = put_codes(rows[i][0], text);
        expect(text, bytes, rows[i][1], rows[i][0]);
    }
}

/* Normalising twice changes nothing, and any cut at a plain letter may be normalised apart. */
Test(nfc, is_idempotent_on_random_marks)
{
    static const uint32_t pool[] = {'a',     'e',    0x300,  0x301,   0x323,   0x327,  0x334,
                                    0x345,   0xE9,   0x1EA5, 0x1100,  0x1161,  0x11A8, 0xAC00,
                                    0x915,   0x93C,  0x94D,  0xF71,   0xF72,   0xF74,  0x1D165,
                                    0x1D16E, 0x0344, 0x212B, 0x1D1C0, 0x11938, 0x0DCF, 0x0DCA};
    vlt_random random = {7};
    for (int round = 0; round < 3000; round++) {
        uint8_t text[4 * CODES_MAX], once[12 * CODES_MAX], twice[36 * CODES_MAX];
        size_t bytes = 0;
        int64_t codes = vlt_random_range(&random, 1, CODES_MAX);
        for (int64_t i = 0; i < codes; i++) {
            int64_t k = vlt_random_range(&random, 0, (int64_t)(sizeof pool / sizeof *pool) - 1);
            bytes += vlt_utf8_put(text + bytes, pool[k]);
        }
        size_t first = normalise(text, bytes, once), second = normalise(once, first, twice);
        cr_assert(first == second && memcmp(once, twice, first) == 0, "round %d", round);
        bool same = first == bytes && memcmp(text, once, first) == 0;
        cr_assert(same || !vlt_nfc_is(text, bytes), "round %d: the quick check errs", round);
    }
}

/* A run of marks of any length is ordered in linear time and stably. */
Test(nfc, long_runs_of_marks)
{
    enum { MARKS = 200000 };
    uint8_t *text = malloc(2 * MARKS), *out = malloc(6 * MARKS);
    for (int i = 0; i < MARKS; i++) {
        vlt_utf8_put(text + 2 * i, i % 2 ? 0x323 : 0x313); /* classes 220 and 230 */
    }
    cr_assert_eq(normalise(text, 2 * MARKS, out), 2 * MARKS);
    cr_assert_eq(memcmp(out, "\xCC\xA3\xCC\xA3", 4), 0);
    cr_assert_eq(memcmp(out + 2 * MARKS - 4, "\xCC\x93\xCC\x93", 4), 0);
    free(text);
    free(out);
}

Test(nfc, invalid_bytes_become_replacements)
{
    uint8_t out[64];
    size_t used = normalise((const uint8_t *)"a\xE2\x82"
                                             "b\xC0\x80\xED\xA0\x80\xF0\x9F\x98",
                            12, out);
    cr_assert_eq(used, 2 + 3 * 7);
    cr_assert_eq(memcmp(out,
                        "a\xEF\xBF\xBD"
                        "b\xEF\xBF\xBD",
                        8),
                 0);
}

Test(nfc, classes_of_ascii_agree_with_the_tables)
{
    for (uint32_t c = 0; c < 128; c++) {
        int class = vlt_unicode_property(c) & VLT_UNICODE_CLASS;
        int kind = vlt_scan_byte_kind[c];
        cr_assert_eq(kind == VLT_SCAN_BREAK ? VLT_SCAN_SPACE : kind, class, "U+%04X", c);
        cr_assert_eq(kind == VLT_SCAN_BREAK, c == '\n' || c == '\r');
    }
}

static void check_class_row(const char *line)
{
    unsigned first, last;
    char name;
    if (sscanf(line, "%x\t%x\t%c", &first, &last, &name) != 3) {
        return;
    }
    int class = name == 'L'   ? VLT_CLASS_LETTER
                : name == 'N' ? VLT_CLASS_NUMBER
                : name == 'S' ? VLT_CLASS_SPACE
                              : VLT_CLASS_OTHER;
    for (uint32_t c = first; c <= last; c++) {
        cr_assert_eq(vlt_unicode_property(c) & VLT_UNICODE_CLASS, class, "U+%04X", c);
    }
}

Test(nfc, classes_of_the_reference)
{
    size_t bytes;
    char *table = test_read_data("golden/tokenizer/hf_classes.tsv", &bytes), *rest = NULL;
    for (char *line = table ? strtok_r(table, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        check_class_row(line);
    }
    free(table);
}

/* bpe_scan.h: the pre-tokenisation pattern by hand.
 *
 * Source: harness/model/README.md#pre-tokenisation. At each place the first alternative that
 * matches wins:
 *   1  apostrophe and s t re ve m ll d, any case (U+017F counts as s)
 *   2  one of anything but CR, LF, letter, number; then letters   (the one is optional)
 *   3  one number
 *   4  blank (optional), then neither space nor letter nor number, then CR and LF
 *   5  white space up to its last CR or LF
 *   6  white space but for its last one, unless it ends the text
 *   7  white space
 */
#ifndef VLT_BPE_SCAN_H
#define VLT_BPE_SCAN_H

#include <string.h>

#include "optimizations/bpe_encode/unicode_tables.h"
#include "optimizations/bpe_encode/utf8.h"
#include "optimizations/core/compiler.h"

enum vlt_scan_kind {
    VLT_SCAN_OTHER = VLT_CLASS_OTHER,
    VLT_SCAN_LETTER = VLT_CLASS_LETTER,
    VLT_SCAN_NUMBER = VLT_CLASS_NUMBER,
    VLT_SCAN_SPACE = VLT_CLASS_SPACE, /* but CR and LF */
    VLT_SCAN_BREAK,                   /* CR, LF */
    VLT_SCAN_HIGH                     /* first byte of a longer sequence: look it up */
};

/* Kind of a byte. */
extern const uint8_t vlt_scan_byte_kind[256];

/* Kind of the code point at p < end, and its bytes; the text is valid. */
static inline uint8_t vlt_scan_kind_at(const uint8_t *p, size_t *length)
{
    uint8_t kind = vlt_scan_byte_kind[*p];
    *length = 1;
    if (kind == VLT_SCAN_HIGH) {
        const uint8_t *next = p;
        kind = vlt_unicode_property(vlt_utf8_next_valid(&next)) & VLT_UNICODE_CLASS;
        *length = (size_t)(next - p);
    }
    return kind;
}

/* End of the run of one kind that begins at p; kind is no break. */
static inline const uint8_t *vlt_scan_run(const uint8_t *p, const uint8_t *end, uint8_t kind)
{
    for (;;) {
        while (p < end && vlt_scan_byte_kind[*p] == kind) {
            p++;
        }
        size_t length;
        if (p == end || vlt_scan_byte_kind[*p] != VLT_SCAN_HIGH ||
            vlt_scan_kind_at(p, &length) != kind) {
            return p;
        }
        p += length;
    }
}

/* Length of a contraction at the apostrophe p, or 0. */
static inline size_t vlt_scan_contraction(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);
    uint8_t a = left > 1 ? p[1] | 0x20 : 0, b = left > 2 ? p[2] | 0x20 : 0;
    if (left > 1 && p[1] < 0x80 && (a == 's' || a == 't' || a == 'm' || a == 'd')) {
        return 2;
    }
    if (left > 2 && p[1] < 0x80 && p[2] < 0x80 &&
        ((b == 'e' && (a == 'r' || a == 'v')) || (a == 'l' && b == 'l'))) {
        return 3;
    }
    return left > 2 && p[1] == 0xC5 && p[2] == 0xBF ? 3 : 0;
}

/* White space at p: alternatives 5, 6 and 7. */
static inline const uint8_t *vlt_scan_space(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *at = p, *behind_break = NULL, *last = p;
    while (at < end) {
        size_t length;
        uint8_t kind = vlt_scan_kind_at(at, &length);
        if (kind != VLT_SCAN_SPACE && kind != VLT_SCAN_BREAK) {
            break;
        }
        last = at;
        at += length;
        behind_break = kind == VLT_SCAN_BREAK ? at : behind_break;
    }
    return behind_break ? behind_break : at == end || last == p ? at : last;
}

static inline const uint8_t *vlt_scan_others(const uint8_t *p, const uint8_t *end)
{
    p = vlt_scan_run(p, end, VLT_SCAN_OTHER);
    while (p < end && (*p == '\r' || *p == '\n')) {
        p++;
    }
    return p;
}

/* End of the word that begins at p < end; the text is valid UTF-8. */
static inline const uint8_t *vlt_scan_word(const uint8_t *p, const uint8_t *end)
{
    size_t length, next_length;
    uint8_t kind = vlt_scan_kind_at(p, &length);
    if (kind == VLT_SCAN_LETTER) {
        return vlt_scan_run(p + length, end, VLT_SCAN_LETTER);
    }
    if (kind == VLT_SCAN_NUMBER) {
        return p + length;
    }
    if (kind == VLT_SCAN_BREAK) {
        return vlt_scan_space(p, end);
    }
    if (*p == '\'' && (next_length = vlt_scan_contraction(p, end)) != 0) {
        return p + next_length;
    }
    const uint8_t *next = p + length;
    uint8_t next_kind = VLT_SCAN_BREAK;
    if (next < end) {
        next_kind = vlt_scan_kind_at(next, &next_length);
        if (next_kind == VLT_SCAN_LETTER) {
            return vlt_scan_run(next + next_length, end, VLT_SCAN_LETTER);
        }
    }
    if (kind == VLT_SCAN_OTHER || (*p == ' ' && next_kind == VLT_SCAN_OTHER)) {
        return vlt_scan_others(next, end);
    }
    return vlt_scan_space(p, end);
}

#if defined(__SSE2__)
#include <immintrin.h>

enum { VLT_SCAN_STEP = 16 };

/* 0xFF where low <= byte <= low + span, for bytes as unsigned numbers. */
static inline __m128i vlt_scan_range(__m128i v, char low, char span)
{
    __m128i at = _mm_sub_epi8(v, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(at, _mm_set1_epi8(span)), at);
}

/* Bit i: byte i of the 16 at p is an ASCII letter. */
static inline uint32_t vlt_scan_letters(const uint8_t *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    __m128i lower = _mm_or_si128(v, _mm_set1_epi8(0x20));
    return (uint32_t)_mm_movemask_epi8(vlt_scan_range(lower, 'a', 'z' - 'a'));
}

/* Bit i: byte i is ASCII, and neither space nor letter nor number. */
static inline uint32_t vlt_scan_marks(const uint8_t *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    __m128i lower = _mm_or_si128(v, _mm_set1_epi8(0x20));
    __m128i no = _mm_or_si128(vlt_scan_range(lower, 'a', 'z' - 'a'),
                              vlt_scan_range(v, '0', '9' - '0'));
    no = _mm_or_si128(no, vlt_scan_range(v, '\t', '\r' - '\t'));
    no = _mm_or_si128(no, _mm_cmpeq_epi8(v, _mm_set1_epi8(' ')));
    return ~(uint32_t)_mm_movemask_epi8(_mm_or_si128(no, v)) & 0xFFFF;
}
#else
enum { VLT_SCAN_STEP = 16 };

static inline uint32_t vlt_scan_letters(const uint8_t *p)
{
    uint32_t bits = 0;
    for (int i = 0; i < VLT_SCAN_STEP; i++) {
        bits |= (uint32_t)((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z') << i;
    }
    return bits;
}

static inline uint32_t vlt_scan_marks(const uint8_t *p)
{
    uint32_t bits = 0;
    for (int i = 0; i < VLT_SCAN_STEP; i++) {
        bits |= (uint32_t)(vlt_scan_byte_kind[p[i]] == VLT_SCAN_OTHER) << i;
    }
    return bits;
}
#endif

/* vlt_scan_word where 16 bytes may be read at p: most words of plain text are an optional byte and
 * up to fourteen letters, a number, or an optional blank and a few marks, which are found without a
 * loop and so without a mispredicted branch. */
static inline const uint8_t *vlt_scan_word_fast(const uint8_t *p, const uint8_t *end)
{
    const uint32_t letters = vlt_scan_letters(p);
    const uint8_t kind = vlt_scan_byte_kind[*p];
    const uint32_t first = kind != VLT_SCAN_LETTER;
    const uint32_t run = (uint32_t)VLT_LOW_ZEROS(~(letters >> first));
    const bool plain = kind <= VLT_SCAN_SPACE && kind != VLT_SCAN_NUMBER && *p != '\'';
    if (VLT_LIKELY(plain && run > 0 && first + run < VLT_SCAN_STEP && p[first + run] < 0x80)) {
        return p + first + run;
    }
    if (kind == VLT_SCAN_NUMBER) {
        return p + 1;
    }
    if (run == 0 && (*p == ' ' || kind == VLT_SCAN_OTHER)) {
        const uint32_t blank = *p == ' ';
        const uint32_t marks = (uint32_t)VLT_LOW_ZEROS(~(vlt_scan_marks(p) >> blank));
        const uint8_t *stop = p + blank + marks;
        if (marks > 0 && blank + marks < VLT_SCAN_STEP && *stop < 0x80 && *stop != '\r' &&
            *stop != '\n') {
            return stop;
        }
    }
    return vlt_scan_word(p, end);
}

#endif

/* bpe_window.h: where words begin in the next 64 bytes of ASCII, by bits instead of byte by byte.
 *
 * The window begins where a word does. Bit i of a mask says something of byte i; a shift to the
 * left looks at the byte before. Which alternative of the pattern (bpe_scan.h) cuts where:
 *
 *   numbers   each is a word
 *   letters   begin a word, unless the byte before is white space or a mark that begins one itself
 *   marks     begin a word, unless a blank stands before; line breaks behind them are theirs
 *   space     what is left begins a word where the run begins, and its last byte, which the next
 *             word may take, does again
 *
 * What that leaves to vlt_scan_word: bytes that are not ASCII, white space that goes on behind a
 * line break, and the last two bytes of the window. Contractions are the caller's.
 */
#ifndef VLT_BPE_WINDOW_H
#define VLT_BPE_WINDOW_H

#include "optimizations/bpe_encode/bpe_scan.h"

/* Bytes that must be readable behind the beginning of a window, whose words are then readable as
 * 16 bytes each. */
enum { VLT_WINDOW_READS = 80 };

typedef struct vlt_window_kinds {
    uint64_t letter, number, blank, space, line, high; /* space: with blanks and line breaks */
} vlt_window_kinds;

#if defined(__SSE2__)
static inline uint64_t vlt_window_bits(__m128i v, int at)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(v) << at;
}

static inline vlt_window_kinds vlt_window_look(const uint8_t *p)
{
    vlt_window_kinds k = {0};
    for (int at = 0; at < 64; at += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(p + at));
        const __m128i lower = _mm_or_si128(v, _mm_set1_epi8(0x20));
        const __m128i blank = _mm_cmpeq_epi8(v, _mm_set1_epi8(' '));
        const __m128i line = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')),
                                          _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));
        k.letter |= vlt_window_bits(vlt_scan_range(lower, 'a', 'z' - 'a'), at);
        k.number |= vlt_window_bits(vlt_scan_range(v, '0', '9' - '0'), at);
        k.blank |= vlt_window_bits(blank, at);
        k.space |= vlt_window_bits(_mm_or_si128(blank, vlt_scan_range(v, '\t', '\r' - '\t')), at);
        k.line |= vlt_window_bits(line, at);
        k.high |= vlt_window_bits(v, at);
    }
    return k;
}
#else
static inline vlt_window_kinds vlt_window_look(const uint8_t *p)
{
    vlt_window_kinds k = {0};
    for (int i = 0; i < 64; i++) {
        const uint8_t kind = vlt_scan_byte_kind[p[i]];
        const uint64_t bit = UINT64_C(1) << i;
        k.letter |= kind == VLT_SCAN_LETTER ? bit : 0;
        k.number |= kind == VLT_SCAN_NUMBER ? bit : 0;
        k.blank |= p[i] == ' ' ? bit : 0;
        k.space |= kind == VLT_SCAN_SPACE || kind == VLT_SCAN_BREAK ? bit : 0;
        k.line |= kind == VLT_SCAN_BREAK ? bit : 0;
        k.high |= kind == VLT_SCAN_HIGH ? bit : 0;
    }
    return k;
}
#endif

/* Bits where a word begins, but for the first byte, where one does; all words but the last are
 * whole. 0: the first word is not for this. VLT_WINDOW_READS bytes may be read at p. */
static inline uint64_t vlt_window_starts(const uint8_t *p)
{
    const vlt_window_kinds k = vlt_window_look(p);
    const uint64_t mark = ~(k.letter | k.number | k.space | k.high);
    const uint64_t gap = k.space & ~k.line;
    const uint64_t taken = k.line & ~(k.line + (k.line & mark << 1)); /* by the marks before */
    const uint64_t space = k.space & ~taken;
    const uint64_t lone = mark & ~(mark << 1) & ~(k.blank << 1);
    const uint64_t words = k.letter & ~(k.letter << 1) & ~((gap | lone) << 1);
    const uint64_t starts = words | lone | k.number | k.number << 1 | (space & ~(space << 1)) |
                            (gap & ~(k.space >> 1));
    /* where it is no longer known; the byte before that may depend on it */
    const uint64_t unknown = k.high | (gap & (k.line & ~taken) << 1) | UINT64_C(1) << 63;
    const uint64_t first = unknown & -unknown;
    return starts & ((first - 1) >> 1) & ~UINT64_C(1);
}

#endif

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
 * What that leaves to vlt_scan_word: white space that goes on behind a line break, the last two
 * bytes of the window, and bytes that are not ASCII, but for the characters of bpe_far.h where
 * there is AVX-512. A character of several bytes has its kind in each of them.
 */
#ifndef VLT_BPE_WINDOW_H
#define VLT_BPE_WINDOW_H

#include "optimizations/bpe_encode/bpe_far.h"
#include "optimizations/bpe_encode/bpe_scan.h"

/* Bytes that must be readable behind the beginning of a window, whose words are then readable as
 * 16 bytes each; and places that may be written behind those that vlt_window_put puts. */
enum { VLT_WINDOW_READS = 80, VLT_WINDOW_SPARE = 16 };

typedef struct vlt_window_kinds {
    uint64_t letter, number, blank, space, line; /* space: with blanks and line breaks */
    uint64_t quote;
    uint64_t high;  /* not ASCII, and not known */
    uint64_t inner; /* not the first byte of a character that is known */
} vlt_window_kinds;

#if defined(VLT_FAR)
static inline vlt_window_kinds vlt_window_look(const uint8_t *p)
{
    const __m512i v = _mm512_loadu_si512(p);
    const __m512i lower = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
    vlt_window_kinds k = {.letter = vlt_far_range(lower, 'a', 'z'),
                          .number = vlt_far_range(v, '0', '9'),
                          .blank = vlt_far_is(v, ' '),
                          .line = vlt_far_is(v, '\n') | vlt_far_is(v, '\r'),
                          .quote = vlt_far_is(v, '\''),
                          .high = _mm512_movepi8_mask(v)};
    k.space = k.blank | vlt_far_range(v, '\t', '\r');
    if (k.high) {
        const vlt_far far = vlt_far_look(v);
        k.letter |= far.letter;
        k.inner = far.inner;
        k.high &= ~(far.letter | far.mark);
    }
    return k;
}
#elif defined(__AVX2__)
static inline uint64_t vlt_window_bits(__m256i v, int at)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(v) << at;
}

/* 0xFF where low <= byte <= low + span, for bytes as unsigned numbers. */
static inline __m256i vlt_window_range(__m256i v, char low, char span)
{
    const __m256i at = _mm256_sub_epi8(v, _mm256_set1_epi8(low));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(at, _mm256_set1_epi8(span)), at);
}

static inline vlt_window_kinds vlt_window_look(const uint8_t *p)
{
    vlt_window_kinds k = {0};
    for (int at = 0; at < 64; at += 32) {
        const __m256i v = _mm256_loadu_si256((const __m256i *)(p + at));
        const __m256i lower = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
        const __m256i blank = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(' '));
        const __m256i line = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n')),
                                             _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\r')));
        k.letter |= vlt_window_bits(vlt_window_range(lower, 'a', 'z' - 'a'), at);
        k.number |= vlt_window_bits(vlt_window_range(v, '0', '9' - '0'), at);
        k.blank |= vlt_window_bits(blank, at);
        k.space |= vlt_window_bits(_mm256_or_si256(blank, vlt_window_range(v, '\t', '\r' - '\t')),
                                   at);
        k.line |= vlt_window_bits(line, at);
        k.quote |= vlt_window_bits(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\'')), at);
        k.high |= vlt_window_bits(v, at);
    }
    return k;
}
#elif defined(__SSE2__)
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
        k.quote |= vlt_window_bits(_mm_cmpeq_epi8(v, _mm_set1_epi8('\'')), at);
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
        k.quote |= p[i] == '\'' ? bit : 0;
        k.high |= kind == VLT_SCAN_HIGH ? bit : 0;
    }
    return k;
}
#endif

/* A contraction ends where letters go on; `starts` has all other bits. */
static VLT_NOINLINE uint64_t vlt_window_contractions(const uint8_t *p, uint64_t quotes,
                                                     uint64_t starts)
{
    uint64_t more = 0;
    for (; quotes; quotes &= quotes - 1) {
        const int at = VLT_LOW_ZEROS(quotes);
        const size_t length = vlt_scan_contraction(p + at, p + VLT_WINDOW_READS);
        const uint64_t behind = starts >> at >> 1;
        if (length && behind && length < (size_t)VLT_LOW_ZEROS(behind) + 1) {
            more |= UINT64_C(1) << (at + (int)length);
        }
    }
    return more;
}

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
    const uint64_t all_of_lone = lone | (lone << 1 & k.inner) |
                                 (lone << 2 & k.inner & k.inner << 1);
    const uint64_t words = k.letter & ~(k.letter << 1) & ~((gap | all_of_lone) << 1);
    const uint64_t any = words | lone | k.number | k.number << 1 | (space & ~(space << 1)) |
                         (gap & ~(k.space >> 1));
    /* where it is no longer known; the byte before that may depend on it */
    const uint64_t unknown = k.high | (gap & (k.line & ~taken) << 1) | UINT64_C(1) << 63;
    const uint64_t first = unknown & -unknown;
    const uint64_t starts = any & ((first - 1) >> 1) & ~UINT64_C(1);
    const uint64_t quotes = k.quote & (starts | 1);
    return VLT_LIKELY(!quotes) ? starts : starts | vlt_window_contractions(p, quotes, starts);
}

/* Is the first word at p worth a window? */
static inline bool vlt_window_may_know(const uint8_t *p)
{
#if defined(VLT_FAR)
    return (p[0] < 0x80 || vlt_far_may_know(p[0])) && (p[1] < 0xC0 || vlt_far_may_know(p[1]));
#else
    return (p[0] | p[1]) < 0x80;
#endif
}

/* The places of the bits, beside `from`; gives how many. */
static inline size_t vlt_window_put(uint32_t *place, uint32_t from, uint64_t bits)
{
    size_t count = 0;
#if defined(VLT_FAR)
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (int at = 0; at < 64; at += 16) {
        const uint32_t some = bits >> at & 0xFFFF;
        const __m512i all = _mm512_add_epi32(lane, _mm512_set1_epi32((int)from + at));
        _mm512_storeu_si512(place + count, _mm512_maskz_compress_epi32((__mmask16)some, all));
        count += (size_t)_mm_popcnt_u32(some);
    }
#else
    for (; bits; bits &= bits - 1) {
        place[count++] = from + (uint32_t)VLT_LOW_ZEROS(bits);
    }
#endif
    return count;
}

#endif

/* bpe_far.h: what 64 bytes say of characters beyond ASCII, for the scripts that most of such text
 * is written in, by AVX-512. Normalisation (nfc.h) leaves each of them as it stands.
 *
 *     letters   U+00C0 - U+023F, U+0400 - U+047F, kana, Han, Hangul syllables
 *     marks     dashes, quotation marks and dots of U+2010 - U+203E, the punctuation of U+3001 -
 *               U+3020 and that of full width
 *
 * All others are unknown, and so is one that is not whole in the 64 bytes.
 */
#ifndef VLT_BPE_FAR_H
#define VLT_BPE_FAR_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__AVX512F__) && defined(__AVX512BW__)
#define VLT_FAR
#include <immintrin.h>

/* One bit a byte. */
typedef struct vlt_far {
    uint64_t letter, mark; /* of all bytes of the character, if the text is UTF-8 */
    uint64_t inner;        /* of these the ones behind the first */
} vlt_far;

static inline uint64_t vlt_far_is(__m512i v, uint8_t byte)
{
    return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char)byte));
}

/* low <= byte <= high */
static inline uint64_t vlt_far_range(__m512i v, uint8_t low, uint8_t high)
{
    const __m512i at = _mm512_sub_epi8(v, _mm512_set1_epi8((char)low));
    return _mm512_cmple_epu8_mask(at, _mm512_set1_epi8((char)(high - low)));
}

/* First bytes of the letters of three bytes. */
static inline uint64_t vlt_far_letters3(__m512i v)
{
    const uint64_t e3 = vlt_far_is(v, 0xE3);
    uint64_t first = vlt_far_range(v, 0xE5, 0xE9) | vlt_far_range(v, 0xEB, 0xEC);
    first |= vlt_far_is(v, 0xE4) & ~(vlt_far_is(v, 0xB7) >> 1); /* the hexagrams are none */
    first |= vlt_far_is(v, 0xEA) & vlt_far_range(v, 0xB0, 0xBF) >> 1;
    first |= vlt_far_is(v, 0xED) & vlt_far_range(v, 0x80, 0x9D) >> 1;
    if (e3) {
        first |= e3 & vlt_far_is(v, 0x81) >> 1 & ~(vlt_far_is(v, 0x80) >> 2);
        first |= e3 & vlt_far_is(v, 0x82) >> 1 &
                 ~((vlt_far_range(v, 0x97, 0x9C) | vlt_far_is(v, 0xA0)) >> 2);
        first |= e3 & vlt_far_is(v, 0x83) >> 1 & ~(vlt_far_is(v, 0xBB) >> 2);
    }
    return first;
}

/* First bytes of the marks, which all have three. */
static inline uint64_t vlt_far_marks(__m512i v)
{
    const uint64_t e2 = vlt_far_is(v, 0xE2) & vlt_far_is(v, 0x80) >> 1;
    const uint64_t e3 = vlt_far_is(v, 0xE3) & vlt_far_is(v, 0x80) >> 1;
    const uint64_t ef = vlt_far_is(v, 0xEF) & vlt_far_is(v, 0xBC) >> 1;
    uint64_t first = e2 & (vlt_far_range(v, 0x90, 0xA7) | vlt_far_range(v, 0xB0, 0xBE)) >> 2;
    if (e3 | ef) {
        first |= e3 & (vlt_far_range(v, 0x81, 0x84) | vlt_far_range(v, 0x88, 0xA0)) >> 2;
        first |= ef & (vlt_far_range(v, 0x81, 0x8F) | vlt_far_range(v, 0x9A, 0xA0) |
                       vlt_far_range(v, 0xBB, 0xBF)) >>
                          2;
    }
    return first;
}

static inline vlt_far vlt_far_look(__m512i v)
{
    const uint64_t not_letter = vlt_far_is(v, 0x97) | vlt_far_is(v, 0xB7); /* U+00D7, U+00F7 */
    const uint64_t two = (vlt_far_range(v, 0xC4, 0xC8) | vlt_far_range(v, 0xD0, 0xD1) |
                          (vlt_far_is(v, 0xC3) & ~(not_letter >> 1))) &
                         UINT64_MAX >> 1;
    const uint64_t three = vlt_far_letters3(v) & UINT64_MAX >> 2;
    const uint64_t mark = vlt_far_marks(v) & UINT64_MAX >> 2;
    const uint64_t rest = two << 1 | three << 1 | three << 2;
    const uint64_t mark_rest = mark << 1 | mark << 2;
    return (vlt_far){
        .letter = two | three | rest, .mark = mark | mark_rest, .inner = rest | mark_rest};
}

/* May a character that begins so be known? */
static inline bool vlt_far_may_know(uint8_t first)
{
    const uint64_t known = UINT64_C(0x01F8) | UINT64_C(0x3) << 0x10 | UINT64_C(0xBFFC) << 0x20;
    return first >= 0xC0 && known >> (first - 0xC0) & 1;
}
#endif
#endif

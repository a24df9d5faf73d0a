/* nfc_plain.h: vlt_nfc_is, 64 bytes at a time where the ISA of the including file allows. */
#ifndef VLT_NFC_PLAIN_H
#define VLT_NFC_PLAIN_H

#include "optimizations/bpe_encode/bpe_far.h"
#include "optimizations/bpe_encode/nfc.h"

#if defined(VLT_FAR)
#include "optimizations/core/compiler.h"

/* How many of the 64 bytes at p are whole characters that nothing changes. */
static inline size_t vlt_nfc_plain_bytes(const uint8_t *p)
{
    const __m512i v = _mm512_loadu_si512(p);
    const uint64_t high = _mm512_movepi8_mask(v);
    if (VLT_LIKELY(!high)) {
        return 64;
    }
    const vlt_far far = vlt_far_look(v);
    const uint64_t unknown = high & ~(far.letter | far.mark);
    const bool valid = !(far.inner & ~vlt_far_range(v, 0x80, 0xBF));
    return !valid ? 0 : unknown ? (size_t)VLT_LOW_ZEROS(unknown) : 64;
}

static inline bool vlt_nfc_is_plain(const uint8_t *text, size_t bytes)
{
    enum { STEP = 64 };
    const uint8_t *p = text, *end = text + bytes;
    uint8_t last = 0;
    while (end - p >= STEP) {
        const size_t plain = vlt_nfc_plain_bytes(p);
        last = plain ? 0 : last;
        p += plain;
        const size_t left = (size_t)(end - p);
        /* other scripts come in runs */
        if (plain < STEP / 2 && !vlt_nfc_goes_on(&p, left < STEP ? left : STEP, end, &last)) {
            return false;
        }
    }
    return vlt_nfc_goes_on(&p, (size_t)(end - p), end, &last);
}
#else
static inline bool vlt_nfc_is_plain(const uint8_t *text, size_t bytes)
{
    return vlt_nfc_is(text, bytes);
}
#endif

#endif

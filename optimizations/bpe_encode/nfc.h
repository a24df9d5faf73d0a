/* nfc.h: canonical composition as the reference does it: Unicode 9.0, newer code points inert.
 *
 * Any bytes may come in: a maximal invalid subpart of UTF-8 is read as U+FFFD, so that what comes
 * out is valid. Source: UAX 15, harness/model/README.md#pipeline.
 */
#ifndef VLT_NFC_H
#define VLT_NFC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True: valid UTF-8 and NFC, so that the text can be used where it lies. False: perhaps not. */
bool vlt_nfc_is(const uint8_t *text, size_t bytes);

/* The same from *p on, over the characters that begin in the next `bytes` bytes; *last: combining
 * class of the character before, 0 where the text begins. Moves both on. */
bool vlt_nfc_goes_on(const uint8_t **p, size_t bytes, const uint8_t *end, uint8_t *last);

/* Code points that the full decomposition of `bytes` bytes can have: U+0390 and its like make
 * three of two bytes. */
static inline size_t vlt_nfc_codes(size_t bytes)
{
    return bytes + bytes / 2 + 8;
}

/* Normalises text[bytes] into out, room for 3 * bytes, and gives the bytes written. raw and work
 * are scratch for vlt_nfc_codes(bytes) code points each. */
size_t vlt_nfc(const uint8_t *text, size_t bytes, uint8_t *out, uint32_t *raw, uint32_t *work);

/* Canonical ordering of code points packed as combining class << 24 | code: every run of classes
 * above 0 is sorted by class, stably and in linear time beyond short runs. spare: [count]. */
void vlt_nfc_order(uint32_t *packed, size_t count, uint32_t *spare);

enum { VLT_NFC_CLASS_SHIFT = 24, VLT_NFC_CODE_MASK = 0x1FFFFF };

#endif

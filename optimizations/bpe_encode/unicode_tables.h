/* unicode_tables.h: what the tokenizer must know of Unicode, as the reference has it.
 *
 * Character classes are Unicode 16.0, normalisation is Unicode 9.0
 * (harness/model/README.md#pre-tokenisation and #pipeline).
 * unicode_tables.c is made by tests/reference/make_unicode_tables.py.
 */
#ifndef VLT_UNICODE_TABLES_H
#define VLT_UNICODE_TABLES_H

#include <stdint.h>

enum { VLT_CLASS_OTHER, VLT_CLASS_LETTER, VLT_CLASS_NUMBER, VLT_CLASS_SPACE };

/* Bits of the property byte. */
enum {
    VLT_UNICODE_CLASS = 3,  /* VLT_CLASS_* */
    VLT_UNICODE_NEWER = 4,  /* not assigned in 9.0: an inert starter for the normaliser */
    VLT_UNICODE_ACTIVE = 8, /* combining class above 0, or UNSTABLE: may change with neighbours */
    VLT_UNICODE_UNSTABLE = 16, /* NFC quick check is No or Maybe */
};

typedef struct vlt_unicode_decomposition {
    uint32_t code;
    uint16_t first; /* in vlt_unicode_decomposed */
    uint16_t count;
} vlt_unicode_decomposition;

typedef struct vlt_unicode_composition {
    uint32_t first, second, result;
} vlt_unicode_composition;

enum { VLT_UNICODE_BLOCK = 128, VLT_UNICODE_BLOCKS = 0x110000 / VLT_UNICODE_BLOCK };

extern const uint8_t vlt_unicode_property_block[VLT_UNICODE_BLOCKS];
extern const uint8_t vlt_unicode_property_value[];
extern const uint8_t vlt_unicode_combining_block[VLT_UNICODE_BLOCKS];
extern const uint8_t vlt_unicode_combining_value[];

/* Full canonical decompositions, sorted by code; Hangul syllables are left to arithmetic. */
extern const vlt_unicode_decomposition vlt_unicode_decompositions[];
extern const int vlt_unicode_decomposition_count;
extern const uint32_t vlt_unicode_decomposed[];

/* Primary composites, sorted by (first, second). */
extern const vlt_unicode_composition vlt_unicode_compositions[];
extern const int vlt_unicode_composition_count;

/* code < 0x110000 */
static inline uint8_t vlt_unicode_property(uint32_t code)
{
    return vlt_unicode_property_value[vlt_unicode_property_block[code / VLT_UNICODE_BLOCK] *
                                          VLT_UNICODE_BLOCK +
                                      code % VLT_UNICODE_BLOCK];
}

static inline uint8_t vlt_unicode_combining(uint32_t code)
{
    return vlt_unicode_combining_value[vlt_unicode_combining_block[code / VLT_UNICODE_BLOCK] *
                                           VLT_UNICODE_BLOCK +
                                       code % VLT_UNICODE_BLOCK];
}

#endif

/* byte_alphabet.h: how tokenizer files write bytes: one printable character for each.
 *
 * 0x21..0x7E, 0xA1..0xAC and 0xAE..0xFF stand for themselves as code points, the other 68 bytes in
 * ascending order for U+0100 and following. Source: harness/model/README.md#byte-alphabet.
 */
#ifndef VLT_HARNESS_BYTE_ALPHABET_H
#define VLT_HARNESS_BYTE_ALPHABET_H

#include <stdint.h>

/* The code point that stands for a byte. */
int vlt_byte_alphabet_code_point(uint8_t byte);

/* Id of the single byte's token: the rank of its code point, 0 to 255. */
int vlt_byte_alphabet_id(uint8_t byte);

#endif

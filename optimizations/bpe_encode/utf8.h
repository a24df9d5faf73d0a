/* utf8.h: code points in and out of bytes. */
#ifndef VLT_UTF8_H
#define VLT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VLT_UTF8_REPLACEMENT = 0xFFFD };

/* Bytes of a sequence by its first byte; 0 where none may begin. */
static inline size_t vlt_utf8_expected(uint8_t first)
{
    return first < 0x80   ? 1
           : first < 0xC2 ? 0
           : first < 0xE0 ? 2
           : first < 0xF0 ? 3
           : first < 0xF5 ? 4
                          : 0;
}

/* How many of the n >= 1 bytes at p begin one sequence without a contradiction so far: the whole
 * sequence when *complete, else the maximal invalid (or unfinished) subpart, at least 1. */
static inline size_t vlt_utf8_span(const uint8_t *p, size_t n, bool *complete)
{
    size_t expected = vlt_utf8_expected(p[0]);
    *complete = expected == 1;
    if (expected < 2) {
        return 1;
    }
    /* The second byte's range keeps out overlong forms, surrogates and codes above U+10FFFF. */
    uint8_t low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    size_t length = 1;
    while (length < expected && length < n && p[length] >= low && p[length] <= high) {
        length++;
        low = 0x80;
        high = 0xBF;
    }
    *complete = length == expected;
    return length;
}

/* The code point of a complete sequence of `length` bytes. */
static inline uint32_t vlt_utf8_code(const uint8_t *p, size_t length)
{
    switch (length) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3Fu);
    case 3:
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3Fu);
    default:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
               (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3Fu);
    }
}

/* Next code point of any bytes, *p < end; a maximal invalid subpart reads as U+FFFD. */
static inline uint32_t vlt_utf8_next(const uint8_t **p, const uint8_t *end)
{
    bool complete;
    const uint8_t *at = *p;
    size_t length = vlt_utf8_span(at, (size_t)(end - at), &complete);
    *p = at + length;
    return complete ? vlt_utf8_code(at, length) : VLT_UTF8_REPLACEMENT;
}

/* Next code point of bytes known to be valid. */
static inline uint32_t vlt_utf8_next_valid(const uint8_t **p)
{
    const uint8_t *at = *p;
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    *p = at + length;
    return vlt_utf8_code(at, length);
}

/* Writes 1 to 4 bytes; gives how many. */
static inline size_t vlt_utf8_put(uint8_t *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xC0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code & 0x3F));
    return 4;
}

#endif

#include "optimizations/bpe_encode/cuts.h"

#include "optimizations/core/compiler.h"

static bool continues(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

static int sequence_bytes(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

static uint32_t number_of(const uint8_t *bytes, int count)
{
    uint32_t number = 0;
    for (int i = 0; i < count; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static void note_place(vlt_cuts *cuts, const uint8_t *bytes, size_t length, size_t at)
{
    int left = 1, right = sequence_bytes(bytes[at]);
    while (left < VLT_CUTS_PARTS && (size_t)left < at && continues(bytes[at - (size_t)left])) {
        left++;
    }
    const uint8_t *first = bytes + at - left;
    int left_part = continues(*first) ? left : VLT_CUTS_WHOLE, right_part = VLT_CUTS_WHOLE;
    if (left_part == VLT_CUTS_PARTS) {
        return; /* four bytes that continue something are no valid text */
    }
    if ((size_t)right > length - at) {
        right = right_part = (int)(length - at);
    }
    const uint64_t hash = vlt_cuts_hash(number_of(first, left), number_of(bytes + at, right));
    cuts->pair[vlt_cuts_word(hash)] |= vlt_cuts_bits(hash);
    if (left_part != VLT_CUTS_WHOLE || right_part != VLT_CUTS_WHOLE) {
        cuts->parts[bytes[at - 1] << 5 | bytes[at] >> 3] |= (uint8_t)(1u << (bytes[at] & 7));
    }
    cuts->shapes |= (uint16_t)(1u << (left_part * VLT_CUTS_PARTS + right_part));
}

void vlt_cuts_note(vlt_cuts *cuts, const uint8_t *bytes, size_t length)
{
    for (size_t at = 1; at < length; at++) {
        if (!continues(bytes[at]) && (bytes[at] >= 0x80 || bytes[at - 1] >= 0x80)) {
            note_place(cuts, bytes, length, at);
        }
    }
}

/* Of the parts of a character, counted from the place, or all of it. */
static uint32_t left_part_of(uint32_t left, int part)
{
    return part == VLT_CUTS_WHOLE ? left : left & ((UINT32_C(1) << 8 * part) - 1);
}

static uint32_t right_part_of(uint32_t right, int bytes, int part)
{
    return part == VLT_CUTS_WHOLE ? right : right >> 8 * (bytes - part);
}

static VLT_NOINLINE bool is_noted_in_parts(const vlt_cuts *cuts, uint32_t left, int left_bytes,
                                           uint32_t right, int right_bytes)
{
    for (uint32_t shapes = cuts->shapes; shapes; shapes &= shapes - 1) {
        const int shape = VLT_LOW_ZEROS(shapes);
        const int left_part = shape / VLT_CUTS_PARTS, right_part = shape % VLT_CUTS_PARTS;
        if (left_part < left_bytes && right_part < right_bytes &&
            vlt_cuts_noted(cuts, vlt_cuts_hash(left_part_of(left, left_part),
                                               right_part_of(right, right_bytes, right_part)))) {
            return true;
        }
    }
    return false;
}

/* Is there a cut between two characters, given as their bytes as numbers? */
static inline bool is_cut(const vlt_cuts *cuts, uint32_t left, int left_bytes, uint32_t right,
                          int right_bytes, uint8_t right_first)
{
    const uint32_t beside = (left & 0xFF) << 5 | right_first >> 3;
    if (vlt_cuts_noted(cuts, vlt_cuts_hash(left, right))) {
        return false;
    }
    return VLT_LIKELY(!(cuts->parts[beside] >> (right_first & 7) & 1)) ||
           !is_noted_in_parts(cuts, left, left_bytes, right, right_bytes);
}

void vlt_cuts_expect(const vlt_cuts *cuts)
{
    enum { LINE_WORDS = 64 / sizeof *cuts->pair };
    for (size_t at = 0; at < sizeof cuts->pair / sizeof *cuts->pair; at += LINE_WORDS) {
        VLT_PREFETCH(&cuts->pair[at]);
    }
}

size_t vlt_cuts_next(const vlt_cuts *cuts, const uint8_t *text, size_t bytes)
{
    int left_bytes = sequence_bytes(text[0]);
    uint32_t left = number_of(text, left_bytes);
    for (size_t at = (size_t)left_bytes; at < bytes;) {
        const int right_bytes = sequence_bytes(text[at]);
        const uint32_t right = number_of(text + at, right_bytes);
        if ((left | right) >= 0x80 &&
            is_cut(cuts, left, left_bytes, right, right_bytes, text[at])) {
            return at;
        }
        left = right;
        left_bytes = right_bytes;
        at += (size_t)right_bytes;
    }
    return bytes;
}

/* No branch depends on what is a cut, so that one place does not wait for the memory of another. */
size_t vlt_cuts_all(const vlt_cuts *cuts, const uint8_t *text, size_t bytes, uint8_t *cut)
{
    int left_bytes = sequence_bytes(text[0]);
    uint32_t left = number_of(text, left_bytes);
    size_t count = 0;
    for (size_t at = (size_t)left_bytes; at < bytes;) {
        const uint8_t *p = text + at;
        const int right_bytes = sequence_bytes(*p);
        const uint32_t right = VLT_LIKELY(right_bytes == 3)
                                   ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]
                                   : number_of(p, right_bytes);
        const uint32_t beside = (left & 0xFF) << 5 | *p >> 3;
        unsigned apart = ((left | right) >= 0x80) &
                         !vlt_cuts_noted(cuts, vlt_cuts_hash(left, right));
        if (VLT_UNLIKELY(apart & cuts->parts[beside] >> (*p & 7))) {
            apart = !is_noted_in_parts(cuts, left, left_bytes, right, right_bytes);
        }
        cut[count] = (uint8_t)at;
        count += apart;
        left = right;
        left_bytes = right_bytes;
        at += (size_t)right_bytes;
    }
    return count;
}

bool vlt_cuts_between(const vlt_cuts *cuts, const uint8_t *left, int left_bytes,
                      const uint8_t *right, int right_bytes)
{
    return is_cut(cuts, number_of(left, left_bytes), left_bytes, number_of(right, right_bytes),
                  right_bytes, *right);
}

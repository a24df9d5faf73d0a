/* cuts.h: places inside a word where no token of the vocabulary can reach across, so that what
 * lies before and behind may be encoded apart from each other.
 *
 * Merging makes nothing but tokens. A place between two characters, one of which at least is not
 * ASCII, is crossed by a token that has both of them, or that begins inside the first one or ends
 * inside the second one (vocabularies of bytes have a few of those). All such pairs are noted when
 * the vocabulary is made; a place whose pair was never noted is a cut. Two bits of one word
 * stand for a pair, so that a cut may be missed now and then, and never be made up.
 */
#ifndef VLT_CUTS_H
#define VLT_CUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VLT_CUTS_BITS = 22, VLT_CUTS_WHOLE = 0, VLT_CUTS_PARTS = 4, VLT_CUTS_ALL_BYTES = 255 };

typedef struct vlt_cuts {
    uint64_t pair[1 << (VLT_CUTS_BITS - 6)];
    /* Which shapes of pairs there are: bit (left * VLT_CUTS_PARTS + right), each the number of
     * bytes where a part of the character is meant, or VLT_CUTS_WHOLE. */
    uint16_t shapes;
    /* Bytes next to a place, left << 8 | right, where there is a pair with a part. */
    uint8_t parts[1 << 13];
} vlt_cuts;

/* A character, or a part of it, as the number that its bytes are. */
static inline uint64_t vlt_cuts_hash(uint32_t left, uint32_t right)
{
    return ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u;
}

/* The word of a pair's bits, and these. */
static inline uint64_t vlt_cuts_word(uint64_t hash)
{
    return hash >> (64 - VLT_CUTS_BITS + 6);
}

static inline uint64_t vlt_cuts_bits(uint64_t hash)
{
    return UINT64_C(1) << (hash >> 40 & 63) | UINT64_C(1) << (hash >> 34 & 63);
}

static inline bool vlt_cuts_noted(const vlt_cuts *cuts, uint64_t hash)
{
    return !(vlt_cuts_bits(hash) & ~cuts->pair[vlt_cuts_word(hash)]);
}

/* Notes the places of a token, which need be no valid text. */
void vlt_cuts_note(vlt_cuts *cuts, const uint8_t *bytes, size_t length);

/* All of it is on the way to this core's caches: half a megabyte one line behind the other, which
 * takes a fraction of waiting for each of them. */
void vlt_cuts_expect(const vlt_cuts *cuts);

/* The first cut of text[bytes] behind its first character, or `bytes`. The text is valid. */
size_t vlt_cuts_next(const vlt_cuts *cuts, const uint8_t *text, size_t bytes);

/* All cuts of text[bytes], at most VLT_CUTS_ALL_BYTES of it: cut[bytes], where they are. Gives how
 * many. The text is valid. */
size_t vlt_cuts_all(const vlt_cuts *cuts, const uint8_t *text, size_t bytes, uint8_t *cut);

/* Is there a cut between the characters left[left_bytes] and right[right_bytes], one of which at
 * least is not ASCII? Both are valid. */
bool vlt_cuts_between(const vlt_cuts *cuts, const uint8_t *left, int left_bytes,
                      const uint8_t *right, int right_bytes);

#endif

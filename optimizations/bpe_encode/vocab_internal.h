/* vocab_internal.h: the tables of a vocabulary, for the encoders of this folder. */
#ifndef VLT_VOCAB_INTERNAL_H
#define VLT_VOCAB_INTERNAL_H

#include <string.h>

#include "optimizations/bpe_encode/vocab.h"

/* Open addressing over powers of two, half empty at least; an empty slot has rank -1. */
typedef struct vlt_pair_slot {
    int32_t left, right;
    int32_t rank;
    int32_t result;
} vlt_pair_slot;

/* A token of at most VLT_WORD_BYTES bytes as two words, the length in the last byte; an empty place
 * has high 0 (no token is empty). */
enum { VLT_WORD_BYTES = 15 };
typedef struct vlt_word_key {
    uint64_t low, high;
} vlt_word_key;

/* Words that belong together by their hash, one cache line: asking for one costs one line. */
enum { VLT_WORDS_BUCKET = 3 };
typedef struct vlt_word_bucket {
    vlt_word_key key[VLT_WORDS_BUCKET];
    int32_t id[VLT_WORDS_BUCKET];
    uint32_t spills; /* words that belong here lie in the buckets behind it */
} vlt_word_bucket;

/* What two bytes become. */
typedef struct vlt_byte_pair {
    int32_t rank_behind; /* the rank + 1; 0: they do not merge */
    int32_t result;
} vlt_byte_pair;

enum { VLT_CHARACTERS = 1 << 16, VLT_BYTE_PAIRS = 1 << 16 };

struct vlt_vocab {
    int32_t size;         /* highest id + 1 */
    uint8_t *bytes;       /* of all tokens, one behind the other */
    uint32_t *first;      /* [size + 1] into bytes */
    uint8_t *flag;        /* [size] VLT_TOKEN_* */
    int32_t byte_id[256]; /* the token of a single byte */

    vlt_pair_slot *pair; /* [pair_mask + 1] */
    uint32_t pair_mask;
    vlt_byte_pair *byte_pair; /* [VLT_BYTE_PAIRS] by the first byte << 8 | the second: every merge
                                 begins with these, and those of one script lie together */
    /* Whole words: tokens that encoding makes of their own bytes, and only those. */
    vlt_word_bucket *word; /* [word_mask + 1] */
    uint32_t word_mask;
    int32_t *character; /* [VLT_CHARACTERS] id + 1 of the whole words that are one character of
                           three bytes, by its number; 0: it is none */
    int32_t *long_word; /* [long_mask + 1] ids of longer ones by hash of their bytes, or -1 */
    uint32_t long_mask;
    uint32_t longest_word;
    struct vlt_cuts *cuts; /* cuts.h */

    int32_t *added; /* [added_count] ids, sorted by text */
    int32_t added_count;
    uint8_t added_start[256];    /* may an added token begin with this byte? */
    uint8_t added_pair[1 << 13]; /* bit (first byte << 8 | second): may one begin so? */
    int lone_start;              /* the only byte that one may begin with, or -1 */
};

enum { VLT_TOKEN_PRESENT = 1, VLT_TOKEN_ADDED = 2, VLT_TOKEN_SPECIAL = 4 };

static inline uint32_t vlt_pair_hash(int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key *= 0x9E3779B97F4A7C15u;
    return (uint32_t)(key >> 32) ^ (uint32_t)(key >> 20);
}

/* The merge of two tokens, or NULL. */
static inline const vlt_pair_slot *vlt_pair_find(const vlt_vocab *vocab, int32_t left,
                                                 int32_t right)
{
    uint32_t i = vlt_pair_hash(left, right) & vocab->pair_mask;
    for (;; i = (i + 1) & vocab->pair_mask) {
        const vlt_pair_slot *slot = &vocab->pair[i];
        if (slot->left == left && slot->right == right) {
            return slot->rank >= 0 ? slot : NULL;
        }
        if (slot->rank < 0) {
            return NULL;
        }
    }
}

/* Which bits of 16 bytes belong to a word, by its length; none where it is too long for a key. */
extern const vlt_word_key vlt_word_mask[VLT_WORD_BYTES + 2];

/* Key of 1 to VLT_WORD_BYTES bytes, or, with one byte more, a key that no word has; `readable` says
 * that 16 bytes may be read at p. */
static inline vlt_word_key vlt_word_key_of(const uint8_t *p, size_t length, bool readable)
{
    vlt_word_key key = {0, 0};
    if (readable) {
        memcpy(&key, p, 16);
        key.low &= vlt_word_mask[length].low;
        key.high &= vlt_word_mask[length].high;
    } else if (length <= VLT_WORD_BYTES) {
        memcpy(&key, p, length);
    }
    key.high |= (uint64_t)length << 56;
    return key;
}

static inline uint32_t vlt_word_hash(vlt_word_key key)
{
    uint64_t h = (key.low ^ key.high * 0xFF51AFD7ED558CCDu) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32) ^ (uint32_t)(h >> 17);
}

/* Of more than VLT_WORD_BYTES bytes. */
static inline uint32_t vlt_long_hash(const uint8_t *p, size_t length)
{
    uint64_t h = length, eight;
    for (size_t at = 0; at + 8 < length; at += 8) {
        memcpy(&eight, p + at, 8);
        h = (h ^ eight) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    memcpy(&eight, p + length - 8, 8);
    h = (h ^ eight) * 0xBF58476D1CE4E5B9u;
    return (uint32_t)(h >> 32) ^ (uint32_t)(h >> 17);
}

static inline const vlt_word_bucket *vlt_word_bucket_of(const vlt_vocab *vocab, vlt_word_key key)
{
    return &vocab->word[vlt_word_hash(key) & vocab->word_mask];
}

static inline int32_t vlt_word_find(const vlt_vocab *vocab, vlt_word_key key)
{
    uint32_t i = vlt_word_hash(key) & vocab->word_mask;
    for (;; i = (i + 1) & vocab->word_mask) {
        const vlt_word_bucket *bucket = &vocab->word[i];
        for (int k = 0; k < VLT_WORDS_BUCKET; k++) {
            if (bucket->key[k].low == key.low && bucket->key[k].high == key.high) {
                return bucket->id[k];
            }
        }
        if (!bucket->spills) {
            return -1;
        }
    }
}

static inline int32_t *vlt_character_place(const vlt_vocab *vocab, const uint8_t *p)
{
    return &vocab->character[(p[0] & 0xF) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F)];
}

/* Of the character of three bytes at p; negative: it is no whole word. */
static inline int32_t vlt_character_find(const vlt_vocab *vocab, const uint8_t *p)
{
    return *vlt_character_place(vocab, p) - 1;
}

/* The whole-word token of any length, or -1. */
int32_t vlt_vocab_find_word(const vlt_vocab *vocab, const uint8_t *bytes, size_t length);

/* Two bytes at p rule most places out. */
static inline bool vlt_vocab_may_start(const vlt_vocab *vocab, const uint8_t *p)
{
    return vocab->added_pair[p[0] << 5 | p[1] >> 3] >> (p[1] & 7) & 1;
}

/* For vlt_vocab_create: the tables of whole words, when those of merges are filled. */
vlt_status vlt_vocab_fill_words(vlt_vocab *vocab, const vlt_vocab_source *source, vlt_error *err);
void vlt_vocab_release_words(vlt_vocab *vocab); /* as far as they are there */

/* The smallest power of two that leaves half of the slots free, as a mask. */
uint32_t vlt_vocab_mask_for(size_t entries);

/* The longest added token at p, its length, or 0 when there is none. */
size_t vlt_vocab_match_added(const vlt_vocab *vocab, const uint8_t *p, size_t bytes, int32_t *id);

#endif

/* bpe_rare_internal.h: the words that the scanner has not met before, or that are long; compiled
 * once for each ISA.
 */
#ifndef VLT_BPE_RARE_INTERNAL_H
#define VLT_BPE_RARE_INTERNAL_H

#include "optimizations/bpe_encode/bpe_scanner.h"
#include "optimizations/bpe_encode/cuts.h"
#include "optimizations/core/compiler.h"

/* The first byte of what begins with U+3000 or more. */
enum { LARGE_SCRIPTS = 0xE3 };

/* `shared` in what follows says that encoders share words, a constant where it is compiled. */

/* Beyond the line that a word was looked for in. */
VLT_ALWAYS_INLINE size_t rare_remember(vlt_scanner *s, bool shared, const uint8_t *word,
                                       size_t bytes, vlt_word_key key, uint32_t hash,
                                       const int32_t *ids, size_t count)
{
    if (bytes <= VLT_WORD_BYTES && count <= VLT_WORDS_IDS) {
        if (!shared || !vlt_words_share_learn(&s->share, key, hash, ids, count)) {
            vlt_words_learn(&s->own, key, hash, ids, count);
        }
    } else if (!shared || !vlt_words_share_learn_long(&s->share, word, bytes, hash, ids, count)) {
        vlt_words_learn_long(&s->own, word, bytes, hash, ids, count);
    }
    return count;
}

static inline size_t rare_copy(const vlt_words_entry *entry, int32_t *ids)
{
    const size_t count = vlt_words_count(entry);
    for (size_t i = 0; i < count; i++) {
        ids[i] = entry->ids[i];
    }
    return count;
}

/* A short word that is in no line which was looked at first: what the encoder has of its own
 * where that is full. 0: not there. */
VLT_ALWAYS_INLINE size_t rare_find_own(const vlt_scanner *s, bool shared, vlt_word_key key,
                                       uint32_t hash, int32_t *ids)
{
    if (!shared || !vlt_words_full(vlt_words_line(s->words, hash))) {
        return 0;
    }
    const vlt_words_entry *entry = vlt_words_find(vlt_words_line(&s->own, hash), key);
    return entry ? rare_copy(entry, ids) : 0;
}

/* May a longer word be among the encoder's own, because it found no place in what is shared? */
static inline bool rare_has_own_long(const vlt_scanner *s, uint32_t hash)
{
    return s->share.room_spent || vlt_words_full_long(vlt_words_slots(s->words, hash));
}

/* A word with a place in a room, or 0. */
VLT_ALWAYS_INLINE size_t rare_find_long(const vlt_scanner *s, bool shared, const uint8_t *word,
                                        size_t bytes, uint32_t hash, int32_t *ids)
{
    const size_t count = vlt_words_find_long(s->words, word, bytes, hash, ids);
    return count || !shared || !rare_has_own_long(s, hash)
               ? count
               : vlt_words_find_long(&s->own, word, bytes, hash, ids);
}

/* A word, or a piece of one, of any length, that has no cuts worth looking for. */
VLT_ALWAYS_INLINE size_t rare_piece(vlt_scanner *s, bool shared, const uint8_t *piece, size_t bytes,
                                    bool readable, int32_t *ids)
{
    if (bytes > VLT_WORD_BYTES) {
        ids[0] = vlt_vocab_find_word(s->vocab, piece, bytes);
        return ids[0] >= 0
                   ? 1
                   : vlt_bpe_word(s->vocab, &s->scratch.queue, s->scan_most, piece, bytes, ids);
    }
    const vlt_word_key key = vlt_word_key_of(piece, bytes, readable);
    const uint32_t hash = vlt_words_hash(key);
    const vlt_words_entry *entry = vlt_words_find_in(vlt_words_line(s->words, hash), key, shared);
    size_t count = entry ? rare_copy(entry, ids) : rare_find_own(s, shared, key, hash, ids);
    if (count) {
        return count;
    }
    const int32_t id = vlt_word_find(s->vocab, key);
    count = 1;
    if (id >= 0) {
        ids[0] = id;
    } else {
        count = vlt_bpe_word(s->vocab, &s->scratch.queue, s->scan_most, piece, bytes, ids);
    }
    return rare_remember(s, shared, piece, bytes, key, hash, ids, count);
}

static inline bool rare_is_ascii(const uint8_t *p, size_t bytes)
{
    uint8_t all = 0;
    for (size_t i = 0; i < bytes; i++) {
        all |= p[i];
    }
    return all < 0x80;
}

/* A piece between two cuts. Most are one character and that a token. */
VLT_ALWAYS_INLINE size_t rare_cut_piece(vlt_scanner *s, bool shared, const uint8_t *piece,
                                        size_t bytes, const uint8_t *end, int32_t *ids)
{
    const int32_t id = bytes == 3 && *piece >= 0xE0 ? vlt_character_find(s->vocab, piece) : -1;
    if (VLT_LIKELY(id >= 0)) {
        *ids = id;
        return 1;
    }
    return rare_piece(s, shared, piece, bytes, end - piece >= 16, ids);
}

/* A word with `cuts` > 0 places where no token reaches across. */
VLT_ALWAYS_INLINE size_t rare_pieces(vlt_scanner *s, bool shared, const uint8_t *word, size_t bytes,
                                     const uint8_t *cut, size_t cuts, const uint8_t *end,
                                     int32_t *ids)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i <= cuts; i++) {
        const size_t next = i < cuts ? cut[i] : bytes;
        count += rare_cut_piece(s, shared, word + at, next - at, end, ids + count);
        at = next;
    }
    return count;
}

/* The same of any length, of which `next` is the first such place. */
VLT_ALWAYS_INLINE size_t rare_many_pieces(vlt_scanner *s, bool shared, const uint8_t *word,
                                          size_t bytes, size_t next, const uint8_t *end,
                                          int32_t *ids)
{
    size_t count = 0;
    for (size_t at = 0;; next = at + vlt_cuts_next(s->vocab->cuts, word + at, bytes - at)) {
        count += rare_cut_piece(s, shared, word + at, next - at, end, ids + count);
        at = next;
        if (at == bytes) {
            return count;
        }
    }
}

/* A word that was never met. No token is one that has a cut inside. */
VLT_ALWAYS_INLINE size_t rare_new(vlt_scanner *s, bool shared, const uint8_t *word, size_t bytes,
                                  vlt_word_key key, const uint8_t *end, int32_t *ids)
{
    s->new_words++;
    if (!rare_is_ascii(word, bytes)) {
        if (*word >= LARGE_SCRIPTS && !s->has_cuts) {
            vlt_scanner_meet_large(s, word, bytes, end);
        }
        uint8_t cut[VLT_CUTS_ALL_BYTES];
        const bool many = bytes > VLT_CUTS_ALL_BYTES;
        const size_t cuts = many ? 0 : vlt_cuts_all(s->vocab->cuts, word, bytes, cut);
        const size_t next = many ? vlt_cuts_next(s->vocab->cuts, word, bytes) : bytes;
        if (cuts) {
            return rare_pieces(s, shared, word, bytes, cut, cuts, end, ids);
        }
        if (next < bytes) {
            return rare_many_pieces(s, shared, word, bytes, next, end, ids);
        }
    }
    ids[0] = bytes <= VLT_WORD_BYTES ? vlt_word_find(s->vocab, key)
                                     : vlt_vocab_find_word(s->vocab, word, bytes);
    return ids[0] >= 0 ? 1
                       : vlt_bpe_word(s->vocab, &s->scratch.queue, s->scan_most, word, bytes, ids);
}

/* A word that is not in its line of s->words; `end`: of what may be read. Gives how many
 * ids. */
VLT_ALWAYS_INLINE size_t rare_any(vlt_scanner *s, bool shared, const uint8_t *word, size_t bytes,
                                  const uint8_t *end, int32_t *ids)
{
    const bool is_short = bytes <= VLT_WORD_BYTES;
    vlt_word_key key = {0, 0};
    uint32_t hash = 0;
    size_t count = 0;
    if (is_short) {
        key = vlt_word_key_of(word, bytes, end - word >= 16);
        hash = vlt_words_hash(key);
        count = rare_find_own(s, shared, key, hash, ids);
    } else if (bytes <= VLT_WORDS_LONG_BYTES) {
        hash = vlt_long_hash(word, bytes);
    }
    if (!count && bytes <= VLT_WORDS_LONG_BYTES) {
        count = rare_find_long(s, shared, word, bytes, hash, ids);
    }
    if (count) {
        return count;
    }
    count = rare_new(s, shared, word, bytes, key, end, ids);
    return rare_remember(s, shared, word, bytes, key, hash, ids, count);
}

static VLT_NOINLINE size_t rare_word(vlt_scanner *s, const uint8_t *word, size_t bytes,
                                     const uint8_t *end, int32_t *ids)
{
    return rare_any(s, false, word, bytes, end, ids);
}

/* The same where encoders share words. */
static VLT_NOINLINE size_t rare_word_shared(vlt_scanner *s, const uint8_t *word, size_t bytes,
                                            const uint8_t *end, int32_t *ids)
{
    return rare_any(s, true, word, bytes, end, ids);
}

#endif

#include "optimizations/bpe_encode/seams.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/bpe_encode/cuts.h"
#include "optimizations/bpe_encode/utf8.h"
#include "optimizations/bpe_encode/vocab_internal.h"

/* What tokens hold around each place inside them, as bits of two hashes: merged tokens and added
 * ones apart, because only the latter reach across words. They are few, and most places of most
 * texts ask for them alone: their table should stay in the first cache. That of the merged ones
 * takes longer to make than a megabyte to encode: it is made when a text has a long stretch with
 * no other seam. */
enum { REACH = 4, BITS_LEAST = 10, BITS_MOST = 24, BITS_EACH = 16, STRETCH_BYTES = 4096 };

struct contexts {
    uint64_t *word; /* [1 << (bits - 6)] */
    int bits;
};

struct late {
    struct contexts table;
    pthread_mutex_t lock;
    atomic_bool made; /* or there was no memory: then table.word is NULL */
};

struct vlt_seams {
    const vlt_vocab *vocab;
    struct contexts added;
    struct late *merged; /* changes once */
};

/* Of `left` bytes before and `right` bytes behind `at`, at most REACH each. */
static uint64_t context_hash(const uint8_t *at, size_t left, size_t right)
{
    uint64_t bytes = 0;
    memcpy(&bytes, at - left, left + right);
    bytes ^= (uint64_t)(left * REACH + right) * 0xC2B2AE3D27D4EB4Fu;
    bytes *= 0x9E3779B97F4A7C15u;
    return (bytes ^ bytes >> 29) * 0xBF58476D1CE4E5B9u;
}

static void note(struct contexts *table, uint64_t hash)
{
    const uint64_t a = hash >> (64 - table->bits), b = hash & ((UINT64_C(1) << table->bits) - 1);
    table->word[a >> 6] |= UINT64_C(1) << (a & 63);
    table->word[b >> 6] |= UINT64_C(1) << (b & 63);
}

static bool noted(const struct contexts *table, uint64_t hash)
{
    const uint64_t a = hash >> (64 - table->bits), b = hash & ((UINT64_C(1) << table->bits) - 1);
    return table->word[a >> 6] >> (a & 63) & table->word[b >> 6] >> (b & 63) & 1;
}

static size_t within(size_t bytes)
{
    return bytes < REACH ? bytes : REACH;
}

static void note_token(struct contexts *table, vlt_token_text token)
{
    for (size_t at = 1; at < token.length; at++) {
        note(table, context_hash(token.bytes + at, within(at), within(token.length - at)));
    }
}

/* A token that reaches across begins 1, 2, 3 or at least 4 bytes before the place, and ends so. */
static bool may_reach_across(const struct contexts *table, const uint8_t *text, size_t bytes,
                             size_t at)
{
    for (size_t left = 1; left <= within(at); left++) {
        for (size_t right = 1; right <= within(bytes - at); right++) {
            if (noted(table, context_hash(text + at, left, right))) {
                return true;
            }
        }
    }
    return false;
}

/* Room for the places in `bytes` bytes of tokens; false: no memory. */
static bool make_table(struct contexts *table, size_t bytes)
{
    table->bits = BITS_LEAST;
    while (table->bits < BITS_MOST && (size_t)1 << table->bits < BITS_EACH * bytes) {
        table->bits++;
    }
    table->word = calloc((size_t)1 << (table->bits - 6), sizeof *table->word);
    return table->word != NULL;
}

vlt_status vlt_seams_create(const vlt_vocab *vocab, vlt_seams **out, vlt_error *err)
{
    vlt_seams *seams = *out = calloc(1, sizeof *seams);
    size_t bytes = 0;
    for (int32_t i = 0; i < vocab->added_count; i++) {
        bytes += vlt_vocab_token(vocab, vocab->added[i]).length;
    }
    if (seams) {
        seams->merged = calloc(1, sizeof *seams->merged);
    }
    if (!seams || !seams->merged || !make_table(&seams->added, bytes)) {
        if (seams) {
            free(seams->merged);
        }
        free(seams);
        *out = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for the seams of a vocabulary");
    }
    seams->vocab = vocab;
    pthread_mutex_init(&seams->merged->lock, NULL);
    for (int32_t i = 0; i < vocab->added_count; i++) {
        note_token(&seams->added, vlt_vocab_token(vocab, vocab->added[i]));
    }
    return VLT_OK;
}

void vlt_seams_destroy(vlt_seams *seams)
{
    if (seams) {
        pthread_mutex_destroy(&seams->merged->lock);
        free(seams->merged->table.word);
        free(seams->merged);
        free(seams->added.word);
        free(seams);
    }
}

static void make_merged(const vlt_vocab *vocab, struct contexts *table)
{
    size_t bytes = 0;
    for (int32_t id = 0; id < vocab->size; id++) {
        bytes += vlt_vocab_is_added(vocab, id) ? 0 : vlt_vocab_token(vocab, id).length;
    }
    const bool made = make_table(table, bytes);
    for (int32_t id = 0; id < vocab->size && made; id++) {
        if (!vlt_vocab_is_added(vocab, id)) {
            note_token(table, vlt_vocab_token(vocab, id));
        }
    }
}

/* May a merged token reach across a place between ASCII letters? Without a table any may. */
static bool may_merge_across(const vlt_seams *seams, const uint8_t *text, size_t bytes, size_t at)
{
    struct late *late = seams->merged;
    if (!atomic_load_explicit(&late->made, memory_order_acquire)) {
        pthread_mutex_lock(&late->lock);
        if (!late->made) {
            make_merged(seams->vocab, &late->table);
            atomic_store_explicit(&late->made, true, memory_order_release);
        }
        pthread_mutex_unlock(&late->lock);
    }
    return !late->table.word || may_reach_across(&late->table, text, bytes, at);
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

/* Bytes of the letter at p[bytes], of a script whose letters stand alone; 0: none begins here. */
static size_t letter_at(const uint8_t *p, size_t bytes)
{
    bool complete;
    if (p[0] < 0x80) {
        return is_letter(p[0]);
    }
    size_t span = vlt_utf8_span(p, bytes, &complete);
    if (!complete || span < 2 || span > 3) {
        return 0;
    }
    uint32_t code = span == 2 ? (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F)
                              : (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 |
                                    (p[2] & 0x3F);
    bool alone = (code >= 0x410 && code <= 0x44F) || (code >= 0x3041 && code <= 0x3096) ||
                 (code >= 0x30A1 && code <= 0x30FA) || (code >= 0x3400 && code <= 0x4DB5) ||
                 (code >= 0x4E00 && code <= 0x9FA5) || (code >= 0xAC00 && code <= 0xD7A3);
    return alone ? span : 0;
}

/* Bytes of the letter that text[at) ends with; 0: it ends with none. */
static size_t letter_before(const uint8_t *text, size_t at)
{
    size_t length = 1;
    while (length < 3 && length < at && (text[at - length] & 0xC0) == 0x80) {
        length++;
    }
    return length <= at && letter_at(text + at - length, length) == length ? length : 0;
}

/* Does text[at) end with `count` letters? */
static bool letters_before(const uint8_t *text, size_t at, int count)
{
    for (size_t length = 1; count && length; count--) {
        length = letter_before(text, at);
        at -= length;
        if (!length) {
            return false;
        }
    }
    return true;
}

/* Is the place between two words, whatever else the text says? */
static bool between_words(const uint8_t *text, size_t bytes, size_t at)
{
    const uint8_t left = text[at - 1], right = text[at];
    const bool digit = is_digit(right), letter = is_letter(right);
    if (left == '\n') {
        return digit || letter;
    }
    if (is_digit(left)) {
        return digit || letter || (right == ' ' && at + 1 < bytes && is_letter(text[at + 1]));
    }
    return is_letter(left) &&
           (digit || (right == ' ' && at + 1 < bytes && is_letter(text[at + 1])));
}

/* Is there a seam inside a word? Only where `all`, also one between ASCII letters. */
static bool within_word(const vlt_seams *seams, const uint8_t *p, size_t bytes, size_t at, bool all)
{
    enum { CONTRACTION = 3 }; /* letters behind which none of 's, 're ... can be at work */
    const size_t right = letter_at(p + at, bytes - at);
    const bool ascii = (p[at - 1] | p[at]) < 0x80;
    if (!right || (ascii && !all) || !letters_before(p, at, CONTRACTION) ||
        may_reach_across(&seams->added, p, bytes, at)) {
        return false;
    }
    if (ascii) {
        return !may_merge_across(seams, p, bytes, at);
    }
    const size_t left = letter_before(p, at);
    return vlt_cuts_between(seams->vocab->cuts, p + at - left, (int)left, p + at, (int)right);
}

static bool is_seam(const vlt_seams *seams, const uint8_t *p, size_t bytes, size_t at, bool all)
{
    if (at == 0 || at >= bytes) {
        return false;
    }
    return between_words(p, bytes, at) ? !may_reach_across(&seams->added, p, bytes, at)
                                       : within_word(seams, p, bytes, at, all);
}

bool vlt_seams_at(const vlt_seams *seams, const char *text, size_t bytes, size_t at)
{
    return is_seam(seams, (const uint8_t *)text, bytes, at, true);
}

static size_t next_seam(const vlt_seams *seams, const char *text, size_t bytes, size_t from,
                        size_t end, bool all)
{
    while (from < end && !is_seam(seams, (const uint8_t *)text, bytes, from, all)) {
        from++;
    }
    return from;
}

size_t vlt_seams_next(const vlt_seams *seams, const char *text, size_t bytes, size_t from)
{
    if (from >= bytes) {
        return bytes;
    }
    const size_t end = bytes - from > STRETCH_BYTES ? from + STRETCH_BYTES : bytes;
    const size_t found = next_seam(seams, text, bytes, from, end, false);
    return found < end || end == bytes ? found : next_seam(seams, text, bytes, from, bytes, true);
}

/* bpe_scanner_internal.h: the scanner's way through a text, compiled once for each ISA.
 *
 *     text -> [first] where words begin -> [key, hash], their lines on the way
 *          -> where many are new, the vocabulary's lines of those on the way -> ids
 *
 * Each arrow is a loop over a batch of words. Its branches all go one way, but for words that are
 * new or long.
 */
#ifndef VLT_BPE_SCANNER_INTERNAL_H
#define VLT_BPE_SCANNER_INTERNAL_H

#include "optimizations/bpe_encode/bpe_rare_internal.h"
#include "optimizations/bpe_encode/bpe_window.h"
#include "optimizations/bpe_encode/nfc_plain.h"

enum { SCANNER_BATCH = 64, SCANNER_MOST = SCANNER_BATCH + 64 };

struct scanner_batch {
    uint32_t first[SCANNER_MOST + VLT_WINDOW_SPARE]; /* [count + 1] places in the text */
    vlt_word_key key[SCANNER_MOST];
    const vlt_words_entry *line[SCANNER_MOST];
    size_t count;
};

/* Where the next words begin, from batch->first[0] on. */
static inline void scanner_cut(struct scanner_batch *batch, const uint8_t *text, size_t bytes)
{
    uint32_t *const first = batch->first, at = first[0];
    size_t n = 0;
    while (n < SCANNER_BATCH && at < bytes) {
        const uint8_t *p = text + at;
        const size_t left = bytes - at;
        const uint64_t starts = left >= VLT_WINDOW_READS && vlt_window_may_know(p)
                                    ? vlt_window_starts(p)
                                    : 0;
        if (VLT_LIKELY(starts)) {
            n += vlt_window_put(first + n + 1, at, starts);
            at += (uint32_t)VLT_LOG2(starts);
            continue;
        }
        const uint8_t *stop = left >= 16 ? vlt_scan_word_fast(p, p + left)
                                         : vlt_scan_word(p, p + left);
        first[++n] = at = (uint32_t)(stop - text);
    }
    batch->count = n;
}

/* The key of a word, or, of a long one, a key that is never met. */
static inline vlt_word_key scanner_key(const uint8_t *p, uint32_t length, bool readable)
{
    const uint32_t most = length <= VLT_WORD_BYTES ? length : VLT_WORD_BYTES + 1;
#if defined(VLT_FAR)
    if (VLT_LIKELY(readable)) {
        vlt_word_key key;
        const __m128i bytes = _mm_maskz_loadu_epi8((__mmask16)_bzhi_u32(0xFFFF, most), p);
        _mm_storeu_si128((__m128i *)&key, _mm_insert_epi8(bytes, (char)most, VLT_WORD_BYTES));
        return key;
    }
#endif
    return vlt_word_key_of(p, most, readable);
}

/* Keys of the words, and their lines on the way. */
static inline void scanner_look(struct scanner_batch *batch, const vlt_words *words,
                                const uint8_t *text, size_t bytes)
{
    const bool readable = bytes - batch->first[batch->count - 1] >= 16;
    for (size_t i = 0; i < batch->count; i++) {
        const uint32_t length = batch->first[i + 1] - batch->first[i];
        const vlt_word_key key = scanner_key(text + batch->first[i], length, readable);
        batch->key[i] = key;
        batch->line[i] = vlt_words_line(words, vlt_words_hash(key));
        VLT_PREFETCH(batch->line[i]);
    }
}

/* What is asked for words that are in none of the lines, on the way. `shared` is a constant. */
VLT_ALWAYS_INLINE void scanner_expect(const vlt_scanner *s, const struct scanner_batch *batch,
                                      const uint8_t *text, bool shared)
{
    uint8_t at[SCANNER_MOST + 1];
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        at[count] = (uint8_t)i;
        count += !vlt_words_find_in(batch->line[i], batch->key[i], shared);
    }
    for (size_t n = 0; n < count; n++) {
        const uint32_t first = batch->first[at[n]], bytes = batch->first[at[n] + 1] - first;
        if (bytes <= VLT_WORD_BYTES) {
            const vlt_word_key key = batch->key[at[n]];
            VLT_PREFETCH(vlt_word_bucket_of(s->vocab, key));
            VLT_PREFETCH(vlt_words_slots(s->words, vlt_words_hash(key)));
        } else if (bytes <= VLT_WORDS_LONG_BYTES) {
            VLT_PREFETCH(vlt_words_slots(s->words, vlt_long_hash(text + first, bytes)));
        }
    }
}

/* Ids of the words; gives where they end. `shared` is a constant. */
VLT_ALWAYS_INLINE int32_t *scanner_write(vlt_scanner *s, const struct scanner_batch *batch,
                                         const uint8_t *text, const uint8_t *end, bool shared,
                                         int32_t *out)
{
    const size_t count = batch->count;
    for (size_t i = 0; i < count; i++) {
        const vlt_words_entry *entry = vlt_words_find_in(batch->line[i], batch->key[i], shared);
        if (VLT_UNLIKELY(!entry)) {
            const uint8_t *word = text + batch->first[i];
            const size_t bytes = batch->first[i + 1] - batch->first[i];
            out += shared ? rare_word_shared(s, word, bytes, end, out)
                          : rare_word(s, word, bytes, end, out);
            continue;
        }
        const size_t made = vlt_words_count(entry);
        if (VLT_LIKELY(count - i > VLT_WORDS_IDS)) {
            memcpy(out, entry->ids, sizeof entry->ids); /* what is too much is written over */
        } else {
            for (size_t k = 0; k < made; k++) {
                out[k] = entry->ids[k];
            }
        }
        out += made;
    }
    return out;
}

/* A batch, looking ahead where the last one was new. `shared` is a constant. */
VLT_ALWAYS_INLINE int32_t *scanner_through(vlt_scanner *s, const struct scanner_batch *batch,
                                           const uint8_t *text, const uint8_t *end, bool shared,
                                           int32_t *out)
{
    enum { MANY = 2 }; /* new words that are worth a look at all */
    const uint32_t before = s->new_words;
    if (s->expects) {
        scanner_expect(s, batch, text, shared);
    }
    out = scanner_write(s, batch, text, end, shared, out);
    s->expects = s->new_words - before >= MANY;
    return out;
}

static size_t scanner_encode(void *state, const uint8_t *text, size_t bytes, int32_t *ids,
                             vlt_error *err)
{
    vlt_scanner *s = state;
    struct scanner_batch batch;
    int32_t *out = ids;
    (void)err;
    batch.first[0] = 0;
    for (; batch.first[0] < bytes; batch.first[0] = batch.first[batch.count]) {
        scanner_cut(&batch, text, bytes);
        scanner_look(&batch, s->words, text, bytes);
        out = s->share.shared ? scanner_through(s, &batch, text, text + bytes, true, out)
                              : scanner_through(s, &batch, text, text + bytes, false, out);
    }
    return (size_t)(out - ids);
}

static size_t scanner_normalise(void *state, const uint8_t *text, size_t bytes,
                                const uint8_t **clean)
{
    vlt_bpe_scratch *scratch = &((vlt_scanner *)state)->scratch;
    ((vlt_scanner *)state)->large_bytes = 0;
    if (vlt_nfc_is_plain(text, bytes)) {
        *clean = text;
        return bytes;
    }
    *clean = scratch->clean;
    return vlt_nfc(text, bytes, scratch->clean, scratch->raw, scratch->work);
}

static vlt_status scanner_run(const vlt_plan *plan, vlt_frame frame, const void *args,
                              vlt_error *err)
{
    (void)frame;
    static const vlt_bpe_steps steps = {scanner_normalise, scanner_encode};
    vlt_scanner *s = plan->state;
    s->has_cuts = false;
    vlt_words_share_begin(&s->share);
    const vlt_status status = vlt_bpe_text(s->vocab, &steps, s, s->text_max, args, err);
    vlt_words_share_end(&s->share);
    return status;
}

#endif

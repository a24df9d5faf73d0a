/* Bottleneck: the regex engine walks every byte through its alternatives, most words of plain text
 * are merged from bytes although they are one token in the end, and each look-up waits for memory.
 * Idea: a table-driven scanner with an ASCII path cuts a batch of words, whose places in a cache
 * of words are fetched meanwhile; what the cache does not know a hash table of every token that
 * encodes to itself answers for, words of other scripts are cut where no token reaches across, and
 * only the rest is merged, long words with a queue instead of by scanning. Loses: on texts of a
 * few words, where a batch is not worth its beginning.
 */
#include <stdlib.h>

#include "optimizations/bpe_encode/bpe_text.h"
#include "optimizations/bpe_encode/bpe_window.h"
#include "optimizations/bpe_encode/cuts.h"
#include "optimizations/bpe_encode/nfc.h"

enum { CACHED_IDS = 4, WIDE_IDS = 11, WIDE_SHARE = 8, BATCH = 32, WINDOW_WORDS = 64 };

enum { KNOB_CACHE, KNOB_WAYS, KNOB_SCAN, KNOBS };

/* Half a cache line: a word of at most VLT_WORD_BYTES bytes and its ids; where there are fewer, the
 * last place says how many, below zero. */
struct entry {
    vlt_word_key key; /* high 0: empty */
    int32_t ids[CACHED_IDS];
};

/* A cache line: a word with more ids than that. */
struct wide_entry {
    vlt_word_key key;
    uint32_t count;
    int32_t ids[WIDE_IDS];
};

/* A word on its way. */
struct word {
    vlt_word_key key; /* of a short one; else high 0 */
    const uint8_t *begin;
    uint32_t hash;
    uint32_t bytes; /* texts have at most 2^28, three times as many where they are normalised */
};

struct state {
    const vlt_vocab *vocab;
    size_t text_max;
    vlt_bpe_scratch scratch;
    struct entry *cache; /* [set_mask + 1][ways], or NULL */
    uint32_t set_mask, ways;
    struct wide_entry *wide; /* [wide_mask + 1], or NULL */
    uint32_t wide_mask;
    uint32_t turn;    /* which way is replaced next */
    size_t scan_most; /* bytes of words that are merged by scanning */
};

static size_t normalise(void *state, const uint8_t *text, size_t bytes, const uint8_t **clean)
{
    vlt_bpe_scratch *scratch = &((struct state *)state)->scratch;
    if (vlt_nfc_is(text, bytes)) {
        *clean = text;
        return bytes;
    }
    *clean = scratch->clean;
    return vlt_nfc(text, bytes, scratch->clean, scratch->raw, scratch->work);
}

/* The place of a word in the cache; ways of a set lie behind each other. */
static inline struct entry *set_of(const struct state *s, uint32_t hash)
{
    return &s->cache[(size_t)(hash & s->set_mask) * s->ways];
}

static inline const struct entry *find_cached(const struct state *s, vlt_word_key key,
                                              uint32_t hash)
{
    const struct entry *set = set_of(s, hash);
    if (VLT_LIKELY(s->ways == 1)) {
        return set->key.low == key.low && set->key.high == key.high ? set : NULL;
    }
    for (const struct entry *entry = set; entry < set + s->ways; entry++) {
        if (entry->key.low == key.low && entry->key.high == key.high) {
            return entry;
        }
    }
    return NULL;
}

static void remember(struct state *s, vlt_word_key key, uint32_t hash, const int32_t *ids,
                     size_t count)
{
    if (s->wide && count > CACHED_IDS && count <= WIDE_IDS) {
        struct wide_entry *entry = &s->wide[hash & s->wide_mask];
        entry->key = key;
        entry->count = (uint32_t)count;
        memcpy(entry->ids, ids, count * sizeof *ids);
    } else if (s->cache && count <= CACHED_IDS) {
        struct entry *entry = set_of(s, hash) + (s->ways > 1 ? s->turn++ & (s->ways - 1) : 0);
        entry->key = key;
        memcpy(entry->ids, ids, count * sizeof *ids);
        if (count < CACHED_IDS) {
            entry->ids[CACHED_IDS - 1] = -(int32_t)count;
        }
    }
}

static inline size_t count_of(const struct entry *entry)
{
    const int32_t last = entry->ids[CACHED_IDS - 1];
    return last < 0 ? (size_t)-last : CACHED_IDS;
}

/* The ids of a short word that has many, or 0. */
static inline size_t find_wide(const struct state *s, vlt_word_key key, uint32_t hash, int32_t *ids)
{
    const struct wide_entry *entry = s->wide ? &s->wide[hash & s->wide_mask] : NULL;
    if (!entry || entry->key.low != key.low || entry->key.high != key.high) {
        return 0;
    }
    memcpy(ids, entry->ids, entry->count * sizeof *ids);
    return entry->count;
}

/* A word, or a piece of one, of any length, that has no cuts worth looking for. */
static size_t encode_piece(struct state *s, const uint8_t *piece, size_t bytes, bool readable,
                           int32_t *ids)
{
    vlt_word_key key = {0, 0};
    uint32_t hash = 0;
    int32_t id;
    if (bytes <= VLT_WORD_BYTES) {
        key = vlt_word_key_of(piece, bytes, readable);
        hash = vlt_word_hash(key);
        const struct entry *entry = s->cache ? find_cached(s, key, hash) : NULL;
        if (entry) {
            size_t count = count_of(entry);
            memcpy(ids, entry->ids, count * sizeof *ids);
            return count;
        }
        id = vlt_word_find(s->vocab, key);
    } else {
        id = vlt_vocab_find_word(s->vocab, piece, bytes);
    }
    size_t count = 1;
    if (id >= 0) {
        ids[0] = id;
    } else {
        count = vlt_bpe_word(s->vocab, &s->scratch.queue, s->scan_most, piece, bytes, ids);
    }
    if (bytes <= VLT_WORD_BYTES) {
        remember(s, key, hash, ids, count);
    }
    return count;
}

static bool is_ascii(const uint8_t *p, size_t bytes)
{
    uint8_t all = 0;
    for (size_t i = 0; i < bytes; i++) {
        all |= p[i];
    }
    return all < 0x80;
}

/* Piece by piece, between the places where no token reaches across. */
static size_t encode_pieces(struct state *s, const uint8_t *word, size_t bytes, const uint8_t *end,
                            int32_t *ids)
{
    size_t count = 0;
    for (size_t at = 0, next; at < bytes; at = next) {
        next = at + vlt_cuts_next(s->vocab->cuts, word + at, bytes - at);
        count += encode_piece(s, word + at, next - at, end - (word + at) >= 16, ids + count);
    }
    return count;
}

/* A word that is not in the cache; end: of what may be read. */
static VLT_NOINLINE size_t encode_rare(struct state *s, const struct word *word, const uint8_t *end,
                                       int32_t *ids)
{
    const bool is_short = word->bytes <= VLT_WORD_BYTES;
    size_t count = is_short ? find_wide(s, word->key, word->hash, ids) : 0;
    if (count) {
        return count;
    }
    int32_t id = is_short ? vlt_word_find(s->vocab, word->key)
                          : vlt_vocab_find_word(s->vocab, word->begin, word->bytes);
    if (id >= 0) {
        ids[0] = id;
        count = 1;
    } else if (is_ascii(word->begin, word->bytes)) {
        count = vlt_bpe_word(s->vocab, &s->scratch.queue, s->scan_most, word->begin, word->bytes,
                             ids);
    } else {
        count = encode_pieces(s, word->begin, word->bytes, end, ids);
    }
    if (is_short) {
        remember(s, word->key, word->hash, ids, count);
    }
    return count;
}

/* Word number n, with its place in the cache on the way. */
static inline void take_word(const struct state *s, struct word *word, const uint8_t *p,
                             size_t bytes, bool readable)
{
    word->begin = p;
    word->bytes = (uint32_t)bytes;
    word->key = (vlt_word_key){0, 0}; /* of no word */
    word->hash = 0;
    if (VLT_LIKELY(bytes <= VLT_WORD_BYTES)) {
        word->key = vlt_word_key_of(p, bytes, readable);
        word->hash = vlt_word_hash(word->key);
        VLT_PREFETCH(s->cache ? (const void *)set_of(s, word->hash)
                              : (const void *)vlt_word_place(s->vocab, word->hash));
    }
}

/* Words of the window at *at, of which there is at least one; room for 64. */
static size_t take_window(const struct state *s, const uint8_t **at, uint64_t starts,
                          const uint8_t *end, struct word *word)
{
    const uint8_t *const window = *at, *p = window;
    size_t n = 0;
    for (; starts; starts &= starts - 1) {
        const uint8_t *stop = window + VLT_LOW_ZEROS(starts);
        if (VLT_UNLIKELY(*p == '\'')) {
            const size_t length = vlt_scan_contraction(p, end);
            if (length && length < (size_t)(stop - p)) {
                take_word(s, &word[n++], p, length, true);
                p += length;
            }
        }
        take_word(s, &word[n++], p, (size_t)(stop - p), true);
        p = stop;
    }
    *at = p;
    return n;
}

/* The next words. */
static size_t scan_words(const struct state *s, const uint8_t **at, const uint8_t *end,
                         struct word *word)
{
    const uint8_t *p = *at;
    size_t n = 0;
    while (n < BATCH && p < end) {
        if (end - p >= VLT_WINDOW_READS && (p[0] | p[1]) < 0x80) {
            const uint64_t starts = vlt_window_starts(p);
            if (VLT_LIKELY(starts)) {
                n += take_window(s, &p, starts, end, word + n);
                continue;
            }
        }
        const bool readable = end - p >= 16;
        const uint8_t *stop = readable ? vlt_scan_word_fast(p, end) : vlt_scan_word(p, end);
        take_word(s, &word[n++], p, (size_t)(stop - p), readable);
        p = stop;
    }
    *at = p;
    return n;
}

static size_t encode(void *state, const uint8_t *text, size_t bytes, int32_t *ids, vlt_error *err)
{
    struct state *s = state;
    const uint8_t *p = text, *end = text + bytes;
    struct word word[BATCH + WINDOW_WORDS];
    int32_t *out = ids;
    (void)err;
    while (p < end) {
        const size_t n = scan_words(s, &p, end, word);
        for (size_t i = 0; i < n; i++) {
            const struct entry *entry = s->cache ? find_cached(s, word[i].key, word[i].hash) : NULL;
            if (VLT_UNLIKELY(!entry || !word[i].key.high)) {
                out += encode_rare(s, &word[i], end, out);
                continue;
            }
            const size_t made = count_of(entry);
            if (VLT_LIKELY(n - i > CACHED_IDS)) {
                memcpy(out, entry->ids, sizeof entry->ids); /* what is too much is written over */
            } else {
                memcpy(out, entry->ids, made * sizeof *out);
            }
            out += made;
        }
    }
    return (size_t)(out - ids);
}

static vlt_status prepare(vlt_plan *plan, vlt_error *err)
{
    const vlt_bpe_encode_constants *constants = plan->problem.constants;
    int64_t entries = vlt_plan_knob(plan, KNOB_CACHE);
    struct state *s = plan->state = calloc(1, sizeof *s);
    if (!s) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "bpe_encode/scanner: out of memory");
    }
    s->vocab = constants->vocab;
    s->text_max = (size_t)plan->problem.dim[VLT_BPE_ENCODE_DIM_BYTES];
    if (entries > 0) {
        s->cache = aligned_alloc(sizeof *s->cache, (size_t)entries * sizeof *s->cache);
        if (!s->cache) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "bpe_encode/scanner: cache: out of memory");
        }
        memset(s->cache, 0, (size_t)entries * sizeof *s->cache);
        s->wide_mask = (uint32_t)(entries > WIDE_SHARE ? entries / WIDE_SHARE : 1) - 1;
        s->wide = aligned_alloc(sizeof *s->wide, ((size_t)s->wide_mask + 1) * sizeof *s->wide);
        if (!s->wide) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "bpe_encode/scanner: cache: out of memory");
        }
        memset(s->wide, 0, ((size_t)s->wide_mask + 1) * sizeof *s->wide);
        s->ways = (uint32_t)vlt_plan_knob(plan, KNOB_WAYS);
        s->set_mask = (uint32_t)entries / s->ways - 1;
    }
    s->scan_most = (size_t)vlt_plan_knob(plan, KNOB_SCAN);
    return vlt_bpe_scratch_init(&s->scratch, s->text_max, err);
}

static vlt_status run(const vlt_plan *plan, vlt_frame frame, const void *args, vlt_error *err)
{
    (void)frame;
    static const vlt_bpe_steps steps = {normalise, encode};
    struct state *s = plan->state;
    return vlt_bpe_text(s->vocab, &steps, s, s->text_max, args, err);
}

static void release(vlt_plan *plan)
{
    struct state *s = plan->state;
    if (s) {
        vlt_bpe_scratch_release(&s->scratch);
        free(s->cache);
        free(s->wide);
        free(s);
    }
}

static const int64_t cache_values[] = {0, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536};
static const int64_t way_values[] = {1, 2, 4};
static const int64_t scan_values[] = {16, 32, 64, 128, VLT_MERGE_SCAN_MAX};
static const vlt_knob knobs[] = {
    {"cache", "words remembered, 32 bytes each", cache_values, 10, 32768, NULL},
    {"ways", "places where a word may be in the cache", way_values, 3, 1, NULL},
    {"scan", "bytes of words that are merged by scanning", scan_values, 5, VLT_MERGE_SCAN_MAX,
     NULL},
};

/* Without a cache there are no places in it. */
static bool valid(const vlt_problem *problem, const vlt_caps *caps, const vlt_binding *binding)
{
    (void)problem, (void)caps;
    return binding->value[KNOB_CACHE] > 0 || binding->value[KNOB_WAYS] == 1;
}

VLT_VARIANT(bpe_encode, scanner, .summary = "table-driven scanner, whole words by hash, cache",
            .knobs = knobs, .knob_count = KNOBS, .valid = valid, .prepare = prepare, .run = run,
            .release = release);

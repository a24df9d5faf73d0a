/* Bottleneck: the regex engine walks every byte through its alternatives, and most words of plain
 * text are merged from bytes although they are one token in the end.
 * Idea: a table-driven scanner with an ASCII path cuts the words, a hash table that holds every
 * token which encodes to itself answers for a whole word, a small cache remembers the merges of
 * other words, and long words are merged with a queue instead of by scanning.
 * Loses: scripts without blanks (long words, each of them new) pay for the look-up and the cache
 * and gain little; where every word is a token the cache is dead weight.
 */
#include <stdlib.h>

#include "optimizations/bpe_encode/bpe_scan.h"
#include "optimizations/bpe_encode/bpe_text.h"
#include "optimizations/bpe_encode/nfc.h"

enum { CACHED_IDS = 11 };

enum { KNOB_CACHE, KNOB_WAYS, KNOB_SCAN, KNOBS };

/* One cache line: a word of at most VLT_WORD_BYTES bytes and its ids. */
struct entry {
    vlt_word_key key; /* high 0: empty */
    uint32_t count;
    int32_t ids[CACHED_IDS];
};

struct state {
    const vlt_vocab *vocab;
    size_t text_max;
    vlt_bpe_scratch scratch;
    struct entry *cache; /* [set_mask + 1][ways], or NULL */
    uint32_t set_mask, ways;
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

/* A word that is no token, through the cache. */
static VLT_NOINLINE size_t encode_rare(struct state *s, const uint8_t *word, size_t bytes,
                                       vlt_word_key key, int32_t *ids)
{
    if (bytes > VLT_WORD_BYTES || !s->cache) {
        int32_t id = bytes > VLT_WORD_BYTES ? vlt_vocab_find_word(s->vocab, word, bytes) : -1;
        if (id >= 0) {
            ids[0] = id;
            return 1;
        }
        return vlt_bpe_word(s->vocab, &s->scratch.queue, s->scan_most, word, bytes, ids);
    }
    struct entry *set = &s->cache[(size_t)(vlt_word_hash(key) & s->set_mask) * s->ways];
    for (const struct entry *entry = set; entry < set + s->ways; entry++) {
        if (entry->key.low == key.low && entry->key.high == key.high) {
            memcpy(ids, entry->ids, entry->count * sizeof *ids);
            return entry->count;
        }
    }
    size_t count = vlt_bpe_word(s->vocab, &s->scratch.queue, s->scan_most, word, bytes, ids);
    if (count <= CACHED_IDS) {
        struct entry *entry = &set[s->turn++ & (s->ways - 1)];
        entry->key = key;
        entry->count = (uint32_t)count;
        memcpy(entry->ids, ids, count * sizeof *ids);
    }
    return count;
}

static size_t encode(void *state, const uint8_t *text, size_t bytes, int32_t *ids, vlt_error *err)
{
    struct state *s = state;
    const uint8_t *p = text, *end = text + bytes;
    size_t count = 0;
    (void)err;
    while (p < end) {
        bool readable = end - p >= 16;
        const uint8_t *stop = readable ? vlt_scan_word_fast(p, end) : vlt_scan_word(p, end);
        size_t length = (size_t)(stop - p);
        vlt_word_key key = {0, 0};
        if (VLT_LIKELY(length <= VLT_WORD_BYTES)) {
            key = vlt_word_key_of(p, length, readable);
            int32_t id = vlt_word_find(s->vocab, key);
            if (VLT_LIKELY(id >= 0)) {
                ids[count++] = id;
                p = stop;
                continue;
            }
        }
        count += encode_rare(s, p, length, key, ids + count);
        p = stop;
    }
    return count;
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
        free(s);
    }
}

static const int64_t cache_values[] = {0, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536};
static const int64_t way_values[] = {1, 2, 4};
static const int64_t scan_values[] = {16, 32, 64, 128, VLT_MERGE_SCAN_MAX};
static const vlt_knob knobs[] = {
    {"cache", "words remembered, 64 bytes each", cache_values, 10, 4096, NULL},
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

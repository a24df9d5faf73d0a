#include "optimizations/bpe_encode/bpe_sample.h"

#include <stdio.h>
#include <string.h>

#include "optimizations/core/memory.h"
#include "optimizations/core/random.h"

enum { WORDS = 3000, WHOLE_WORDS = 2000, WORD_MAX = 48, ADDED = 2 };

/* A third of the lexicon in other scripts; U+0301 and the Devanagari nukta need normalising. */
static const char *const latin[] = {"a",  "the", "in", "re", "con", "tion", "er",  "st", "ma",
                                    "lo", "ne",  "ti", "ou", "pre", "ing",  "com", "ly", "is"};
static const char *const other[] = {"по", "ст", "ра",  "ни",  "的",      "学", "中",
                                    "日", "本", "ไทย", "สวัส", "e\u0301", "क",  "\u093C",
                                    "하", "글", "α",   "λο",  "مر",      "حبا"};

static size_t make_word(vlt_random *random, bool foreign, char *out)
{
    int parts = (int)vlt_random_range(random, 1, 4);
    size_t used = 0;
    for (int i = 0; i < parts; i++) {
        const char *const *set = foreign ? other : latin;
        int count = foreign ? (int)(sizeof other / sizeof *other)
                            : (int)(sizeof latin / sizeof *latin);
        const char *part = set[vlt_random_range(random, 0, count - 1)];
        size_t length = strlen(part);
        memcpy(out + used, part, length);
        used += length;
    }
    return used;
}

/* A vocabulary under construction: the merges so far, found by trying them all backwards would be
 * slow, so pairs are kept in a small hash. */
struct builder {
    vlt_merge *merge;
    int32_t merges;
    int32_t merge_max;
    int32_t *slot;         /* [SLOTS] merge index + 1 */
    vlt_token_text *token; /* [256 + merge_max] */
    uint8_t *bytes;
    size_t bytes_used;
    size_t bytes_max;
};

enum { SLOTS = 1 << 16 };

static int32_t *find_slot(const struct builder *b, int32_t left, int32_t right)
{
    uint32_t i = ((uint32_t)left * 40503u + (uint32_t)right * 2654435761u) % SLOTS;
    while (b->slot[i] &&
           (b->merge[b->slot[i] - 1].left != left || b->merge[b->slot[i] - 1].right != right)) {
        i = (i + 1) % SLOTS;
    }
    return &b->slot[i];
}

/* Merges ids[count] with what there is. */
static int apply(const struct builder *b, int32_t *ids, int count)
{
    for (;;) {
        int32_t best = b->merges;
        int at = -1;
        for (int i = 0; i + 1 < count; i++) {
            int32_t rank = *find_slot(b, ids[i], ids[i + 1]) - 1;
            if (rank >= 0 && rank < best) {
                best = rank;
                at = i;
            }
        }
        if (at < 0) {
            return count;
        }
        ids[at] = b->merge[best].result;
        memmove(&ids[at + 1], &ids[at + 2], (size_t)(count - at - 2) * sizeof *ids);
        count--;
    }
}

static void add_merge(struct builder *b, int32_t left, int32_t right)
{
    vlt_token_text l = b->token[left], r = b->token[right];
    uint8_t *bytes = b->bytes + b->bytes_used;
    memcpy(bytes, l.bytes, l.length);
    memcpy(bytes + l.length, r.bytes, r.length);
    b->bytes_used += l.length + r.length;
    *find_slot(b, left, right) = b->merges + 1;
    b->token[256 + b->merges] = (vlt_token_text){bytes, l.length + r.length};
    b->merge[b->merges] = (vlt_merge){left, right, 256 + b->merges};
    b->merges++;
}

/* Adds merges until " word" is one token. */
static void add_word(struct builder *b, const char *word, size_t length)
{
    int32_t ids[WORD_MAX + 1];
    int count = 0;
    ids[count++] = ' ';
    for (size_t i = 0; i < length; i++) {
        ids[count++] = (uint8_t)word[i];
    }
    while ((count = apply(b, ids, count)) > 1 && b->merges < b->merge_max &&
           b->bytes_used + WORD_MAX + 1 <= b->bytes_max) {
        add_merge(b, ids[0], ids[1]);
    }
}

static vlt_status build_vocab(const vlt_bpe_sample *sample, vlt_vocab **out, vlt_error *err)
{
    enum { MERGES = 12000, BYTES = 1 << 18 };
    static const char *const added_text[ADDED] = {"<|im_start|>", "<|im_end|>"};
    vlt_added_token added[ADDED];
    vlt_arena arena = {0};
    struct builder b = {.merge_max = MERGES, .bytes_max = BYTES};
    vlt_arena_reserve(&arena, MERGES, sizeof *b.merge);
    vlt_arena_reserve(&arena, SLOTS, sizeof *b.slot);
    vlt_arena_reserve(&arena, 256 + MERGES, sizeof *b.token);
    vlt_arena_reserve(&arena, BYTES, 1);
    vlt_status status = vlt_arena_commit(&arena, err);
    if (status != VLT_OK) {
        return status;
    }
    b.merge = vlt_arena_take(&arena, MERGES, sizeof *b.merge);
    b.slot = vlt_arena_take(&arena, SLOTS, sizeof *b.slot);
    b.token = vlt_arena_take(&arena, 256 + MERGES, sizeof *b.token);
    b.bytes = vlt_arena_take(&arena, BYTES, 1);
    for (int i = 0; i < 256; i++) {
        b.bytes[i] = (uint8_t)i;
        b.token[i] = (vlt_token_text){b.bytes + i, 1};
    }
    b.bytes_used = 256;
    for (int w = 0; w < WHOLE_WORDS; w++) {
        add_word(&b, sample->lexicon + sample->first[w], sample->first[w + 1] - sample->first[w]);
    }
    for (int i = 0; i < ADDED; i++) {
        added[i] = (vlt_added_token){added_text[i], (uint32_t)strlen(added_text[i]),
                                     256 + b.merges + i, true};
    }
    vlt_vocab_source source = {b.token, 256 + b.merges, b.merge, b.merges, added, ADDED};
    status = vlt_vocab_create(&source, out, err);
    vlt_arena_release(&arena);
    return status;
}

vlt_status vlt_bpe_sample_init(uint64_t seed, vlt_bpe_sample *sample, vlt_error *err)
{
    void *lexicon = NULL, *first = NULL;
    *sample = (vlt_bpe_sample){.words = WORDS};
    vlt_status status = vlt_alloc(WORDS * WORD_MAX, &lexicon, err);
    if (status == VLT_OK) {
        status = vlt_alloc((WORDS + 1) * sizeof *sample->first, &first, err);
    }
    sample->lexicon = lexicon;
    sample->first = first;
    if (status == VLT_OK) {
        vlt_random random = {seed};
        for (int w = 0; w < WORDS; w++) {
            sample->first[w + 1] = sample->first[w] +
                                   (uint32_t)make_word(&random, w % 3 == 2,
                                                       sample->lexicon + sample->first[w]);
        }
        status = build_vocab(sample, &sample->vocab, err);
    }
    if (status != VLT_OK) {
        vlt_bpe_sample_release(sample);
    }
    return status;
}

void vlt_bpe_sample_release(vlt_bpe_sample *sample)
{
    vlt_vocab_destroy(sample->vocab);
    vlt_free(sample->lexicon);
    vlt_free(sample->first);
    *sample = (vlt_bpe_sample){0};
}

/* One more piece of the text into out, at most 128 bytes. */
static size_t next_piece(const vlt_bpe_sample *sample, int kind, vlt_random *random, char *out)
{
    static const char *const ends[] = {",", ".", ".\n", "!", "?", ";", "'s", "\n\n", " 1984", " -"};
    static const char *const signs[] = {" = ",    "(",  ");\n", "{\n    ", "->",
                                        "[0x1F]", "\t", "  ",   " \"",     "\","};
    static const char *const rare[] = {"<|im_start|>", "\xF0\x9F\x99\x82", "\u00A0", "\u3000",
                                       "\xFF",         "\u1E9B\u0323"};
    /* The square of a uniform number: low ranks are frequent. */
    double u = vlt_random_unit(random);
    int word = (int)(u * u * sample->words);
    if (kind != VLT_TEXT_SCRIPTS && word % 3 == 2) {
        word--;
    }
    size_t length = sample->first[word + 1] - sample->first[word], used = 0;
    if (kind != VLT_TEXT_CODE) {
        out[used++] = ' ';
    }
    memcpy(out + used, sample->lexicon + sample->first[word], length);
    used += length;
    const char *tail = "";
    int64_t chance = vlt_random_range(random, 0, 99);
    if (kind == VLT_TEXT_CODE) {
        tail = signs[chance % 10];
    } else if (chance < 12) {
        tail = ends[vlt_random_range(random, 0, 9)];
    } else if (kind == VLT_TEXT_SCRIPTS && chance < 16) {
        tail = rare[vlt_random_range(random, 0, 5)];
    }
    memcpy(out + used, tail, strlen(tail));
    return used + strlen(tail);
}

void vlt_bpe_sample_text(const vlt_bpe_sample *sample, int kind, uint64_t seed, char *text,
                         size_t bytes)
{
    vlt_random random = {seed ^ 0x5E7};
    if (kind == VLT_TEXT_RUN) {
        memset(text, sample->lexicon[0], bytes);
        return;
    }
    for (size_t used = 0; used < bytes;) {
        char piece[128];
        size_t length = next_piece(sample, kind, &random, piece);
        length = length < bytes - used ? length : bytes - used;
        memcpy(text + used, piece, length);
        used += length;
    }
}

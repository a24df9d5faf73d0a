#include "harness/model/bpe_train.h"

#include <string.h>

#include "harness/model/bpe_pairs.h"
#include "harness/model/byte_alphabet.h"
#include "optimizations/bpe_encode/bpe_scan.h"
#include "optimizations/bpe_encode/nfc.h"
#include "optimizations/core/memory.h"

enum { BYTES = 256, TEXT_MAX = 1 << 20 };

/* A word of the text, once, as the tokens that it consists of so far. */
struct word {
    int32_t *token;
    int length;
    int64_t count;
    const uint8_t *bytes; /* in the text, for telling words apart */
    size_t byte_count;
};

/* Open addressing over item numbers; -1 is empty. At most half full. */
struct index {
    int32_t *slot;
    uint32_t mask;
};

struct trainer {
    struct word *word;
    int32_t word_count;
    struct index words;
    int32_t *tokens; /* what the words' token pointers point into */
    vlt_bpe_pairs pairs;
    vlt_bpe_trained *out;
    size_t text_used, text_max; /* of out->text */
    int32_t token_max;
    struct index spelled; /* tokens by their bytes */
};

static vlt_status index_init(struct index *index, size_t items, vlt_error *err)
{
    size_t size = 64;
    void *slot;
    while (size < 2 * items) {
        size *= 2;
    }
    vlt_status status = vlt_alloc(size * sizeof *index->slot, &slot, err);
    if (status == VLT_OK) {
        memset(slot, 0xFF, size * sizeof *index->slot);
        *index = (struct index){slot, (uint32_t)(size - 1)};
    }
    return status;
}

static uint32_t hash_bytes(const uint8_t *bytes, size_t count)
{
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001B3u;
    }
    return (uint32_t)(hash >> 20);
}

/* The slot of the word: its number, or -1 where it is to be put. */
static int32_t *find_word(struct trainer *trainer, const uint8_t *bytes, size_t count)
{
    for (uint32_t i = hash_bytes(bytes, count);; i++) {
        int32_t *slot = &trainer->words.slot[i & trainer->words.mask];
        if (*slot < 0) {
            return slot;
        }
        const struct word *word = &trainer->word[*slot];
        if (word->byte_count == count && !memcmp(word->bytes, bytes, count)) {
            return slot;
        }
    }
}

static int32_t *find_token(struct trainer *trainer, const uint8_t *bytes, size_t count)
{
    for (uint32_t i = hash_bytes(bytes, count);; i++) {
        int32_t *slot = &trainer->spelled.slot[i & trainer->spelled.mask];
        if (*slot < 0) {
            return slot;
        }
        const vlt_token_text *token = &trainer->out->token[*slot];
        if (token->length == count && !memcmp(token->bytes, bytes, count)) {
            return slot;
        }
    }
}

/* Adds change times the word's count to each of its pairs. */
static vlt_status count_pairs(struct trainer *trainer, const struct word *word, int change,
                              vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i + 1 < word->length && status == VLT_OK; i++) {
        status = vlt_bpe_pairs_add(&trainer->pairs, word->token[i], word->token[i + 1],
                                   change * word->count, err);
    }
    return status;
}

/* Id of the token that left and right spell together, which may be an old one. */
static vlt_status spell(struct trainer *trainer, int32_t left, int32_t right, int32_t *id,
                        vlt_error *err)
{
    vlt_bpe_trained *out = trainer->out;
    size_t a = out->token[left].length, b = out->token[right].length;
    if (a + b > trainer->text_max - trainer->text_used) {
        return vlt_fail(err, VLT_STATUS_LIMIT,
                        "tokenizer training: tokens are longer than %zu bytes in all",
                        trainer->text_max);
    }
    uint8_t *bytes = out->text + trainer->text_used;
    memcpy(bytes, out->token[left].bytes, a);
    memcpy(bytes + a, out->token[right].bytes, b);
    int32_t *slot = find_token(trainer, bytes, a + b);
    if (*slot < 0) {
        *slot = out->token_count++;
        out->token[*slot] = (vlt_token_text){bytes, (uint32_t)(a + b)};
        trainer->text_used += a + b;
    }
    *id = *slot;
    return VLT_OK;
}

static bool contains(const struct word *word, int32_t left, int32_t right)
{
    for (int i = 0; i + 1 < word->length; i++) {
        if (word->token[i] == left && word->token[i + 1] == right) {
            return true;
        }
    }
    return false;
}

static void merge_word(struct word *word, const vlt_merge *merge)
{
    int length = 0;
    for (int i = 0; i < word->length; i++) {
        bool match = i + 1 < word->length && word->token[i] == merge->left &&
                     word->token[i + 1] == merge->right;
        word->token[length++] = match ? merge->result : word->token[i];
        i += match;
    }
    word->length = length;
}

static vlt_status merge_everywhere(struct trainer *trainer, const vlt_merge *merge, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int32_t i = 0; i < trainer->word_count && status == VLT_OK; i++) {
        struct word *word = &trainer->word[i];
        if (contains(word, merge->left, merge->right)) {
            status = count_pairs(trainer, word, -1, err);
            merge_word(word, merge);
            status = status == VLT_OK ? count_pairs(trainer, word, 1, err) : status;
        }
    }
    return status;
}

/* Cuts the text into words; gives how many tokens (bytes) the different ones have. */
static size_t cut(struct trainer *trainer, const uint8_t *text, size_t bytes)
{
    size_t total = 0;
    const uint8_t *end = text + bytes;
    for (const uint8_t *p = text, *next; p < end; p = next) {
        next = vlt_scan_word(p, end);
        int32_t *slot = find_word(trainer, p, (size_t)(next - p));
        if (*slot < 0) {
            *slot = trainer->word_count++;
            trainer->word[*slot] = (struct word){.bytes = p, .byte_count = (size_t)(next - p)};
            total += (size_t)(next - p);
        }
        trainer->word[*slot].count++;
    }
    return total;
}

static vlt_status begin_words(struct trainer *trainer, const uint8_t *text, size_t bytes,
                              vlt_error *err)
{
    void *words, *tokens;
    vlt_status status = vlt_alloc((bytes + 1) * sizeof *trainer->word, &words, err);
    if (status != VLT_OK) {
        return status;
    }
    trainer->word = words;
    status = index_init(&trainer->words, bytes + 1, err);
    if (status != VLT_OK) {
        return status;
    }
    size_t total = cut(trainer, text, bytes);
    status = vlt_alloc((total + 1) * sizeof *trainer->tokens, &tokens, err);
    if (status != VLT_OK) {
        return status;
    }
    int32_t *next = trainer->tokens = tokens;
    for (int32_t i = 0; i < trainer->word_count && status == VLT_OK; i++) {
        struct word *word = &trainer->word[i];
        word->token = next;
        for (size_t b = 0; b < word->byte_count; b++) {
            *next++ = vlt_byte_alphabet_id(word->bytes[b]);
        }
        word->length = (int)word->byte_count;
        status = count_pairs(trainer, word, 1, err);
    }
    return status;
}

/* Room for the bytes of all tokens: each but the single ones is spelled by a word of the text. */
static vlt_status begin_tokens(struct trainer *trainer, size_t text_bytes, vlt_error *err)
{
    vlt_bpe_trained *out = trainer->out;
    void *token, *merge, *text;
    vlt_status status = vlt_alloc((size_t)trainer->token_max * sizeof *out->token, &token, err);
    if (status == VLT_OK) {
        out->token = token;
        status = vlt_alloc(2 * (size_t)trainer->token_max * sizeof *out->merge, &merge, err);
    }
    if (status == VLT_OK) {
        out->merge = merge;
        trainer->text_max = BYTES + 32 * (text_bytes + (size_t)trainer->token_max);
        status = vlt_alloc(trainer->text_max, &text, err);
    }
    if (status == VLT_OK) {
        out->text = text;
        status = index_init(&trainer->spelled, (size_t)trainer->token_max, err);
    }
    for (int byte = 0; byte < BYTES && status == VLT_OK; byte++) {
        int id = vlt_byte_alphabet_id((uint8_t)byte);
        out->text[id] = (uint8_t)byte;
        out->token[id] = (vlt_token_text){out->text + id, 1};
    }
    for (int id = 0; id < BYTES && status == VLT_OK; id++) {
        *find_token(trainer, out->text + id, 1) = id;
    }
    out->token_count = BYTES;
    trainer->text_used = BYTES;
    return status;
}

static vlt_status train(struct trainer *trainer, int64_t min_count, vlt_error *err)
{
    vlt_bpe_trained *out = trainer->out;
    vlt_status status = VLT_OK;
    while (out->token_count < trainer->token_max && status == VLT_OK &&
           out->merge_count < 2 * trainer->token_max) {
        const vlt_bpe_pair *best = vlt_bpe_pairs_best(&trainer->pairs);
        if (!best || best->count < min_count) {
            break;
        }
        vlt_merge merge = {best->left, best->right, 0};
        status = spell(trainer, merge.left, merge.right, &merge.result, err);
        if (status == VLT_OK) {
            out->merge[out->merge_count++] = merge;
            status = merge_everywhere(trainer, &merge, err);
        }
    }
    return status;
}

/* vlt_nfc_is answers no where it would have to look twice, so the text is normalised and compared.
 */
static vlt_status check_text(const uint8_t *text, size_t bytes, vlt_error *err)
{
    if (vlt_nfc_is(text, bytes)) {
        return VLT_OK;
    }
    size_t codes = vlt_nfc_codes(bytes);
    void *clean = NULL, *raw = NULL, *work = NULL;
    vlt_status status = vlt_alloc(3 * bytes + 16, &clean, err);
    status = status == VLT_OK ? vlt_alloc(codes * sizeof(uint32_t), &raw, err) : status;
    status = status == VLT_OK ? vlt_alloc(codes * sizeof(uint32_t), &work, err) : status;
    if (status == VLT_OK &&
        (vlt_nfc(text, bytes, clean, raw, work) != bytes || memcmp(clean, text, bytes) != 0)) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "tokenizer training: the text is not UTF-8 in composed form (NFC)");
    }
    vlt_free(work);
    vlt_free(raw);
    vlt_free(clean);
    return status;
}

vlt_status vlt_bpe_train(const char *text, size_t text_bytes, int32_t token_max, int64_t min_count,
                         vlt_bpe_trained *out, vlt_error *err)
{
    struct trainer trainer = {.out = out, .token_max = token_max};
    *out = (vlt_bpe_trained){0};
    if (text_bytes > TEXT_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "tokenizer training: text of %zu bytes, limit %d",
                        text_bytes, TEXT_MAX);
    }
    if (token_max < BYTES || token_max > TEXT_MAX || min_count < 1) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "tokenizer training: %d tokens of at least %lld occurrences, expected %d "
                        "to %d and 1 or more",
                        (int)token_max, (long long)min_count, BYTES, TEXT_MAX);
    }
    vlt_status status = check_text((const uint8_t *)text, text_bytes, err);
    if (status == VLT_OK) {
        status = begin_tokens(&trainer, text_bytes, err);
    }
    if (status == VLT_OK) {
        status = begin_words(&trainer, (const uint8_t *)text, text_bytes, err);
    }
    if (status == VLT_OK) {
        status = train(&trainer, min_count, err);
    }
    vlt_free(trainer.word);
    vlt_free(trainer.tokens);
    vlt_free(trainer.words.slot);
    vlt_free(trainer.spelled.slot);
    vlt_bpe_pairs_release(&trainer.pairs);
    if (status != VLT_OK) {
        vlt_bpe_trained_release(out);
    }
    return status;
}

void vlt_bpe_trained_release(vlt_bpe_trained *trained)
{
    vlt_free(trained->token);
    vlt_free(trained->merge);
    vlt_free(trained->text);
    *trained = (vlt_bpe_trained){0};
}

/* The tokens that encoding makes of their own bytes: a word that is one of them need not be merged.
 */
#include "optimizations/bpe_encode/bpe_merge.h"
#include "optimizations/bpe_encode/vocab_internal.h"

enum { CHARACTERS_BYTES = VLT_CHARACTERS * sizeof(int32_t) };

_Static_assert(sizeof(vlt_word_bucket) == 64, "a cache line");

uint32_t vlt_vocab_mask_for(size_t entries)
{
    uint32_t slots = 16;
    while (slots < 2 * (uint64_t)entries) {
        slots *= 2;
    }
    return slots - 1;
}

/* Does encoding the token's own bytes give the token? Only then may a word be looked up whole. */
static bool is_word(const vlt_vocab *vocab, int32_t id)
{
    int32_t ids[VLT_MERGE_SCAN_MAX];
    const vlt_token_text token = vlt_vocab_token(vocab, id);
    return token.length <= VLT_MERGE_SCAN_MAX &&
           vlt_merge_scan(vocab, token.bytes, token.length, ids) == 1 && ids[0] == id;
}

static void insert_short(vlt_vocab *vocab, vlt_token_text token, int32_t id)
{
    const vlt_word_key key = vlt_word_key_of(token.bytes, token.length, false);
    uint32_t i = vlt_word_hash(key) & vocab->word_mask;
    for (;; i = (i + 1) & vocab->word_mask) {
        vlt_word_bucket *bucket = &vocab->word[i];
        for (int k = 0; k < VLT_WORDS_BUCKET; k++) {
            if (!bucket->key[k].high) {
                bucket->key[k] = key;
                bucket->id[k] = id;
                return;
            }
        }
        bucket->spills = 1;
    }
}

static void insert_long(vlt_vocab *vocab, vlt_token_text token, int32_t id)
{
    uint32_t i = vlt_long_hash(token.bytes, token.length) & vocab->long_mask;
    while (vocab->long_word[i] >= 0) {
        i = (i + 1) & vocab->long_mask;
    }
    vocab->long_word[i] = id;
    vocab->longest_word = token.length > vocab->longest_word ? token.length : vocab->longest_word;
}

static bool is_character_of_three(vlt_token_text token)
{
    return token.length == 3 && token.bytes[0] >> 4 == 0xE && token.bytes[1] >> 6 == 2 &&
           token.bytes[2] >> 6 == 2;
}

static void insert_word(vlt_vocab *vocab, int32_t id)
{
    const vlt_token_text token = vlt_vocab_token(vocab, id);
    if (token.length > VLT_WORD_BYTES) {
        insert_long(vocab, token, id);
        return;
    }
    insert_short(vocab, token, id);
    if (is_character_of_three(token)) {
        *vlt_character_place(vocab, token.bytes) = id + 1;
    }
}

static vlt_status take_tables(vlt_vocab *vocab, const vlt_vocab_source *source, vlt_error *err)
{
    size_t shorter = 0, longer = 0;
    void *word = NULL, *long_word = NULL, *character = NULL;
    for (int32_t id = 0; id < source->token_count; id++) {
        const vlt_token_text *token = &source->token[id];
        shorter += token->bytes && token->length <= VLT_WORD_BYTES;
        longer += token->bytes && token->length > VLT_WORD_BYTES;
    }
    vocab->word_mask = vlt_vocab_mask_for(shorter / VLT_WORDS_BUCKET + 1);
    vocab->long_mask = vlt_vocab_mask_for(longer);
    const size_t words = (size_t)vocab->word_mask + 1, long_words = (size_t)vocab->long_mask + 1;
    vlt_status status = vlt_table_take(words * sizeof *vocab->word, &word, err);
    vocab->word = word;
    if (status == VLT_OK) {
        status = vlt_pages_take(CHARACTERS_BYTES, &character, err);
        vocab->character = character;
    }
    if (status == VLT_OK) {
        status = vlt_alloc(long_words * sizeof *vocab->long_word, &long_word, err);
        vocab->long_word = long_word;
    }
    if (status == VLT_OK) {
        memset(vocab->long_word, 0xFF, long_words * sizeof *vocab->long_word);
    }
    return status;
}

vlt_status vlt_vocab_fill_words(vlt_vocab *vocab, const vlt_vocab_source *source, vlt_error *err)
{
    vlt_status status = take_tables(vocab, source, err);
    for (int32_t id = 0; id < source->token_count && status == VLT_OK; id++) {
        if (source->token[id].bytes && is_word(vocab, id)) {
            insert_word(vocab, id);
        }
    }
    return status;
}

void vlt_vocab_release_words(vlt_vocab *vocab)
{
    vlt_table_release(vocab->word, ((size_t)vocab->word_mask + 1) * sizeof *vocab->word);
    vlt_pages_release(vocab->character, CHARACTERS_BYTES);
    vlt_free(vocab->long_word);
}

int32_t vlt_vocab_find_word(const vlt_vocab *vocab, const uint8_t *bytes, size_t length)
{
    if (length <= VLT_WORD_BYTES) {
        return vlt_word_find(vocab, vlt_word_key_of(bytes, length, false));
    }
    if (length > vocab->longest_word) {
        return -1;
    }
    for (uint32_t i = vlt_long_hash(bytes, length) & vocab->long_mask;;
         i = (i + 1) & vocab->long_mask) {
        const int32_t id = vocab->long_word[i];
        if (id < 0) {
            return -1;
        }
        const vlt_token_text token = vlt_vocab_token(vocab, id);
        if (token.length == length && memcmp(token.bytes, bytes, length) == 0) {
            return id;
        }
    }
}

#include "optimizations/bpe_encode/vocab.h"

#include <stdlib.h>

#include "optimizations/bpe_encode/bpe_merge.h"
#include "optimizations/bpe_encode/cuts.h"
#include "optimizations/bpe_encode/vocab_internal.h"
#include "optimizations/core/utf8_text.h"

enum { BYTE_PAIRS_BYTES = VLT_BYTE_PAIRS * sizeof(vlt_byte_pair) };

#define LOW_BYTES(n) ((n) < 8 ? (UINT64_C(1) << 8 * ((n)&7)) - 1 : UINT64_MAX)
#define MASK(n)                                      \
    {                                                \
        LOW_BYTES(n), (n) > 8 ? LOW_BYTES((n)-8) : 0 \
    }

const vlt_word_key vlt_word_mask[VLT_WORD_BYTES + 2] = {
    MASK(0), MASK(1),  MASK(2),  MASK(3),  MASK(4),  MASK(5),  MASK(6),  MASK(7), MASK(8),
    MASK(9), MASK(10), MASK(11), MASK(12), MASK(13), MASK(14), MASK(15), {0, 0}};

static vlt_status take(size_t count, size_t element_bytes, void *out, vlt_error *err)
{
    size_t bytes;
    void *block = NULL;
    vlt_status status = vlt_mul_size(count, element_bytes, &bytes)
                            ? vlt_alloc(bytes, &block, err)
                            : vlt_fail(err, VLT_STATUS_LIMIT, "vocabulary: %zu entries do not fit",
                                       count);
    memcpy(out, &block, sizeof block);
    return status;
}

/* For the tables that every new word is looked up in. */
static vlt_status take_table(size_t slots, size_t slot_bytes, void *out, vlt_error *err)
{
    void *table = NULL;
    vlt_status status = vlt_table_take(slots * slot_bytes, &table, err);
    memcpy(out, &table, sizeof table);
    return status;
}

/* Counts and limits of everything that comes from a file. */
static vlt_status check_source(const vlt_vocab_source *source, int32_t *size, size_t *text_bytes,
                               vlt_error *err)
{
    enum { TOKENS_MAX = 1 << 26, TEXT_MAX = 1 << 30 };
    if (source->token_count < 0 || source->token_count > TOKENS_MAX || source->merge_count < 0 ||
        source->merge_count > TOKENS_MAX || source->added_count < 0 ||
        source->added_count > TOKENS_MAX) {
        return vlt_fail(
            err, VLT_STATUS_LIMIT,
            "vocabulary: %d tokens, %d merges, %d added tokens, expected at most %d each",
            source->token_count, source->merge_count, source->added_count, TOKENS_MAX);
    }
    *size = source->token_count;
    *text_bytes = 0;
    for (int32_t i = 0; i < source->token_count; i++) {
        *text_bytes += source->token[i].bytes ? source->token[i].length : 0;
        if (source->token[i].bytes && source->token[i].length == 0) {
            return vlt_fail(err, VLT_STATUS_INPUT, "token %d is empty", i);
        }
    }
    for (int32_t i = 0; i < source->added_count; i++) {
        const vlt_added_token *added = &source->added[i];
        if (added->id < 0 || added->id >= TOKENS_MAX) {
            return vlt_fail(err, VLT_STATUS_INPUT, "added token '%s': id %d, expected 0 to %d",
                            vlt_quoted(added->text, added->length).text, added->id, TOKENS_MAX - 1);
        }
        if (added->length == 0) {
            return vlt_fail(err, VLT_STATUS_INPUT, "added token %d is empty", added->id);
        }
        *size = added->id >= *size ? added->id + 1 : *size;
        *text_bytes += added->length;
    }
    if (*text_bytes > TEXT_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT,
                        "vocabulary: %zu bytes of tokens, expected at most %d", *text_bytes,
                        TEXT_MAX);
    }
    return VLT_OK;
}

/* bytes, first and flag. An added token may repeat a base token, with the same id and text. */
static vlt_status fill_tokens(vlt_vocab *vocab, const vlt_vocab_source *source, vlt_error *err)
{
    const vlt_added_token **added_of;
    vlt_status status = take((size_t)vocab->size, sizeof *added_of, &added_of, err);
    for (int32_t i = 0; i < source->added_count && status == VLT_OK; i++) {
        const vlt_added_token *added = &source->added[i];
        vlt_token_text base = {0};
        if (added->id < source->token_count) {
            base = source->token[added->id];
        }
        const vlt_added_token *other = added_of[added->id];
        if (other || (base.bytes && (base.length != added->length ||
                                     memcmp(base.bytes, added->text, base.length) != 0))) {
            status = vlt_fail(err, VLT_STATUS_INPUT, "id %d: added token '%s', expected '%s'",
                              added->id, vlt_quoted(added->text, added->length).text,
                              vlt_quoted(other ? other->text : (const char *)base.bytes,
                                         other ? other->length : base.length)
                                  .text);
        }
        added_of[added->id] = added;
    }
    uint32_t used = 0;
    for (int32_t id = 0; id < vocab->size && status == VLT_OK; id++) {
        const vlt_added_token *added = added_of[id];
        vlt_token_text text = {0};
        if (added) {
            text = (vlt_token_text){(const uint8_t *)added->text, added->length};
            vocab->flag[id] = (uint8_t)(VLT_TOKEN_PRESENT | VLT_TOKEN_ADDED |
                                        (added->special ? VLT_TOKEN_SPECIAL : 0));
        } else if (id < source->token_count && source->token[id].bytes) {
            text = source->token[id];
            vocab->flag[id] = VLT_TOKEN_PRESENT;
        }
        vocab->first[id] = used;
        if (text.bytes) {
            memcpy(vocab->bytes + used, text.bytes, text.length);
            used += text.length;
        }
        vocab->first[id + 1] = used;
    }
    vlt_free(added_of);
    return status;
}

static vlt_status fill_bytes(vlt_vocab *vocab, const vlt_vocab_source *source, vlt_error *err)
{
    memset(vocab->byte_id, 0xFF, sizeof vocab->byte_id);
    for (int32_t id = 0; id < source->token_count; id++) {
        const vlt_token_text *token = &source->token[id];
        if (token->bytes && token->length == 1) {
            vocab->byte_id[token->bytes[0]] = id;
        }
    }
    for (int b = 0; b < 256; b++) {
        if (vocab->byte_id[b] < 0) {
            return vlt_fail(err, VLT_STATUS_INPUT, "vocabulary: no token for the byte 0x%02X",
                            (unsigned)b);
        }
    }
    return VLT_OK;
}

static vlt_status check_merge(const vlt_vocab *vocab, const vlt_vocab_source *source, int32_t rank,
                              vlt_error *err)
{
    const vlt_merge *merge = &source->merge[rank];
    const int32_t ids[] = {merge->left, merge->right, merge->result};
    for (int i = 0; i < 3; i++) {
        if (ids[i] < 0 || ids[i] >= source->token_count || !source->token[ids[i]].bytes) {
            return vlt_fail(err, VLT_STATUS_INPUT, "merge %d: its %s, id %d, is no token", rank,
                            i == 0   ? "left part"
                            : i == 1 ? "right part"
                                     : "result",
                            ids[i]);
        }
    }
    vlt_token_text left = vlt_vocab_token(vocab, ids[0]), right = vlt_vocab_token(vocab, ids[1]);
    vlt_token_text result = vlt_vocab_token(vocab, ids[2]);
    if (result.length != left.length + right.length ||
        memcmp(result.bytes, left.bytes, left.length) != 0 ||
        memcmp(result.bytes + left.length, right.bytes, right.length) != 0) {
        return vlt_fail(err, VLT_STATUS_INPUT, "merge %d: token %d is not tokens %d and %d joined",
                        rank, ids[2], ids[0], ids[1]);
    }
    return VLT_OK;
}

/* A pair that is listed twice has its last rank, as in the reference. */
static void insert_pair(vlt_vocab *vocab, const vlt_merge *merge, int32_t rank)
{
    uint32_t i = vlt_pair_hash(merge->left, merge->right) & vocab->pair_mask;
    while (vocab->pair[i].rank >= 0 &&
           (vocab->pair[i].left != merge->left || vocab->pair[i].right != merge->right)) {
        i = (i + 1) & vocab->pair_mask;
    }
    vocab->pair[i] = (vlt_pair_slot){merge->left, merge->right, rank, merge->result};
    const vlt_token_text left = vlt_vocab_token(vocab, merge->left);
    const vlt_token_text right = vlt_vocab_token(vocab, merge->right);
    if (left.length == 1 && right.length == 1 && vocab->byte_id[*left.bytes] == merge->left &&
        vocab->byte_id[*right.bytes] == merge->right) {
        vocab->byte_pair[*left.bytes << 8 | *right.bytes] = (vlt_byte_pair){rank + 1,
                                                                            merge->result};
    }
}

static vlt_status fill_pairs(vlt_vocab *vocab, const vlt_vocab_source *source, vlt_error *err)
{
    void *byte_pair = NULL; /* zeros, of which few pages are met */
    vlt_status status = vlt_pages_take(BYTE_PAIRS_BYTES, &byte_pair, err);
    vocab->byte_pair = byte_pair;
    for (uint32_t i = 0; i <= vocab->pair_mask; i++) {
        vocab->pair[i] = (vlt_pair_slot){-1, -1, -1, -1};
    }
    for (int32_t rank = 0; rank < source->merge_count && status == VLT_OK; rank++) {
        status = check_merge(vocab, source, rank, err);
        if (status == VLT_OK) {
            insert_pair(vocab, &source->merge[rank], rank);
        }
    }
    return status;
}

static int compare_texts(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_added(const void *a, const void *b, void *vocab)
{
    vlt_token_text x = vlt_vocab_token(vocab, *(const int32_t *)a);
    vlt_token_text y = vlt_vocab_token(vocab, *(const int32_t *)b);
    return compare_texts(x.bytes, x.length, y.bytes, y.length);
}

static vlt_status fill_added(vlt_vocab *vocab, const vlt_vocab_source *source, vlt_error *err)
{
    int starts = 0;
    vocab->added_count = source->added_count;
    for (int32_t i = 0; i < source->added_count; i++) {
        uint8_t start = (uint8_t)source->added[i].text[0];
        vocab->added[i] = source->added[i].id;
        starts += !vocab->added_start[start];
        vocab->added_start[start] = 1;
        for (unsigned second = 0; second < 256; second++) {
            bool fits = source->added[i].length == 1 || (uint8_t)source->added[i].text[1] == second;
            vocab->added_pair[start << 5 | second >> 3] |= (uint8_t)(fits << (second & 7));
        }
        vocab->lone_start = start;
    }
    vocab->lone_start = starts == 1 ? vocab->lone_start : -1;
    qsort_r(vocab->added, (size_t)vocab->added_count, sizeof *vocab->added, compare_added, vocab);
    for (int32_t i = 1; i < vocab->added_count; i++) {
        if (compare_added(&vocab->added[i - 1], &vocab->added[i], vocab) == 0) {
            vlt_token_text token = vlt_vocab_token(vocab, vocab->added[i]);
            return vlt_fail(err, VLT_STATUS_INPUT, "added token '%s' has the ids %d and %d",
                            vlt_quoted((const char *)token.bytes, token.length).text,
                            vocab->added[i - 1], vocab->added[i]);
        }
    }
    return VLT_OK;
}

/* The added tokens that begin with the bytes read so far are a range of the sorted list; reading
 * one more byte narrows it. */
size_t vlt_vocab_match_added(const vlt_vocab *vocab, const uint8_t *p, size_t bytes, int32_t *id)
{
    int32_t low = 0, high = vocab->added_count;
    size_t longest = 0;
    for (size_t depth = 0; depth < bytes && low < high; depth++) {
        while (low < high) {
            vlt_token_text token = vlt_vocab_token(vocab, vocab->added[low]);
            if (token.length > depth && token.bytes[depth] >= p[depth]) {
                break;
            }
            low++;
        }
        while (low < high &&
               vlt_vocab_token(vocab, vocab->added[high - 1]).bytes[depth] > p[depth]) {
            high--;
        }
        if (low < high && vlt_vocab_token(vocab, vocab->added[low]).length == depth + 1) {
            longest = depth + 1;
            *id = vocab->added[low];
        }
    }
    return longest;
}

static vlt_status fill_cuts(vlt_vocab *vocab, vlt_error *err)
{
    void *cuts = NULL; /* of half a megabyte as many pages as there are pairs */
    vlt_status status = vlt_pages_take(sizeof *vocab->cuts, &cuts, err);
    vocab->cuts = cuts;
    for (int32_t id = 0; id < vocab->size && status == VLT_OK; id++) {
        vlt_token_text token = vlt_vocab_token(vocab, id);
        vlt_cuts_note(vocab->cuts, token.bytes, token.length);
    }
    return status;
}

vlt_status vlt_vocab_create(const vlt_vocab_source *source, vlt_vocab **out, vlt_error *err)
{
    vlt_vocab *vocab = NULL;
    size_t text_bytes = 0;
    int32_t size = 0;
    *out = NULL;
    vlt_status status = check_source(source, &size, &text_bytes, err);
    if (status != VLT_OK || (status = take(1, sizeof *vocab, &vocab, err)) != VLT_OK) {
        return status;
    }
    vocab->size = size;
    vocab->lone_start = -1;
    vocab->pair_mask = vlt_vocab_mask_for((size_t)source->merge_count);
    if ((status = take(text_bytes, 1, &vocab->bytes, err)) != VLT_OK ||
        (status = take((size_t)size + 1, sizeof *vocab->first, &vocab->first, err)) != VLT_OK ||
        (status = take((size_t)size, 1, &vocab->flag, err)) != VLT_OK ||
        (status = take((size_t)source->added_count, sizeof *vocab->added, &vocab->added, err)) !=
            VLT_OK ||
        (status = take_table((size_t)vocab->pair_mask + 1, sizeof *vocab->pair, &vocab->pair,
                             err)) != VLT_OK ||
        (status = fill_tokens(vocab, source, err)) != VLT_OK ||
        (status = fill_bytes(vocab, source, err)) != VLT_OK ||
        (status = fill_added(vocab, source, err)) != VLT_OK ||
        (status = fill_pairs(vocab, source, err)) != VLT_OK ||
        (status = vlt_vocab_fill_words(vocab, source, err)) != VLT_OK ||
        (status = fill_cuts(vocab, err)) != VLT_OK) {
        vlt_vocab_destroy(vocab);
        return status;
    }
    *out = vocab;
    return VLT_OK;
}

static vlt_status move_table(const vlt_memory_policy *policy, void *table, size_t bytes,
                             vlt_error *err)
{
    void *old, *moved;
    memcpy(&old, table, sizeof old);
    vlt_status status = vlt_policy_pages_take(policy, bytes, &moved, err);
    if (status == VLT_OK) {
        memcpy(moved, old, bytes);
        memcpy(table, &moved, sizeof moved);
        vlt_table_release(old, bytes);
    }
    return status;
}

vlt_status vlt_vocab_follow(vlt_vocab *vocab, const vlt_memory_policy *policy, vlt_error *err)
{
    if (!policy->small_pages) {
        return VLT_OK; /* as they were taken */
    }
    vlt_status status = move_table(policy, &vocab->pair,
                                   ((size_t)vocab->pair_mask + 1) * sizeof *vocab->pair, err);
    return status == VLT_OK ? move_table(policy, &vocab->word,
                                         ((size_t)vocab->word_mask + 1) * sizeof *vocab->word, err)
                            : status;
}

void vlt_vocab_destroy(vlt_vocab *vocab)
{
    if (vocab) {
        vlt_free(vocab->bytes);
        vlt_free(vocab->first);
        vlt_free(vocab->flag);
        vlt_free(vocab->added);
        vlt_table_release(vocab->pair, ((size_t)vocab->pair_mask + 1) * sizeof *vocab->pair);
        vlt_pages_release(vocab->byte_pair, BYTE_PAIRS_BYTES);
        vlt_vocab_release_words(vocab);
        vlt_pages_release(vocab->cuts, sizeof *vocab->cuts);
        vlt_free(vocab);
    }
}

int32_t vlt_vocab_size(const vlt_vocab *vocab)
{
    return vocab->size;
}

vlt_token_text vlt_vocab_token(const vlt_vocab *vocab, int32_t id)
{
    if (id < 0 || id >= vocab->size || !vocab->flag[id]) {
        return (vlt_token_text){0};
    }
    return (vlt_token_text){vocab->bytes + vocab->first[id],
                            vocab->first[id + 1] - vocab->first[id]};
}

bool vlt_vocab_is_special(const vlt_vocab *vocab, int32_t id)
{
    return id >= 0 && id < vocab->size && vocab->flag[id] & VLT_TOKEN_SPECIAL;
}

bool vlt_vocab_is_added(const vlt_vocab *vocab, int32_t id)
{
    return id >= 0 && id < vocab->size && vocab->flag[id] & VLT_TOKEN_ADDED;
}

int32_t vlt_vocab_find_added(const vlt_vocab *vocab, const char *text, size_t length)
{
    int32_t low = 0, high = vocab->added_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        vlt_token_text token = vlt_vocab_token(vocab, vocab->added[middle]);
        int order = compare_texts(token.bytes, token.length, (const uint8_t *)text, length);
        if (order == 0) {
            return vocab->added[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return -1;
}

#include <stdlib.h>
#include <string.h>

#include "harness/model/tokenizer_internal.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"

enum { ID_MAX = (1 << 26) - 1 };

/* Added tokens of Qwen3 in the order of their ids; the first SPECIALS of them are special
 * (harness/model/README.md#special-tokens). */
enum { SPECIALS = 14 };
static const char *const published[] = {"<|endoftext|>",
                                        "<|im_start|>",
                                        "<|im_end|>",
                                        "<|object_ref_start|>",
                                        "<|object_ref_end|>",
                                        "<|box_start|>",
                                        "<|box_end|>",
                                        "<|quad_start|>",
                                        "<|quad_end|>",
                                        "<|vision_start|>",
                                        "<|vision_end|>",
                                        "<|vision_pad|>",
                                        "<|image_pad|>",
                                        "<|video_pad|>",
                                        "<tool_call>",
                                        "</tool_call>",
                                        "<|fim_prefix|>",
                                        "<|fim_middle|>",
                                        "<|fim_suffix|>",
                                        "<|fim_pad|>",
                                        "<|repo_name|>",
                                        "<|file_sep|>",
                                        "<tool_response>",
                                        "</tool_response>",
                                        "<think>",
                                        "</think>"};
enum { PUBLISHED = sizeof published / sizeof *published };

void vlt_tokenizer_build_release(vlt_tokenizer_build *build)
{
    free(build->token);
    free(build->bytes);
    free(build->slot);
    free(build->merge);
    free(build->added);
    *build = (vlt_tokenizer_build){0};
}

static vlt_status no_memory(const vlt_tokenizer_build *build, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", build->name);
}

static vlt_quoted_text quoted(const vlt_tree *text)
{
    return vlt_quoted(text->text, text->length);
}

/* The byte that a code point stands for (harness/model/README.md#byte-alphabet), or -1: printable
 * Latin-1 stands for itself, the other 68 bytes for U+0100 and up in their order. */
static int byte_of(uint32_t code)
{
    if ((code >= 0x21 && code <= 0x7E) || (code >= 0xA1 && code <= 0xFF && code != 0xAD)) {
        return (int)code;
    }
    uint32_t rest = code - 0x100;
    return rest <= 0x20   ? (int)rest
           : rest <= 0x42 ? (int)(0x7F + rest - 0x21)
           : rest == 0x43 ? 0xAD
                          : -1;
}

/* Undoes the byte alphabet: room for `bytes` bytes. SIZE_MAX when a character is not in it. */
static size_t raw_bytes(const char *text, size_t bytes, uint8_t *out)
{
    size_t used = 0;
    for (size_t i = 0; i < bytes;) {
        uint8_t first = (uint8_t)text[i++];
        uint32_t code = first;
        if (first >= 0x80) {
            if (first >= 0xE0 || i == bytes) {
                return SIZE_MAX;
            }
            code = (uint32_t)(first & 0x1F) << 6 | ((uint8_t)text[i++] & 0x3Fu);
        }
        int byte = byte_of(code);
        if (byte < 0) {
            return SIZE_MAX;
        }
        out[used++] = (uint8_t)byte;
    }
    return used;
}

static int32_t *find_slot(const vlt_tokenizer_build *build, const uint8_t *bytes, size_t length)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < length; i++) {
        h = (h ^ bytes[i]) * 0x100000001B3u;
    }
    uint32_t i = (uint32_t)(h ^ h >> 32) & build->slot_mask;
    for (;; i = (i + 1) & build->slot_mask) {
        if (!build->slot[i]) {
            return &build->slot[i];
        }
        const vlt_token_text *token = &build->token[build->slot[i] - 1];
        if (token->length == length && memcmp(token->bytes, bytes, length) == 0) {
            return &build->slot[i];
        }
    }
}

static vlt_status allocate_vocab(vlt_tokenizer_build *build, const vlt_tree *vocab, vlt_error *err)
{
    int64_t id, highest = -1;
    size_t bytes = 0;
    for (uint32_t i = 0; i < vocab->count; i++) {
        const vlt_tree *key = vlt_tree_key(vocab, i), *value = vlt_tree_value(vocab, i);
        if (!vlt_tree_int(value, 0, ID_MAX, &id)) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: token '%s': its id is %s, expected 0 to %d",
                            build->name, quoted(key).text, vlt_tree_quoted(value).text, ID_MAX);
        }
        highest = id > highest ? id : highest;
        bytes += key->length;
    }
    uint32_t slots = 16;
    while (slots < 2 * (uint64_t)vocab->count) {
        slots *= 2;
    }
    build->token_count = (int32_t)highest + 1;
    build->slot_mask = slots - 1;
    build->token = calloc((size_t)build->token_count + 1, sizeof *build->token);
    build->bytes = malloc(bytes + 1);
    build->slot = calloc(slots, sizeof *build->slot);
    return build->token && build->bytes && build->slot ? VLT_OK : no_memory(build, err);
}

vlt_status vlt_tokenizer_build_vocab(vlt_tokenizer_build *build, const vlt_tree *vocab,
                                     vlt_error *err)
{
    if (!vocab || vocab->type != VLT_TREE_OBJECT || vocab->count > ID_MAX) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: the vocabulary is %s, expected an object",
                        build->name, vlt_tree_quoted(vocab).text);
    }
    vlt_status status = allocate_vocab(build, vocab, err);
    for (uint32_t i = 0; i < vocab->count && status == VLT_OK; i++) {
        const vlt_tree *key = vlt_tree_key(vocab, i);
        int64_t id = 0;
        vlt_tree_int(vlt_tree_value(vocab, i), 0, ID_MAX, &id);
        uint8_t *bytes = build->bytes + build->bytes_used;
        size_t length = raw_bytes(key->text, key->length, bytes);
        if (length == SIZE_MAX || length == 0) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s: token %lld '%s' is not written in the byte alphabet", build->name,
                            (long long)id, quoted(key).text);
        }
        if (build->token[id].bytes) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: id %lld is given twice, again to '%s'",
                            build->name, (long long)id, quoted(key).text);
        }
        int32_t *slot = find_slot(build, bytes, length);
        if (*slot) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: token '%s' has the ids %d and %lld",
                            build->name, quoted(key).text, *slot - 1, (long long)id);
        }
        *slot = (int32_t)id + 1;
        build->token[id] = (vlt_token_text){bytes, (uint32_t)length};
        build->bytes_used += length;
    }
    return status;
}

vlt_status vlt_tokenizer_build_merges(vlt_tokenizer_build *build, size_t count, vlt_error *err)
{
    if (count > ID_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: %zu merges, expected at most %d", build->name,
                        count, ID_MAX);
    }
    build->merge_max = (int32_t)count;
    build->merge = malloc((count + 1) * sizeof *build->merge);
    return build->merge ? VLT_OK : no_memory(build, err);
}

vlt_status vlt_tokenizer_build_merge(vlt_tokenizer_build *build, const char *left,
                                     size_t left_bytes, const char *right, size_t right_bytes,
                                     vlt_error *err)
{
    enum { PART_MAX = 4096 };
    uint8_t whole[2 * PART_MAX];
    const char *text[] = {left, right};
    size_t text_bytes[] = {left_bytes, right_bytes}, length[3] = {0};
    int32_t id[3];
    for (int i = 0; i < 2; i++) {
        length[i] = text_bytes[i] > PART_MAX
                        ? SIZE_MAX
                        : raw_bytes(text[i], text_bytes[i], whole + (i ? length[0] : 0));
        id[i] = length[i] == SIZE_MAX
                    ? -1
                    : *find_slot(build, whole + (i ? length[0] : 0), length[i]) - 1;
        if (id[i] < 0) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: merge %d: its part '%s' is no token",
                            build->name, build->merge_count,
                            vlt_quoted(text[i], text_bytes[i]).text);
        }
    }
    id[2] = *find_slot(build, whole, length[0] + length[1]) - 1;
    if (id[2] < 0) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: merge %d: '%s' and '%s' joined are no token",
                        build->name, build->merge_count, vlt_quoted(left, left_bytes).text,
                        vlt_quoted(right, right_bytes).text);
    }
    build->merge[build->merge_count++] = (vlt_merge){id[0], id[1], id[2]};
    return VLT_OK;
}

static vlt_status put_added(vlt_tokenizer_build *build, const char *text, size_t bytes, int64_t id,
                            bool special, vlt_error *err)
{
    if (bytes == 0 || bytes > UINT16_MAX) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: added token %lld: %zu bytes, expected 1 to %d",
                        build->name, (long long)id, bytes, UINT16_MAX);
    }
    if (build->added_count == build->added_max) {
        int32_t room = build->added_max ? build->added_max * 2 : 64;
        vlt_added_token *added = realloc(build->added, (size_t)room * sizeof *added);
        if (!added) {
            return no_memory(build, err);
        }
        build->added = added;
        build->added_max = room;
    }
    build->added[build->added_count++] = (vlt_added_token){text, (uint32_t)bytes, (int32_t)id,
                                                           special};
    return VLT_OK;
}

vlt_status vlt_tokenizer_build_added(vlt_tokenizer_build *build, const vlt_tree *token, int64_t id,
                                     vlt_error *err)
{
    static const char *const off[] = {"single_word", "lstrip", "rstrip", "normalized"};
    const vlt_tree *content = vlt_tree_get(token, "content");
    if (!content || content->type != VLT_TREE_STRING) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: added token %lld: its content is %s",
                        build->name, (long long)id, vlt_tree_quoted(content).text);
    }
    if (id < 0 || id > ID_MAX) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: added token '%s': id %lld, expected 0 to %d",
                        build->name, quoted(content).text, (long long)id, ID_MAX);
    }
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        const vlt_tree *flag = vlt_tree_get(token, off[i]);
        if (flag && flag->type != VLT_TREE_FALSE) {
            return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                            "%s: added token '%s': %s is %s, expected false", build->name,
                            quoted(content).text, off[i], vlt_tree_quoted(flag).text);
        }
    }
    const vlt_tree *special = vlt_tree_get(token, "special");
    return put_added(build, content->text, content->length, id,
                     special && special->type == VLT_TREE_TRUE, err);
}

vlt_status vlt_tokenizer_build_named(vlt_tokenizer_build *build, const char *text, size_t bytes,
                                     int64_t id, vlt_error *err)
{
    bool special = false;
    for (int i = 0; i < SPECIALS; i++) {
        special |= strlen(published[i]) == bytes && memcmp(published[i], text, bytes) == 0;
    }
    return put_added(build, text, bytes, id, special, err);
}

vlt_status vlt_tokenizer_build_published(vlt_tokenizer_build *build, vlt_error *err)
{
    vlt_status status = VLT_OK;
    for (int i = 0; i < PUBLISHED && status == VLT_OK; i++) {
        status = vlt_tokenizer_build_named(build, published[i], strlen(published[i]),
                                           (int64_t)build->token_count + i, err);
    }
    return status;
}

vlt_status vlt_tokenizer_build_finish(vlt_tokenizer_build *build, vlt_vocab **out, vlt_error *err)
{
    vlt_vocab_source source = {build->token,       build->token_count, build->merge,
                               build->merge_count, build->added,       build->added_count};
    vlt_status status = vlt_vocab_create(&source, out, err);
    return status == VLT_OK ? VLT_OK : vlt_fail_in(err, status, "%s: ", build->name);
}

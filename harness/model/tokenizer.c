#include "harness/model/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/json.h"
#include "harness/model/tokenizer_internal.h"
#include "optimizations/core/utf8_text.h"

struct vlt_tokenizer {
    vlt_vocab *vocab;
};

/* The pattern that the encoders implement (harness/model/README.md#pre-tokenisation). */
static const char split_pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
                                    "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                                    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

static vlt_status finish(vlt_tokenizer_build *build, vlt_tokenizer **out, vlt_error *err)
{
    vlt_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    vlt_status status = tokenizer
                            ? vlt_tokenizer_build_finish(build, &tokenizer->vocab, err)
                            : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", build->name);
    if (status != VLT_OK) {
        free(tokenizer);
        return status;
    }
    *out = tokenizer;
    return VLT_OK;
}

/* "NAME: KEY is SOMETHING, expected EXPECTED" */
static vlt_status refuse(const char *name, const char *key, const vlt_tree *value,
                         const char *expected, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_UNSUPPORTED, "%s: %s is %s, expected %s", name, key,
                    vlt_tree_quoted(value).text, expected);
}

static bool absent(const vlt_tree *value)
{
    return !value || value->type == VLT_TREE_NULL;
}

static bool is_false(const vlt_tree *value)
{
    return absent(value) || value->type == VLT_TREE_FALSE;
}

/* A single object, or a Sequence of one: {"type": "Sequence", key: [...]}. */
static const vlt_tree *only_one(const vlt_tree *value, const char *key)
{
    const vlt_tree *list = vlt_tree_get(value, key);
    bool sequence = vlt_tree_is(vlt_tree_get(value, "type"), "Sequence") && list &&
                    list->type == VLT_TREE_ARRAY && list->count == 1;
    return sequence ? &list->child[0] : value;
}

static vlt_status check_split(const vlt_tree *root, const char *name, vlt_error *err)
{
    const vlt_tree *pre = vlt_tree_get(root, "pre_tokenizer");
    const vlt_tree *list = vlt_tree_get(pre, "pretokenizers");
    if (!vlt_tree_is(vlt_tree_get(pre, "type"), "Sequence") || !list ||
        list->type != VLT_TREE_ARRAY || list->count != 2) {
        return refuse(name, "pre_tokenizer", vlt_tree_get(pre, "type"),
                      "a Sequence of Split and ByteLevel", err);
    }
    const vlt_tree *split = &list->child[0], *bytes = &list->child[1];
    const vlt_tree *pattern = vlt_tree_get(vlt_tree_get(split, "pattern"), "Regex");
    if (!vlt_tree_is(vlt_tree_get(split, "type"), "Split")) {
        return refuse(name, "the first pre_tokenizer", vlt_tree_get(split, "type"), "'Split'", err);
    }
    if (!vlt_tree_is(pattern, split_pattern)) {
        return refuse(name, "the pattern of Split", pattern, "the one of Qwen2 and Qwen3", err);
    }
    if (!vlt_tree_is(vlt_tree_get(split, "behavior"), "Isolated")) {
        return refuse(name, "the behavior of Split", vlt_tree_get(split, "behavior"), "'Isolated'",
                      err);
    }
    if (!is_false(vlt_tree_get(split, "invert"))) {
        return refuse(name, "invert of Split", vlt_tree_get(split, "invert"), "false", err);
    }
    if (!vlt_tree_is(vlt_tree_get(bytes, "type"), "ByteLevel")) {
        return refuse(name, "the second pre_tokenizer", vlt_tree_get(bytes, "type"), "'ByteLevel'",
                      err);
    }
    const vlt_tree *prefix = vlt_tree_get(bytes, "add_prefix_space");
    const vlt_tree *regex = vlt_tree_get(bytes, "use_regex");
    /* Both default to true in the reference. */
    if (absent(prefix) || !is_false(prefix)) {
        return refuse(name, "add_prefix_space", prefix, "false", err);
    }
    if (absent(regex) || !is_false(regex)) {
        return refuse(name, "use_regex", regex, "false", err);
    }
    return VLT_OK;
}

static vlt_status check_model(const vlt_tree *model, const char *name, vlt_error *err)
{
    static const char *const off[] = {"ignore_merges", "byte_fallback"};
    static const char *const empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const vlt_tree *type = vlt_tree_get(model, "type"), *dropout = vlt_tree_get(model, "dropout");
    const vlt_tree *unknown = vlt_tree_get(model, "unk_token");
    double share;
    if (!absent(type) && !vlt_tree_is(type, "BPE")) {
        return refuse(name, "model.type", type, "'BPE'", err);
    }
    if (!absent(dropout) && !(vlt_tree_double(dropout, &share) && share == 0)) {
        return refuse(name, "model.dropout", dropout, "null", err);
    }
    if (!absent(unknown)) {
        return refuse(name, "model.unk_token", unknown, "null", err);
    }
    for (int i = 0; i < 2; i++) {
        const vlt_tree *flag = vlt_tree_get(model, off[i]), *text = vlt_tree_get(model, empty[i]);
        char key[64];
        if (!is_false(flag)) {
            vlt_utf8_format(key, sizeof key, "model.%s", off[i]);
            return refuse(name, key, flag, "false", err);
        }
        if (!absent(text) && !vlt_tree_is(text, "")) {
            vlt_utf8_format(key, sizeof key, "model.%s", empty[i]);
            return refuse(name, key, text, "''", err);
        }
    }
    return VLT_OK;
}

/* Is the pipeline the one we implement? Post-processors only act when special tokens are added. */
static vlt_status check_pipeline(const vlt_tree *root, const char *name, vlt_error *err)
{
    const vlt_tree *normalizer = only_one(vlt_tree_get(root, "normalizer"), "normalizers");
    const vlt_tree *decoder = only_one(vlt_tree_get(root, "decoder"), "decoders");
    if (root->type != VLT_TREE_OBJECT) {
        return refuse(name, "the document", root, "an object", err);
    }
    if (!vlt_tree_is(vlt_tree_get(normalizer, "type"), "NFC")) {
        return refuse(name, "normalizer", vlt_tree_get(normalizer, "type"), "'NFC'", err);
    }
    if (!vlt_tree_is(vlt_tree_get(decoder, "type"), "ByteLevel")) {
        return refuse(name, "decoder", vlt_tree_get(decoder, "type"), "'ByteLevel'", err);
    }
    if (!absent(vlt_tree_get(root, "truncation"))) {
        return refuse(name, "truncation", vlt_tree_get(root, "truncation"), "null", err);
    }
    if (!absent(vlt_tree_get(root, "padding"))) {
        return refuse(name, "padding", vlt_tree_get(root, "padding"), "null", err);
    }
    vlt_status status = check_split(root, name, err);
    return status == VLT_OK ? check_model(vlt_tree_get(root, "model"), name, err) : status;
}

/* Merges are "a b" strings in older files, pairs in newer ones. */
static vlt_status read_merge(vlt_tokenizer_build *build, const vlt_tree *merge, vlt_error *err)
{
    if (merge->type == VLT_TREE_ARRAY && merge->count == 2 &&
        merge->child[0].type == VLT_TREE_STRING && merge->child[1].type == VLT_TREE_STRING) {
        return vlt_tokenizer_build_merge(build, merge->child[0].text, merge->child[0].length,
                                         merge->child[1].text, merge->child[1].length, err);
    }
    const char *space = merge->type == VLT_TREE_STRING ? memchr(merge->text, ' ', merge->length)
                                                       : NULL;
    if (!space) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: merge %d is %s, expected \"a b\" or a pair",
                        build->name, build->merge_count, vlt_tree_quoted(merge).text);
    }
    size_t left = (size_t)(space - merge->text);
    return vlt_tokenizer_build_merge(build, merge->text, left, space + 1, merge->length - left - 1,
                                     err);
}

static vlt_status read_merges(vlt_tokenizer_build *build, const vlt_tree *merges, vlt_error *err)
{
    if (!merges || merges->type != VLT_TREE_ARRAY) {
        return refuse(build->name, "model.merges", merges, "an array", err);
    }
    vlt_status status = vlt_tokenizer_build_merges(build, merges->count, err);
    for (uint32_t i = 0; i < merges->count && status == VLT_OK; i++) {
        status = read_merge(build, &merges->child[i], err);
    }
    return status;
}

static vlt_status read_added(vlt_tokenizer_build *build, const vlt_tree *added, vlt_error *err)
{
    vlt_status status = VLT_OK;
    if (absent(added)) {
        return VLT_OK;
    }
    if (added->type != VLT_TREE_ARRAY) {
        return refuse(build->name, "added_tokens", added, "an array", err);
    }
    for (uint32_t i = 0; i < added->count && status == VLT_OK; i++) {
        int64_t id;
        const vlt_tree *number = vlt_tree_get(&added->child[i], "id");
        if (!vlt_tree_int(number, INT32_MIN, INT32_MAX, &id)) {
            return refuse(build->name, "the id of an added token", number, "an integer", err);
        }
        status = vlt_tokenizer_build_added(build, &added->child[i], id, err);
    }
    return status;
}

vlt_status vlt_tokenizer_from_json(const char *text, size_t bytes, const char *name,
                                   vlt_tokenizer **out, vlt_error *err)
{
    vlt_tree_document *document = NULL;
    vlt_tokenizer_build build = {.name = name};
    *out = NULL;
    vlt_status status = vlt_tree_parse_file(text, bytes, name, false, &document, err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_tree *root = vlt_tree_root(document), *model = vlt_tree_get(root, "model");
    if ((status = check_pipeline(root, name, err)) == VLT_OK &&
        (status = vlt_tokenizer_build_vocab(&build, vlt_tree_get(model, "vocab"), err)) == VLT_OK &&
        (status = read_merges(&build, vlt_tree_get(model, "merges"), err)) == VLT_OK &&
        (status = read_added(&build, vlt_tree_get(root, "added_tokens"), err)) == VLT_OK) {
        status = finish(&build, out, err);
    }
    vlt_tokenizer_build_release(&build);
    vlt_tree_destroy(document);
    return status;
}

/* One merge a line; some copies lack the version line, some have CRLF. */
static vlt_status read_merge_lines(vlt_tokenizer_build *build, const char *text, size_t bytes,
                                   vlt_error *err)
{
    static const char version[] = "#version";
    size_t lines = 1;
    for (size_t i = 0; i < bytes; i++) {
        lines += text[i] == '\n';
    }
    vlt_status status = vlt_tokenizer_build_merges(build, lines, err);
    const char *end = text + bytes;
    for (const char *line = text, *next; line < end && status == VLT_OK; line = next) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        next = feed ? feed + 1 : end;
        size_t length = (size_t)((feed ? feed : end) - line);
        length -= length > 0 && line[length - 1] == '\r';
        bool header = length >= sizeof version - 1 &&
                      memcmp(line, version, sizeof version - 1) == 0;
        if (length == 0 || header) {
            continue;
        }
        const char *space = memchr(line, ' ', length);
        if (!space) {
            return vlt_fail(err, VLT_STATUS_INPUT, "%s: merge %d: '%s', expected two parts",
                            build->name, build->merge_count, vlt_quoted(line, length).text);
        }
        size_t left = (size_t)(space - line);
        status = vlt_tokenizer_build_merge(build, line, left, space + 1, length - left - 1, err);
    }
    return status;
}

/* added_tokens_decoder of tokenizer_config.json {"151643": {...}}, or added_tokens.json
 * {"<|endoftext|>": 151643}; a tokenizer_config.json without either names none. */
static vlt_status read_added_file(vlt_tokenizer_build *build, const vlt_tree *root, bool *named,
                                  vlt_error *err)
{
    const vlt_tree *decoder = vlt_tree_get(root, "added_tokens_decoder");
    const vlt_tree *table = decoder ? decoder : root;
    vlt_status status = VLT_OK;
    *named = false;
    if (table->type != VLT_TREE_OBJECT) {
        return refuse(build->name, "the table of added tokens", table, "an object", err);
    }
    for (uint32_t i = 0; i < table->count && status == VLT_OK; i++) {
        const vlt_tree *key = vlt_tree_key(table, i), *value = vlt_tree_value(table, i);
        vlt_tree number = {.type = VLT_TREE_INTEGER, .text = key->text, .length = key->length};
        int64_t id;
        if (decoder && !vlt_tree_int(&number, 0, INT32_MAX, &id)) {
            return refuse(build->name, "a key of added_tokens_decoder", key, "an id", err);
        }
        if (decoder) {
            status = vlt_tokenizer_build_added(build, value, id, err);
            *named = true;
        } else if (value->type == VLT_TREE_INTEGER && key->length > 2 && key->text[0] == '<' &&
                   vlt_tree_int(value, 0, INT32_MAX, &id)) {
            status = vlt_tokenizer_build_named(build, key->text, key->length, id, err);
            *named = true;
        }
    }
    return status;
}

vlt_status vlt_tokenizer_from_merges(const char *vocab, size_t vocab_bytes, const char *merges,
                                     size_t merges_bytes, const char *added, size_t added_bytes,
                                     const char *name, vlt_tokenizer **out, vlt_error *err)
{
    vlt_tree_document *vocab_document = NULL, *added_document = NULL;
    vlt_tokenizer_build build = {.name = name};
    bool named = false;
    *out = NULL;
    vlt_status status = vlt_tree_parse_file(vocab, vocab_bytes, name, false, &vocab_document, err);
    if (status == VLT_OK && added) {
        status = vlt_tree_parse_file(added, added_bytes, name, false, &added_document, err);
    }
    if (status == VLT_OK) {
        status = vlt_tokenizer_build_vocab(&build, vlt_tree_root(vocab_document), err);
    }
    if (status == VLT_OK) {
        status = read_merge_lines(&build, merges, merges_bytes, err);
    }
    if (status == VLT_OK && added) {
        status = read_added_file(&build, vlt_tree_root(added_document), &named, err);
    }
    if (status == VLT_OK && !named) {
        status = vlt_tokenizer_build_published(&build, err);
    }
    if (status == VLT_OK) {
        status = finish(&build, out, err);
    }
    vlt_tokenizer_build_release(&build);
    vlt_tree_destroy(vocab_document);
    vlt_tree_destroy(added_document);
    return status;
}

enum { FILE_LIMIT = 1 << 28 };

/* A file of the folder; *text stays NULL when there is none. */
static vlt_status read_optional(const char *folder, const char *file, char *path, size_t path_room,
                                char **text, size_t *bytes, vlt_error *err)
{
    *text = NULL;
    *bytes = 0;
    int length = snprintf(path, path_room, "%s/%s", folder, file);
    if (length < 0 || (size_t)length >= path_room) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: the path has %d bytes, expected less than %zu",
                        folder, length, path_room);
    }
    if (access(path, F_OK) != 0) {
        return VLT_OK;
    }
    return vlt_read_file(path, FILE_LIMIT, text, bytes, err);
}

static vlt_status load_merges(const char *folder, vlt_tokenizer **out, vlt_error *err)
{
    static const char *const files[] = {"vocab.json", "merges.txt", "tokenizer_config.json",
                                        "added_tokens.json"};
    char path[4096], *text[4] = {NULL};
    size_t bytes[4] = {0};
    vlt_status status = VLT_OK;
    for (int i = 0; i < 4 && status == VLT_OK; i++) {
        status = read_optional(folder, files[i], path, sizeof path, &text[i], &bytes[i], err);
    }
    if (status == VLT_OK && !(text[0] && text[1])) {
        status = vlt_fail(err, VLT_STATUS_IO,
                          "%s: no tokenizer.json, and no vocab.json with merges.txt", folder);
    }
    if (status == VLT_OK) {
        bool config = text[2] && memmem(text[2], bytes[2], "\"added_tokens_decoder\"", 22);
        int added = config ? 2 : 3;
        status = vlt_tokenizer_from_merges(text[0], bytes[0], text[1], bytes[1], text[added],
                                           bytes[added], folder, out, err);
    }
    for (int i = 0; i < 4; i++) {
        free(text[i]);
    }
    return status;
}

vlt_status vlt_tokenizer_load(const char *folder, vlt_tokenizer **out, vlt_error *err)
{
    char path[4096], *text;
    size_t bytes;
    *out = NULL;
    vlt_status status = read_optional(folder, "tokenizer.json", path, sizeof path, &text, &bytes,
                                      err);
    if (status != VLT_OK || !text) {
        return status != VLT_OK ? status : load_merges(folder, out, err);
    }
    status = vlt_tokenizer_from_json(text, bytes, path, out, err);
    free(text);
    return status;
}

void vlt_tokenizer_destroy(vlt_tokenizer *tokenizer)
{
    if (tokenizer) {
        vlt_vocab_destroy(tokenizer->vocab);
        free(tokenizer);
    }
}

vlt_status vlt_tokenizer_follow(vlt_tokenizer *tokenizer, const vlt_memory_policy *policy,
                                vlt_error *err)
{
    return vlt_vocab_follow(tokenizer->vocab, policy, err);
}

const vlt_vocab *vlt_tokenizer_vocab(const vlt_tokenizer *tokenizer)
{
    return tokenizer->vocab;
}

vlt_status vlt_tokenizer_encode(const vlt_tokenizer *tokenizer, vlt_context *context,
                                const char *text, size_t bytes, const vlt_text_ranges *plain,
                                int32_t **ids, size_t *id_count, vlt_error *err)
{
    vlt_bpe_encode_constants constants = {.vocab = tokenizer->vocab};
    vlt_problem problem = vlt_bpe_encode_problem(bytes, &constants);
    vlt_plan *plan = NULL;
    *ids = NULL;
    *id_count = 0;
    vlt_status status = vlt_plan_create(context, &problem, &plan, err);
    if (status != VLT_OK) {
        return status;
    }
    *ids = malloc(vlt_bpe_encode_bound(bytes) * sizeof **ids);
    if (*ids) {
        vlt_bpe_encode_args args = {.text = text,
                                    .text_bytes = bytes,
                                    .ids = *ids,
                                    .id_count = id_count,
                                    .plain = plain ? *plain : (vlt_text_ranges){0}};
        status = vlt_plan_run(plan, (vlt_frame){0}, &args, err);
    } else {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "text of %zu bytes: out of memory", bytes);
    }
    if (status != VLT_OK) {
        free(*ids);
        *ids = NULL;
    } else {
        int32_t *fitted = realloc(*ids, (*id_count + 1) * sizeof *fitted);
        *ids = fitted ? fitted : *ids;
    }
    vlt_plan_destroy(plan);
    return status;
}

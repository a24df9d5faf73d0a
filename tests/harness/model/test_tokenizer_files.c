/* Reading tokenizer files: both layouts give the same, what is not implemented is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/data.h"
#include "tests/support/tokens.h"

/* A small tokenizer.json; the parts in capitals are replaced by the tests. */
static const char outline[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[ADDED],"
    "\"normalizer\":NORMALIZER,\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"PATTERN\"},\"behavior\":\"Isolated\","
    "\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,"
    "\"use_regex\":false}]},\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\"},"
    "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
    "\"continuing_subword_prefix\":\"\",\"end_of_word_suffix\":\"\",\"fuse_unk\":false,"
    "\"byte_fallback\":false,\"ignore_merges\":IGNORE,\"vocab\":{VOCAB},\"merges\":[MERGES]}}";

static const char pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}"
    "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+";

struct parts {
    const char *added, *normalizer, *pattern, *ignore, *extra_vocab, *merges;
};

static const struct parts good = {"{\"id\":260,\"content\":\"<x>\",\"special\":true}",
                                  "{\"type\":\"NFC\"}",
                                  pattern,
                                  "false",
                                  ",\"ab\":256,\"abc\":257,\"\\u0120a\":258",
                                  "\"a b\",[\"ab\",\"c\"],\"\\u0120 a\""};

static char *replace(char *text, const char *word, const char *by)
{
    char *at = strstr(text, word);
    size_t before = (size_t)(at - text), room = strlen(text) + strlen(by) + 1;
    char *out = malloc(room);
    cr_assert_lt(before, room);
    memcpy(out, text, before);
    snprintf(out + before, room - before, "%s%s", by, at + strlen(word));
    free(text);
    return out;
}

/* The byte alphabet as vocabulary entries 0 .. 255. */
static char *byte_entries(void)
{
    char *text = malloc(8192);
    size_t used = 0;
    int id = 0;
    text[0] = '\0';
    for (unsigned code = 0x21; code < 0x144; code++) {
        if ((code > 0x7E && code < 0xA1) || code == 0xAD) {
            continue;
        }
        used += (size_t)snprintf(text + used, 8192 - used, "%s\"\\u%04x\":%d", id ? "," : "", code,
                                 id);
        id++;
    }
    return text;
}

static vlt_status load(const struct parts *parts, vlt_tokenizer **out, vlt_error *err)
{
    char *bytes = byte_entries(), *text = strdup(outline);
    char *vocab = malloc(strlen(bytes) + strlen(parts->extra_vocab) + 1);
    sprintf(vocab, "%s%s", bytes, parts->extra_vocab);
    text = replace(text, "ADDED", parts->added);
    text = replace(text, "NORMALIZER", parts->normalizer);
    text = replace(text, "PATTERN", parts->pattern);
    text = replace(text, "IGNORE", parts->ignore);
    text = replace(text, "VOCAB", vocab);
    text = replace(text, "MERGES", parts->merges);
    vlt_status status = vlt_tokenizer_from_json(text, strlen(text), "t.json", out, err);
    free(text);
    free(vocab);
    free(bytes);
    return status;
}

Test(tokenizer_files, reads_json)
{
    vlt_tokenizer *tokenizer;
    vlt_error err = {0};
    size_t count;
    cr_assert_eq(load(&good, &tokenizer, &err), VLT_OK, "%s", err.message);
    const vlt_vocab *vocab = vlt_tokenizer_vocab(tokenizer);
    cr_assert_eq(vlt_vocab_size(vocab), 261);
    cr_assert_eq(memcmp(vlt_vocab_token(vocab, 258).bytes, " a", 2), 0, "raw bytes");
    int32_t *ids = test_encode(vocab, "scanner", "abc a<x>", 8, false, &count);
    cr_assert(count == 3 && ids[0] == 257 && ids[1] == 258 && ids[2] == 260);
    free(ids);
    vlt_tokenizer_destroy(tokenizer);
}

static void refused(struct parts parts, const char *message)
{
    vlt_tokenizer *tokenizer;
    vlt_error err = {0};
    cr_assert_neq(load(&parts, &tokenizer, &err), VLT_OK, "%s", message);
    cr_assert_null(tokenizer);
    cr_assert(strstr(err.message, message) && strstr(err.message, "t.json"), "'%s' lacks '%s'",
              err.message, message);
}

Test(tokenizer_files, refuses_what_is_not_implemented)
{
    struct parts p = good;
    p.normalizer = "{\"type\":\"NFKC\"}";
    refused(p, "normalizer is 'NFKC', expected 'NFC'");
    p.normalizer = "null";
    refused(p, "normalizer is missing");
    p = good;
    p.pattern = "\\\\w+";
    refused(p, "the pattern of Split is '\\w+'");
    p = good;
    p.ignore = "true";
    refused(p, "model.ignore_merges is true, expected false");
    p = good;
    p.added = "{\"id\":260,\"content\":\"<x>\",\"lstrip\":true}";
    refused(p, "added token '<x>': lstrip is true");
    p.added = "{\"id\":260,\"content\":\"<x>\",\"normalized\":true}";
    refused(p, "normalized is true");
    p.added = "{\"id\":\"7\",\"content\":\"<x>\"}";
    refused(p, "the id of an added token is '7'");
    p.added = "{\"id\":260}";
    refused(p, "its content is missing");
    p.added = "{\"id\":256,\"content\":\"<x>\"}";
    refused(p, "id 256: added token '<x>', expected 'ab'");
    p.added = "{\"id\":99999999,\"content\":\"<x>\"}";
    refused(p, "id 99999999");
}

Test(tokenizer_files, refuses_malformed_tables)
{
    struct parts p = good;
    p.extra_vocab = ",\"ab\":255";
    refused(p, "id 255 is given twice");
    p.extra_vocab = ",\"ab\":256,\"abc\":257,\"ab\":258";
    refused(p, "token 'ab' has the ids 256 and 258");
    p.extra_vocab = ",\"a b\":256";
    refused(p, "not written in the byte alphabet");
    p.extra_vocab = ",\"\":256";
    refused(p, "not written in the byte alphabet");
    p.extra_vocab = ",\"ab\":-1";
    refused(p, "its id is -1");
    p.extra_vocab = ",\"ab\":\"x\"";
    refused(p, "its id is 'x'");
    p.extra_vocab = ",\"ab\":4000000000";
    refused(p, "its id is 4000000000");
    p = good;
    p.merges = "\"a zz\"";
    refused(p, "merge 0: its part 'zz' is no token");
    p.merges = "\"a c\"";
    refused(p, "'a' and 'c' joined are no token");
    p.merges = "\"ab\"";
    refused(p, "merge 0 is 'ab'");
    p.merges = "[\"a\",\"b\",\"c\"]";
    refused(p, "merge 0 is an array");
    p.merges = "7";
    refused(p, "merge 0 is 7");
}

Test(tokenizer_files, merges_text_in_all_its_forms)
{
    static const char *const files[] = {"#version: 0.2\na b\nab c\n\xC4\xA0 a\n",
                                        "a b\r\nab c\r\n\xC4\xA0 a\r\n", "a b\nab c\n\n\xC4\xA0 a"};
    char *bytes = byte_entries(), vocab[8192];
    snprintf(vocab, sizeof vocab, "{%s%s}", bytes, good.extra_vocab);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        vlt_tokenizer *tokenizer;
        vlt_error err = {0};
        size_t count;
        const char *added = i == 0   ? "{\"added_tokens_decoder\":{\"300\":{\"content\":\"<x>\"}}}"
                            : i == 1 ? "{\"<x>\":300}"
                                     : NULL;
        cr_assert_eq(vlt_tokenizer_from_merges(vocab, strlen(vocab), files[i], strlen(files[i]),
                                               added, added ? strlen(added) : 0, "f", &tokenizer,
                                               &err),
                     VLT_OK, "%s", err.message);
        const vlt_vocab *v = vlt_tokenizer_vocab(tokenizer);
        int32_t *ids = test_encode(v, "scanner", "abc a", 5, false, &count);
        cr_assert(count == 2 && ids[0] == 257 && ids[1] == 258, "file %zu", i);
        free(ids);
        cr_assert_eq(vlt_vocab_find_added(v, "<x>", 3), added ? 300 : -1);
        /* Where nobody names added tokens, those of the published checkpoints follow. */
        cr_assert_eq(vlt_vocab_find_added(v, "<|im_end|>", 10), added ? -1 : 261);
        vlt_tokenizer_destroy(tokenizer);
    }
    free(bytes);
}

Test(tokenizer_files, missing_folder)
{
    vlt_tokenizer *tokenizer;
    vlt_error err = {0};
    cr_assert_eq(vlt_tokenizer_load("/nowhere", &tokenizer, &err), VLT_STATUS_IO);
    cr_assert(strstr(err.message, "/nowhere: no tokenizer.json"), "%s", err.message);
}

/* The vectors of llama.cpp (46 and an empty one), one line of ids for each text. */
Test(tokenizer_files, llama_cpp_vectors)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    size_t bytes, ids_bytes;
    int vectors = 0;
    vlt_tokenizer *tokenizer = test_real_tokenizer();
    char *texts = test_read_data("data/tokenizer/ggml-vocab-qwen2.inp", &bytes);
    char *lines = test_read_data("data/tokenizer/ggml-vocab-qwen2.out", &ids_bytes);
    char *line = lines;
    for (char *text = texts; tokenizer && text && line && *line; vectors++) {
        char *end = strstr(text, separator), *line_end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - text) : strlen(text), count;
        int32_t *ids = test_encode(vlt_tokenizer_vocab(tokenizer), "scanner", text, length, false,
                                   &count);
        for (size_t i = 0; i < count; i++) {
            cr_assert_eq(strtol(line, &line, 10), ids[i], "vector %d", vectors);
        }
        cr_assert_eq(strspn(line, " "), (size_t)(line_end - line), "vector %d: more ids", vectors);
        free(ids);
        line = line_end + 1;
        text = end ? end + sizeof separator - 1 : NULL;
    }
    cr_assert(!tokenizer || !texts || vectors == 46, "%d vectors", vectors);
    free(texts);
    free(lines);
    vlt_tokenizer_destroy(tokenizer);
}

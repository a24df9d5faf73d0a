#include "harness/model/chat_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/json/buffer.h"
#include "harness/json/json.h"
#include "harness/json/tree.h"
#include "optimizations/core/hash.h"
#include "optimizations/core/sha256.h"

enum { FILE_LIMIT = 64 << 20 };

/* Of the text, lines ended by line feeds, the last one too. What is at hand is known by a hash that
 * costs nothing; libcrypto, whose first digest takes 1 ms and 2.5 MB, is loaded for the others. */
static const vlt_hash128 known_at_sight[] = {
    /* of `vltune model make`: the part without tools */
    {0x830e05a37f028d83, 0x5d3054511866b228},
    /* as published, written as golden/chat/template.jinja writes it */
    {0xd444c1a5b70e9637, 0x0a1b36c2356c78b0},
};

static const char *const known_sha256[] = {
    /* Qwen3-VL Instruct of all sizes, as published */
    "3636d0f0bd6bef02654cdffdc447b79cb2cef8ab02cc75267345946291a489e4",
};

static vlt_status look_up(const char *text, size_t bytes, bool *known, vlt_error *err)
{
    const vlt_hash128 hash = vlt_hash128_bytes(text, bytes);
    char hex[VLT_SHA256_HEX] = "";
    *known = false;
    for (size_t i = 0; i < sizeof known_at_sight / sizeof *known_at_sight; i++) {
        if (vlt_hash128_same(hash, known_at_sight[i])) {
            *known = true;
            return VLT_OK;
        }
    }
    vlt_status status = vlt_sha256_hex(text, bytes, hex, err);
    for (size_t i = 0; i < sizeof known_sha256 / sizeof *known_sha256; i++) {
        *known = *known || !strcmp(hex, known_sha256[i]);
    }
    return status;
}

/* Of a text as a file has it. */
static vlt_status judge(const char *text, size_t bytes, bool *known, vlt_error *err)
{
    vlt_buffer clean = {0};
    vlt_status status;
    while (bytes && text[bytes - 1] && strchr(" \t\r\n", text[bytes - 1])) {
        bytes--;
    }
    for (const char *p = text, *end = text + bytes; p < end;) {
        const char *feed = memmem(p, (size_t)(end - p), "\r\n", 2);
        vlt_buffer_put(&clean, p, (size_t)((feed ? feed : end) - p));
        p = feed ? feed + 1 : end;
    }
    vlt_buffer_text(&clean, "\n");
    *known = false;
    status = clean.failed ? vlt_fail(err, VLT_STATUS_NOMEM, "no memory for a chat template")
                          : look_up(clean.data, clean.bytes, known, err);
    free(clean.data);
    return status;
}

bool vlt_chat_template_known(const char *text, size_t bytes)
{
    bool known;
    return judge(text, bytes, &known, NULL) == VLT_OK && known;
}

/* chat_template: a text, or a list of {"name", "template"}, of which the default counts. NULL:
 * none.
 */
static const vlt_tree *template_of(const vlt_tree *root)
{
    const vlt_tree *value = vlt_tree_get(root, "chat_template");
    if (value && value->type == VLT_TREE_ARRAY) {
        const vlt_tree *list = value;
        value = NULL;
        for (uint32_t i = 0; i < list->count; i++) {
            if (vlt_tree_is(vlt_tree_get(&list->child[i], "name"), "default")) {
                value = vlt_tree_get(&list->child[i], "template");
            }
        }
    }
    return value && value->type == VLT_TREE_STRING ? value : NULL;
}

/* *found: the file has a template, so the later ones do not count. */
static vlt_status check_file(const char *path, bool json, bool *found, vlt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    vlt_tree_document *document = NULL;
    vlt_error reason = {0};
    bool same = true;
    vlt_status judged = VLT_OK;
    vlt_status status = vlt_read_file(path, FILE_LIMIT, &text, &bytes, err);
    if (status == VLT_OK && json) {
        status = vlt_tree_parse_file(text, bytes, path, false, &document, err);
    }
    if (status == VLT_OK && json) {
        const vlt_tree *value = template_of(vlt_tree_root(document));
        *found = value != NULL;
        judged = value ? judge(value->text, value->length, &same, &reason) : VLT_OK;
    } else if (status == VLT_OK) {
        *found = true;
        judged = judge(text, bytes, &same, &reason);
    }
    vlt_tree_destroy(document);
    free(text);
    if (status != VLT_OK) {
        return vlt_fail_in(err, VLT_STATUS_UNSUPPORTED, "no chat template can be read: ");
    }
    if (judged != VLT_OK) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "%s: not known whether its chat template is that of Qwen3-VL Instruct, by "
                        "which conversations are rendered (%s)",
                        path, reason.message);
    }
    return same ? VLT_OK
                : vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                           "%s: a foreign chat template, conversations are rendered by that of "
                           "Qwen3-VL Instruct",
                           path);
}

vlt_status vlt_chat_template_check(const char *folder, vlt_error *err)
{
    static const char *const files[] = {"chat_template.jinja", "chat_template.json",
                                        "processor_config.json", "tokenizer_config.json"};
    vlt_status status = VLT_OK;
    bool found = false;
    for (size_t i = 0; i < sizeof files / sizeof *files && status == VLT_OK && !found; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", folder, files[i]) < 0) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", folder);
        }
        if (access(path, F_OK) == 0) {
            status = check_file(path, i > 0, &found, err);
        }
        free(path);
    }
    return status;
}

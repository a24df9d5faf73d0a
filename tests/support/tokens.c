#include "tests/support/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/data.h"
#include "tests/support/variants.h"

static char *read_pipe(const char *path, size_t *bytes)
{
    char command[1200];
    snprintf(command, sizeof command, "xz -dc '%s'", path);
    FILE *pipe = popen(command, "r");
    size_t room = 1 << 20, used = 0, got;
    char *text = malloc(room + 1);
    while (pipe && text && (got = fread(text + used, 1, room - used, pipe)) > 0) {
        used += got;
        if (used == room) {
            room *= 2;
            text = realloc(text, room + 1);
        }
    }
    if (!pipe || pclose(pipe) != 0 || !text || used == 0) {
        free(text);
        return NULL;
    }
    text[used] = '\0';
    *bytes = used;
    return text;
}

char *test_read_data(const char *relative, size_t *bytes)
{
    char message[256];
    const char *path = test_data(relative);
    size_t length = strlen(relative);
    if (!path) {
        snprintf(message, sizeof message, "no %s under VLT_DATA", relative);
        test_skip(message);
        return NULL;
    }
    if (length < 3 || strcmp(relative + length - 3, ".xz") != 0) {
        return test_read_file(path, bytes);
    }
    char *text = read_pipe(path, bytes);
    if (!text) {
        snprintf(message, sizeof message, "%s: the program xz cannot decompress it", relative);
        test_skip(message);
    }
    return text;
}

vlt_tokenizer *test_real_tokenizer(void)
{
    size_t bytes;
    vlt_error err = {0};
    vlt_tokenizer *tokenizer = NULL;
    char *text = test_read_data("golden/tokenizer/tokenizer.json.xz", &bytes);
    if (text &&
        vlt_tokenizer_from_json(text, bytes, "tokenizer.json", &tokenizer, &err) != VLT_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    free(text);
    return tokenizer;
}

bool test_each_line(const char *relative, void (*each)(void *user, int line, const vlt_tree *root),
                    void *user)
{
    size_t bytes;
    char *text = test_read_data(relative, &bytes);
    int number = 0;
    if (!text) {
        return false;
    }
    for (char *line = text, *end = text + bytes; line < end;) {
        char *feed = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((feed ? feed : end) - line);
        vlt_tree_document *document = NULL;
        vlt_error err = {0};
        number++;
        if (vlt_tree_parse(line, length, relative, true, &document, &err) != VLT_OK) {
            fprintf(stderr, "%s\n", err.message);
            abort();
        }
        each(user, number, vlt_tree_root(document));
        vlt_tree_destroy(document);
        line += length + 1;
    }
    free(text);
    return true;
}

int32_t *test_ids(const vlt_tree *array, size_t *count)
{
    int32_t *ids = malloc((array->count + 1) * sizeof *ids);
    for (uint32_t i = 0; i < array->count; i++) {
        int64_t id = -1;
        vlt_tree_int(&array->child[i], INT32_MIN, INT32_MAX, &id);
        ids[i] = (int32_t)id;
    }
    *count = array->count;
    return ids;
}

int32_t *test_encode(const vlt_vocab *vocab, const char *variant, const char *text, size_t bytes,
                     bool no_special, size_t *count)
{
    test_context test;
    vlt_error err = {0};
    vlt_plan *plan = NULL;
    vlt_bpe_encode_constants constants = {.vocab = vocab};
    vlt_problem problem = vlt_bpe_encode_problem(bytes, &constants);
    int32_t *ids = malloc(vlt_bpe_encode_bound(bytes) * sizeof *ids);
    test_context_init(&test);
    vlt_bpe_encode_args args = {
        .text = text, .text_bytes = bytes, .no_special = no_special, .ids = ids, .id_count = count};
    const vlt_variant *named = variant ? vlt_registry_find_variant(&vlt_op_bpe_encode, variant)
                                       : NULL;
    vlt_status status = named ? vlt_plan_create_with(&test.context, &problem, named, NULL, &plan,
                                                     &err)
                              : vlt_plan_create(&test.context, &problem, &plan, &err);
    if (status != VLT_OK || vlt_plan_run(plan, (vlt_frame){0}, &args, &err) != VLT_OK) {
        fprintf(stderr, "%s: %s\n", variant ? variant : "the default", err.message);
        abort();
    }
    vlt_plan_destroy(plan);
    test_context_release(&test);
    return ids;
}

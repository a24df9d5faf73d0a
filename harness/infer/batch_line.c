#include "harness/infer/batch_line.h"

#include <stdlib.h>
#include <string.h>

#include "harness/model/chat.h"
#include "optimizations/core/utf8_text.h"

bool vlt_batch_next_line(FILE *input, char **line, size_t *room, size_t *bytes)
{
    for (;;) {
        ssize_t length = getline(line, room, input);
        if (length < 0) {
            return false;
        }
        while (length > 0 && strchr("\r\n", (*line)[length - 1]) && (*line)[length - 1]) {
            length--;
        }
        for (ssize_t i = 0; i < length; i++) {
            if ((*line)[i] != ' ' && (*line)[i] != '\t') {
                *bytes = (size_t)length;
                return true;
            }
        }
    }
}

static vlt_status wrong_type(const char *name, const char *key, const vlt_tree *value,
                             const char *expected, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_INPUT, "%s: key '%s' is %s, expected %s", name, key,
                    vlt_tree_type_name(value), expected);
}

/* A NUL-terminated copy that lives with the line. */
static vlt_status copy_text(vlt_batch_line *line, const char *name, const char *key,
                            const vlt_tree *value, const char **out, vlt_error *err)
{
    if (value->type != VLT_TREE_STRING || memchr(value->text, 0, value->length)) {
        return wrong_type(name, key, value, "a text without NUL", err);
    }
    if (line->text_count == VLT_BATCH_TEXTS_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "%s: key '%s': more than %d texts", name, key,
                        VLT_BATCH_TEXTS_MAX);
    }
    char *copy = strndup(value->text, value->length);
    if (!copy) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    line->text[line->text_count++] = copy;
    *out = copy;
    return VLT_OK;
}

/* A text or a list of texts, as pointers into line->text. */
static vlt_status copy_list(vlt_batch_line *line, const char *name, const char *key,
                            const vlt_tree *value, const char *const **out, int *count,
                            vlt_error *err)
{
    const char *ignored;
    vlt_status status = VLT_OK;
    int first = line->text_count;
    if (value->type == VLT_TREE_STRING) {
        status = copy_text(line, name, key, value, &ignored, err);
    } else if (value->type == VLT_TREE_ARRAY) {
        for (uint32_t i = 0; i < value->count && status == VLT_OK; i++) {
            status = copy_text(line, name, key, &value->child[i], &ignored, err);
        }
    } else {
        status = wrong_type(name, key, value, "a text or a list of texts", err);
    }
    *out = (const char *const *)line->text + first;
    *count = line->text_count - first;
    return status;
}

static vlt_status read_real(const char *name, const char *key, const vlt_tree *value, double *out,
                            vlt_error *err)
{
    return vlt_tree_double(value, out) ? VLT_OK
                                       : wrong_type(name, key, value, "a finite number", err);
}

static vlt_status read_int(const char *name, const char *key, const vlt_tree *value, int64_t low,
                           int64_t high, int64_t *out, vlt_error *err)
{
    if (vlt_tree_int(value, low, high, out)) {
        return VLT_OK;
    }
    return vlt_fail(err, VLT_STATUS_INPUT, "%s: key '%s' is %s, expected an integer, %lld to %lld",
                    name, key, vlt_tree_type_name(value), (long long)low, (long long)high);
}

static vlt_status read_flag(const char *name, const char *key, const vlt_tree *value, bool *out,
                            vlt_error *err)
{
    if (value->type != VLT_TREE_TRUE && value->type != VLT_TREE_FALSE) {
        return wrong_type(name, key, value, "true or false", err);
    }
    *out = value->type == VLT_TREE_TRUE;
    return VLT_OK;
}

/* Numbers of sampling. *known tells whether the key is one of them. */
static vlt_status read_sampling(const char *name, const char *key, const vlt_tree *value,
                                vlt_request *request, bool *known, vlt_error *err)
{
    const struct {
        const char *key;
        double *out;
        uint32_t given;
    } reals[] = {
        {"temperature", &request->temperature, VLT_GIVEN_TEMPERATURE},
        {"top_p", &request->top_p, VLT_GIVEN_TOP_P},
        {"min_p", &request->min_p, VLT_GIVEN_MIN_P},
        {"repetition_penalty", &request->repetition_penalty, VLT_GIVEN_REPETITION_PENALTY},
        {"presence_penalty", &request->presence_penalty, VLT_GIVEN_PRESENCE_PENALTY},
    };
    *known = true;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        if (!strcmp(key, reals[i].key)) {
            request->given |= reals[i].given;
            return read_real(name, key, value, reals[i].out, err);
        }
    }
    if (!strcmp(key, "top_k")) {
        request->given |= VLT_GIVEN_TOP_K;
        return read_int(name, key, value, 0, INT32_MAX, &request->top_k, err);
    }
    if (!strcmp(key, "seed")) {
        int64_t seed = 0;
        request->given |= VLT_GIVEN_SEED;
        vlt_status status = read_int(name, key, value, 0, INT64_MAX, &seed, err);
        request->seed = (uint64_t)seed;
        return status;
    }
    *known = false;
    return VLT_OK;
}

static vlt_status read_member(vlt_batch_line *line, const char *name, const char *key,
                              const vlt_tree *value, const vlt_engine *engine, vlt_error *err)
{
    vlt_request *request = &line->request;
    bool known;
    int64_t number = 0;
    vlt_status status = read_sampling(name, key, value, request, &known, err);
    if (known || value->type == VLT_TREE_NULL) {
        return status;
    }
    if (!strcmp(key, "id")) {
        return VLT_OK;
    }
    if (!strcmp(key, "messages")) {
        line->messages = value;
    } else if (!strcmp(key, "tools")) {
        line->tools = value;
    } else if (!strcmp(key, "prompt")) {
        status = copy_text(line, name, key, value, &request->prompt, err);
    } else if (!strcmp(key, "system")) {
        status = copy_text(line, name, key, value, &request->system, err);
    } else if (!strcmp(key, "images")) {
        status = copy_list(line, name, key, value, &request->images, &request->image_count, err);
    } else if (!strcmp(key, "stop")) {
        status = copy_list(line, name, key, value, &request->stops, &request->stop_count, err);
    } else if (!strcmp(key, "max_tokens")) {
        status = read_int(name, key, value, 0, INT32_MAX, &number, err);
        request->max_tokens = number ? number : -1;
    } else if (!strcmp(key, "logprobs")) {
        status = read_int(name, key, value, 0, INT32_MAX, &number, err);
        request->logprobs = (int)number;
    } else if (!strcmp(key, "greedy")) {
        status = read_flag(name, key, value, &request->greedy, err);
    } else if (!strcmp(key, "ignore_eos")) {
        status = read_flag(name, key, value, &request->ignore_eos, err);
    } else if (!strcmp(key, "add_vision_id")) {
        status = read_flag(name, key, value, &request->add_vision_id, err);
    } else {
        vlt_engine_message(engine, 0, "%s: unknown key '%s'", name, vlt_quoted_word(key).text);
    }
    return status;
}

/* The id as JSON again; null when it is absent. */
static json_t *read_id(const vlt_tree *root)
{
    const vlt_tree *value = vlt_tree_get(root, "id");
    char *text = NULL;
    size_t bytes = 0;
    json_t *id = NULL;
    if (value && vlt_chat_dumps(value, &text, &bytes, NULL) == VLT_OK) {
        id = json_loadb(text, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    }
    free(text);
    return id ? id : json_null();
}

vlt_status vlt_batch_line_read(const char *text, size_t bytes, const char *name,
                               const vlt_request *defaults, const vlt_engine *engine,
                               vlt_batch_line *out, vlt_error *err)
{
    *out = (vlt_batch_line){.request = *defaults};
    out->request.messages = out->request.prompt = out->request.system = NULL;
    out->request.image_count = 0;
    out->id = json_null();
    vlt_status status = vlt_tree_parse(text, bytes, name, true, &out->document, err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_tree *root = vlt_tree_root(out->document);
    if (root->type != VLT_TREE_OBJECT) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: the line is %s, expected an object", name,
                        vlt_tree_type_name(root));
    }
    out->id = read_id(root);
    for (uint32_t i = 0; i < root->count && status == VLT_OK; i++) {
        const vlt_tree *key = vlt_tree_key(root, i);
        char *copy = strndup(key->text, key->length);
        status = copy ? read_member(out, name, copy, vlt_tree_value(root, i), engine, err)
                      : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
        free(copy);
    }
    if (status == VLT_OK && !out->messages == !out->request.prompt) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s: expected either the key 'messages' or 'prompt'", name);
    }
    return status;
}

void vlt_batch_line_release(vlt_batch_line *line)
{
    for (int i = 0; i < line->text_count; i++) {
        free(line->text[i]);
    }
    json_decref(line->id);
    vlt_tree_destroy(line->document);
    *line = (vlt_batch_line){0};
}

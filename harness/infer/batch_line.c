#include "harness/infer/batch_line.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/chat.h"
#include "optimizations/core/utf8_text.h"

static vlt_status wrong_type(const char *name, const char *key, const vlt_tree *value,
                             const char *expected, vlt_error *err)
{
    return vlt_fail(err, VLT_STATUS_INPUT, "%s: key '%s' is %s, expected %s", name, key,
                    vlt_tree_quoted(value).text, expected);
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
                    name, key, vlt_tree_quoted(value).text, (long long)low, (long long)high);
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

/* A key that nobody reads is said; one that was to bring pictures is refused: the answer would be
 * given without them. */
static vlt_status unknown_key(const char *name, const char *key, const vlt_engine *engine,
                              vlt_error *err)
{
    static const char *const media[] = {"image", "image_url", "video", "videos", "audio", "audios"};
    for (size_t i = 0; i < sizeof media / sizeof *media; i++) {
        if (!strcmp(key, media[i])) {
            return vlt_fail(err, VLT_STATUS_INPUT,
                            "%s: unknown key '%s', expected 'images' beside a prompt or items of "
                            "messages",
                            name, key);
        }
    }
    vlt_engine_message(engine, 0, "%s: unknown key '%s'", name, vlt_quoted_word(key).text);
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
    } else if (!strcmp(key, "no_special")) {
        status = read_flag(name, key, value, &request->no_special, err);
    } else {
        status = unknown_key(name, key, engine, err);
    }
    return status;
}

/* Numbers that Python writes and JSON does not know. */
static bool holds_no_number(const vlt_tree *value)
{
    double number;
    if (value->type == VLT_TREE_REAL) {
        return !vlt_tree_double(value, &number);
    }
    uint32_t children = value->type == VLT_TREE_ARRAY    ? value->count
                        : value->type == VLT_TREE_OBJECT ? 2 * value->count
                                                         : 0;
    for (uint32_t i = 0; i < children; i++) {
        if (holds_no_number(&value->child[i])) {
            return true;
        }
    }
    return false;
}

vlt_status vlt_batch_id(const vlt_tree *line, char **out, vlt_error *err)
{
    static const vlt_tree null = {.type = VLT_TREE_NULL};
    const vlt_tree *id = vlt_tree_get(line, "id");
    size_t bytes;
    *out = NULL;
    if (id && holds_no_number(id)) {
        return vlt_fail(err, VLT_STATUS_INPUT, "key 'id' is %s, expected what JSON can write again",
                        vlt_tree_quoted(id).text);
    }
    return vlt_chat_dumps(id ? id : &null, out, &bytes, err);
}

/* Keys that only go together with a prompt. */
static vlt_status check_members(const vlt_batch_line *line, const char *name, vlt_error *err)
{
    const vlt_request *request = &line->request;
    if (!line->messages == !request->prompt) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: expected either the key 'messages' or 'prompt'",
                        name);
    }
    const char *lost = request->image_count ? "images" : request->system ? "system" : NULL;
    if (line->messages && lost) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s: key '%s' beside 'messages', expected it in a message of theirs", name,
                        lost);
    }
    return VLT_OK;
}

void vlt_batch_line_init(vlt_batch_line *line)
{
    memset(line, 0, offsetof(vlt_batch_line, text));
}

vlt_status vlt_batch_line_read(const char *text, size_t bytes, const char *name,
                               const vlt_request *defaults, const vlt_engine *engine,
                               vlt_batch_line *out, vlt_error *err)
{
    vlt_batch_line_init(out);
    out->request = *defaults;
    out->request.messages = out->request.prompt = out->request.system = NULL;
    out->request.image_count = 0;
    vlt_status status = vlt_tree_parse(text, bytes, name, true, &out->document, err);
    if (status != VLT_OK) {
        return status;
    }
    const vlt_tree *root = vlt_tree_root(out->document);
    if (root->type != VLT_TREE_OBJECT) {
        return vlt_fail(err, VLT_STATUS_INPUT, "%s: the line is %s, expected an object", name,
                        vlt_tree_quoted(root).text);
    }
    status = vlt_batch_id(root, &out->id, err);
    if (status != VLT_OK) {
        return vlt_fail_in(err, status, "%s: ", name);
    }
    for (uint32_t i = 0; i < root->count && status == VLT_OK; i++) {
        const vlt_tree *key = vlt_tree_key(root, i);
        char *copy = strndup(key->text, key->length);
        status = copy ? read_member(out, name, copy, vlt_tree_value(root, i), engine, err)
                      : vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
        free(copy);
    }
    return status == VLT_OK ? check_members(out, name, err) : status;
}

void vlt_batch_line_release(vlt_batch_line *line)
{
    for (int i = 0; i < line->text_count; i++) {
        free(line->text[i]);
    }
    free(line->id);
    free(line->asked);
    vlt_tree_destroy(line->document);
    vlt_batch_line_init(line);
}

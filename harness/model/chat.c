#include "harness/model/chat.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/chat_check.h"
#include "harness/model/chat_media.h"
#include "harness/model/chat_python.h"
#include "optimizations/core/utf8_text.h"

struct render {
    const vlt_tree *messages;
    const vlt_chat_options *options;
    vlt_buffer text;
    vlt_chat *chat;
    int images, videos;
    uint32_t index, item; /* of the message and of the item in it, for errors */
    vlt_error *err;
};

static const char tools_before[] =
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are "
    "provided with function signatures within <tools></tools> XML tags:\n<tools>";
static const char tools_after[] =
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments "
    "within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, "
    "\"arguments\": <args-json-object>}\n</tool_call>";

/* Text of the template. */
static void put(struct render *r, const char *text)
{
    vlt_buffer_text(&r->text, text);
}

/* What was put since `first` is from outside. */
static void note_outside(struct render *r, size_t first)
{
    vlt_chat *chat = r->chat;
    size_t count = chat->outside_count;
    vlt_text_range *last = count ? &chat->outside[count - 1] : NULL;
    if (r->text.failed || r->text.bytes == first) {
        return;
    }
    if (last && last->end == first) {
        last->end = r->text.bytes;
        return;
    }
    if ((count & (count - 1)) == 0) { /* room doubles: at every power of two there is none left */
        vlt_text_range *room = realloc(chat->outside, (count ? count * 2 : 1) * sizeof *room);
        if (!room) {
            r->text.failed = true;
            return;
        }
        chat->outside = room;
    }
    chat->outside[chat->outside_count++] = (vlt_text_range){first, r->text.bytes};
}

static void put_outside(struct render *r, const vlt_tree *text)
{
    size_t first = r->text.bytes;
    vlt_buffer_put(&r->text, text->text, text->length);
    note_outside(r, first);
}

static void put_json(struct render *r, const vlt_tree *value)
{
    size_t first = r->text.bytes;
    vlt_python_dumps(&r->text, value);
    note_outside(r, first);
}

static bool put_str(struct render *r, const vlt_tree *value)
{
    size_t first = r->text.bytes;
    bool done = vlt_python_str(&r->text, value);
    note_outside(r, first);
    return done;
}

void vlt_chat_warn(const vlt_chat_options *options, const char *format, ...)
{
    if (options->warn) {
        char message[512];
        va_list args;
        va_start(args, format);
        vlt_utf8_vformat(message, sizeof message, format, args);
        va_end(args);
        options->warn(options->warn_user, message);
    }
}

static vlt_status refuse(const struct render *r, const char *what, const vlt_tree *value,
                         const char *expected)
{
    return vlt_fail(r->err, VLT_STATUS_INPUT, "messages[%u]: %s is %s, expected %s",
                    (unsigned)r->index, what, vlt_tree_quoted(value).text, expected);
}

/* Python's `key in item`: a key of an object, a part of a string, an element of a list; *bad for
 * what Python cannot search. */
static bool holds(const vlt_tree *item, const char *key, bool *bad)
{
    switch (item->type) {
    case VLT_TREE_OBJECT:
        return vlt_tree_get(item, key) != NULL;
    case VLT_TREE_STRING:
        return memmem(item->text, item->length, key, strlen(key)) != NULL;
    case VLT_TREE_ARRAY:
        for (uint32_t i = 0; i < item->count; i++) {
            if (vlt_tree_is(&item->child[i], key)) {
                return true;
            }
        }
        return false;
    default:
        *bad = true;
        return false;
    }
}

static vlt_status put_item_text(struct render *r, const vlt_tree *item)
{
    const vlt_tree *text = vlt_tree_get(item, "text");
    if (text && !put_str(r, text)) {
        return refuse(r, "the text of an item", text, "a string");
    }
    return VLT_OK;
}

static vlt_status put_media(struct render *r, vlt_media_kind kind, const vlt_tree *item)
{
    bool image = kind == VLT_MEDIA_IMAGE;
    int number = image ? ++r->images : ++r->videos;
    if (r->options->add_vision_id) {
        vlt_buffer_print(&r->text, image ? "Picture %d: " : "Video %d: ", number);
    }
    put(r, image ? "<|vision_start|><|image_pad|><|vision_end|>"
                 : "<|vision_start|><|video_pad|><|vision_end|>");
    vlt_status status = vlt_chat_media_add(r->chat, kind, item, r->err);
    const char *problem = status == VLT_OK ? r->chat->media[r->chat->media_count - 1].problem
                                           : NULL;
    return problem && r->options->strict
               ? vlt_fail(r->err, VLT_STATUS_INPUT, "messages[%u]: content[%u]: %s",
                          (unsigned)r->index, (unsigned)r->item, problem)
               : status;
}

/* The template's order: image before video before text. */
static vlt_status put_mixed_item(struct render *r, const vlt_tree *item, bool *bad)
{
    const vlt_tree *type = vlt_tree_get(item, "type");
    if (vlt_tree_is(type, "image") || holds(item, "image", bad) || holds(item, "image_url", bad)) {
        return put_media(r, VLT_MEDIA_IMAGE, item);
    }
    if (vlt_tree_is(type, "video") || holds(item, "video", bad)) {
        return put_media(r, VLT_MEDIA_VIDEO, item);
    }
    return holds(item, "text", bad) ? put_item_text(r, item) : VLT_OK;
}

/* A content: a string, or a list of items; media count only where `mixed`. An absent one renders
 * nothing. Of an object the template sees the keys, as strings. */
static vlt_status put_content(struct render *r, const vlt_tree *content, bool mixed)
{
    vlt_status status = VLT_OK;
    if (!content) {
        return VLT_OK;
    }
    if (content->type == VLT_TREE_STRING) {
        put_outside(r, content);
        return VLT_OK;
    }
    if (content->type != VLT_TREE_ARRAY && content->type != VLT_TREE_OBJECT) {
        return refuse(r, "content", content, "a string or a list");
    }
    for (r->item = 0; r->item < content->count && status == VLT_OK; r->item++) {
        bool bad = false;
        const vlt_tree *item = content->type == VLT_TREE_ARRAY ? &content->child[r->item]
                                                               : vlt_tree_key(content, r->item);
        if (mixed) {
            status = put_mixed_item(r, item, &bad);
        } else if (holds(item, "text", &bad)) {
            status = put_item_text(r, item);
        }
        if (bad) {
            status = refuse(r, "an item of content", item, "an object");
        }
    }
    return status;
}

static vlt_status put_call(struct render *r, const vlt_tree *call)
{
    const vlt_tree *function = vlt_tree_get(call, "function");
    function = vlt_python_true(function) ? function : call;
    const vlt_tree *name = vlt_tree_get(function, "name");
    const vlt_tree *arguments = vlt_tree_get(function, "arguments");
    put(r, "<tool_call>\n{\"name\": \"");
    if (name && !put_str(r, name)) {
        return refuse(r, "the name of a tool call", name, "a string");
    }
    put(r, "\", \"arguments\": ");
    if (!arguments) {
        return refuse(r, "the arguments of a tool call", arguments, "an object or a string");
    }
    if (arguments->type == VLT_TREE_STRING) {
        put_outside(r, arguments);
    } else {
        put_json(r, arguments);
    }
    put(r, "}\n</tool_call>");
    return VLT_OK;
}

static vlt_status put_assistant(struct render *r, const vlt_tree *message)
{
    const vlt_tree *content = vlt_tree_get(message, "content");
    const vlt_tree *calls = vlt_tree_get(message, "tool_calls");
    put(r, "<|im_start|>assistant\n");
    vlt_status status = put_content(r, content, false);
    if (status == VLT_OK && vlt_python_true(calls)) {
        if (calls->type != VLT_TREE_ARRAY) {
            return refuse(r, "tool_calls", calls, "a list");
        }
        for (uint32_t i = 0; i < calls->count && status == VLT_OK; i++) {
            put(r, i > 0 || vlt_python_true(content) ? "\n" : "");
            status = put_call(r, &calls->child[i]);
        }
    }
    put(r, "<|im_end|>\n");
    return status;
}

static bool is_role(const vlt_tree *messages, uint32_t index, const char *role)
{
    return index < messages->count &&
           vlt_tree_is(vlt_tree_get(&messages->child[index], "role"), role);
}

/* A run of tool messages shares one user turn. */
static vlt_status put_tool(struct render *r, const vlt_tree *message)
{
    bool first = r->index == 0 || !is_role(r->messages, r->index - 1, "tool");
    bool last = !is_role(r->messages, r->index + 1, "tool");
    put(r, first ? "<|im_start|>user" : "");
    put(r, "\n<tool_response>\n");
    vlt_status status = put_content(r, vlt_tree_get(message, "content"), true);
    put(r, "\n</tool_response>");
    put(r, last ? "<|im_end|>\n" : "");
    return status;
}

static vlt_status put_message(struct render *r)
{
    const vlt_tree *message = &r->messages->child[r->index];
    const vlt_tree *role = vlt_tree_get(message, "role");
    if (vlt_tree_is(role, "user")) {
        put(r, "<|im_start|>user\n");
        vlt_status status = put_content(r, vlt_tree_get(message, "content"), true);
        put(r, "<|im_end|>\n");
        return status;
    }
    if (vlt_tree_is(role, "assistant")) {
        return put_assistant(r, message);
    }
    if (vlt_tree_is(role, "tool")) {
        return put_tool(r, message);
    }
    if (!vlt_tree_is(role, "system")) {
        vlt_chat_warn(r->options, "messages[%u]: role %s renders nothing", (unsigned)r->index,
                      vlt_tree_quoted(role).text);
    } else if (r->index > 0) {
        vlt_chat_warn(r->options,
                      "messages[%u]: a system message that is not the first renders nothing",
                      (unsigned)r->index);
    }
    return VLT_OK;
}

static vlt_status put_system(struct render *r)
{
    const vlt_tree *tools = r->options->tools;
    bool system = is_role(r->messages, 0, "system"), any = vlt_python_true(tools);
    vlt_status status = VLT_OK;
    if (!system && !any) {
        return VLT_OK;
    }
    put(r, "<|im_start|>system\n");
    if (system) {
        status = put_content(r, vlt_tree_get(&r->messages->child[0], "content"), false);
    }
    if (any) {
        put(r, system ? "\n\n" : "");
        put(r, tools_before);
        for (uint32_t i = 0; i < tools->count; i++) {
            put(r, "\n");
            put_json(r, &tools->child[i]);
        }
        put(r, tools_after);
    }
    put(r, "<|im_end|>\n");
    return status;
}

vlt_status vlt_chat_render(const vlt_tree *messages, const vlt_chat_options *options, vlt_chat *out,
                           vlt_error *err)
{
    struct render r = {.messages = messages, .options = options, .chat = out, .err = err};
    *out = (vlt_chat){.own_names = options->own_names};
    if (!messages || messages->type != VLT_TREE_ARRAY || messages->count == 0) {
        bool empty = messages && messages->type == VLT_TREE_ARRAY;
        return vlt_fail(err, VLT_STATUS_INPUT, "messages: %s, expected a list of at least one",
                        empty ? "an empty list" : vlt_tree_quoted(messages).text);
    }
    vlt_status status = options->strict ? vlt_chat_check(messages, options, err) : VLT_OK;
    if (status == VLT_OK) {
        status = put_system(&r);
    }
    for (; r.index < messages->count && status == VLT_OK; r.index++) {
        status = put_message(&r);
    }
    put(&r, options->add_generation_prompt ? "<|im_start|>assistant\n" : "");
    if (status == VLT_OK && r.text.failed) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "messages: out of memory");
    }
    out->text = r.text.data;
    out->text_bytes = r.text.bytes;
    if (status != VLT_OK) {
        vlt_chat_release(out);
    }
    return status;
}

void vlt_chat_release(vlt_chat *chat)
{
    vlt_chat_media_release(chat);
    free(chat->outside);
    free(chat->text);
    *chat = (vlt_chat){0};
}

static vlt_status read_flag(const vlt_tree *value, const char *key, bool *out, vlt_error *err)
{
    *out = value && value->type == VLT_TREE_TRUE;
    if (value && value->type != VLT_TREE_TRUE && value->type != VLT_TREE_FALSE &&
        value->type != VLT_TREE_NULL) {
        return vlt_fail(err, VLT_STATUS_INPUT, "options: %s is %s, expected true or false", key,
                        vlt_tree_quoted(value).text);
    }
    return VLT_OK;
}

vlt_status vlt_chat_tools_read(const vlt_tree *tools, vlt_chat_options *options, vlt_error *err)
{
    options->tools = NULL;
    if (!tools || tools->type == VLT_TREE_NULL) {
        return VLT_OK;
    }
    if (tools->type != VLT_TREE_ARRAY) {
        return vlt_fail(err, VLT_STATUS_INPUT, "tools is %s, expected a list",
                        vlt_tree_quoted(tools).text);
    }
    for (uint32_t i = 0; i < tools->count; i++) {
        if (tools->child[i].type != VLT_TREE_OBJECT) {
            return vlt_fail(err, VLT_STATUS_INPUT, "tools[%u] is %s, expected an object",
                            (unsigned)i, vlt_tree_quoted(&tools->child[i]).text);
        }
    }
    options->tools = tools;
    return VLT_OK;
}

vlt_status vlt_chat_options_read(const vlt_tree *object, vlt_chat_options *options, vlt_error *err)
{
    static const char *const known[] = {"add_generation_prompt", "add_vision_id", "tools"};
    if (object && object->type != VLT_TREE_OBJECT && object->type != VLT_TREE_NULL) {
        return vlt_fail(err, VLT_STATUS_INPUT, "options is %s, expected an object",
                        vlt_tree_quoted(object).text);
    }
    for (uint32_t i = 0; object && i < object->count; i++) {
        const vlt_tree *key = vlt_tree_key(object, i);
        if (!vlt_tree_is(key, known[0]) && !vlt_tree_is(key, known[1]) &&
            !vlt_tree_is(key, known[2])) {
            vlt_chat_warn(options, "options: '%s' is unknown and does nothing",
                          vlt_quoted(key->text, key->length).text);
        }
    }
    vlt_status status = read_flag(vlt_tree_get(object, known[0]), known[0],
                                  &options->add_generation_prompt, err);
    if (status == VLT_OK) {
        status = read_flag(vlt_tree_get(object, known[1]), known[1], &options->add_vision_id, err);
    }
    return status == VLT_OK ? vlt_chat_tools_read(vlt_tree_get(object, known[2]), options, err)
                            : status;
}

vlt_status vlt_chat_dumps(const vlt_tree *value, char **out, size_t *bytes, vlt_error *err)
{
    vlt_buffer buffer = {0};
    vlt_python_dumps(&buffer, value);
    *out = buffer.data;
    *bytes = buffer.bytes;
    if (buffer.failed) {
        free(buffer.data);
        *out = NULL;
        return vlt_fail(err, VLT_STATUS_NOMEM, "JSON text: out of memory");
    }
    return VLT_OK;
}

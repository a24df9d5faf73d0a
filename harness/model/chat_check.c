#include "harness/model/chat_check.h"

#include <string.h>

#include "harness/json/json.h"
#include "optimizations/core/utf8_text.h"

/* Where we are, for messages. */
struct place {
    const vlt_chat_options *options;
    unsigned message, item;
    const char *turn; /* "a user turn" */
    bool media;       /* the template shows pictures of this turn */
    vlt_error *err;
};

enum kind { KIND_NONE, KIND_TEXT, KIND_IMAGE, KIND_VIDEO };

static const char *const kind_names[] = {[KIND_NONE] = "nothing",
                                         [KIND_TEXT] = "a text",
                                         [KIND_IMAGE] = "an image",
                                         [KIND_VIDEO] = "a video"};

/* The template's own order: see put_mixed_item of chat.c. */
static enum kind kind_of_item(const vlt_tree *item)
{
    const vlt_tree *type = vlt_tree_get(item, "type");
    if (vlt_tree_is(type, "image") || vlt_tree_get(item, "image") ||
        vlt_tree_get(item, "image_url")) {
        return KIND_IMAGE;
    }
    if (vlt_tree_is(type, "video") || vlt_tree_get(item, "video")) {
        return KIND_VIDEO;
    }
    return vlt_tree_get(item, "text") ? KIND_TEXT : KIND_NONE;
}

static vlt_status check_type(const struct place *place, const vlt_tree *item, enum kind kind)
{
    static const struct {
        const char *type;
        enum kind kind;
    } known[] = {{"text", KIND_TEXT},
                 {"image", KIND_IMAGE},
                 {"image_url", KIND_IMAGE},
                 {"video", KIND_VIDEO}};
    const vlt_tree *type = vlt_tree_get(item, "type");
    if (!type || type->type == VLT_TREE_NULL) {
        return kind != KIND_NONE
                   ? VLT_OK
                   : vlt_fail(place->err, VLT_STATUS_INPUT,
                              "messages[%u]: content[%u] has no type, expected text, image, "
                              "image_url or video",
                              place->message, place->item);
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!vlt_tree_is(type, known[i].type)) {
            continue;
        }
        return known[i].kind == kind
                   ? VLT_OK
                   : vlt_fail(place->err, VLT_STATUS_INPUT,
                              "messages[%u]: content[%u]: type '%s', but its keys make it %s",
                              place->message, place->item, known[i].type, kind_names[kind]);
    }
    return vlt_fail(place->err, VLT_STATUS_INPUT,
                    "messages[%u]: content[%u]: key 'type' is %s, expected text, image, image_url "
                    "or video",
                    place->message, place->item, vlt_tree_quoted(type).text);
}

/* Something is in it: not null, not "". */
static bool says_something(const vlt_tree *value)
{
    return value && value->type != VLT_TREE_NULL &&
           !(value->type == VLT_TREE_STRING && value->length == 0);
}

static vlt_status check_media(const struct place *place, const vlt_tree *item, enum kind kind)
{
    static const char *const used[] = {"type",  "image", "image_url",      "url",  "path",
                                       "video", "fps",   "frames_indices", "text", "cache_control"};
    if (!place->media) {
        return vlt_fail(
            place->err, VLT_STATUS_INPUT,
            "messages[%u]: content[%u] is %s in %s: the template leaves it out, expected "
            "it in a user or tool turn",
            place->message, place->item, kind_names[kind], place->turn);
    }
    const char *beside = says_something(vlt_tree_get(item, "text")) ? "text" : NULL;
    if (kind == KIND_IMAGE && says_something(vlt_tree_get(item, "video"))) {
        beside = "video";
    }
    if (beside) {
        return vlt_fail(place->err, VLT_STATUS_INPUT,
                        "messages[%u]: content[%u] is %s: its key '%s' would be left out, expected "
                        "an item of its own",
                        place->message, place->item, kind_names[kind], beside);
    }
    for (uint32_t i = 0; i < item->count; i++) {
        const vlt_tree *key = vlt_tree_key(item, i);
        size_t k = 0;
        while (k < sizeof used / sizeof *used && !vlt_tree_is(key, used[k])) {
            k++;
        }
        bool ours = place->options->own_names && vlt_tree_is(key, "image" VLT_JSON_HEX);
        if (k == sizeof used / sizeof *used && !ours) {
            vlt_chat_warn(place->options, "messages[%u]: content[%u]: key '%s' does nothing",
                          place->message, place->item, vlt_quoted(key->text, key->length).text);
        }
    }
    return VLT_OK;
}

/* A key with which other clients bring pictures or sound and where no template looks; beside the
 * content of a message (item false) there are more of them. NULL: none. */
static const char *find_lost(const vlt_tree *object, bool item)
{
    enum { IN_ITEMS_FROM = 3 };
    static const char *const lost[] = {"image", "image_url", "video", "images",      "videos",
                                       "audio", "audios",    "files", "input_audio", "file"};
    for (size_t i = item ? IN_ITEMS_FROM : 0; i < sizeof lost / sizeof *lost; i++) {
        const vlt_tree *value = vlt_tree_get(object, lost[i]);
        if (says_something(value) && !(value->type == VLT_TREE_ARRAY && value->count == 0)) {
            return lost[i];
        }
    }
    return NULL;
}

static vlt_status check_item(const struct place *place, const vlt_tree *item)
{
    if (item->type != VLT_TREE_OBJECT) {
        return vlt_fail(place->err, VLT_STATUS_INPUT,
                        "messages[%u]: content[%u] is %s, expected an object", place->message,
                        place->item, vlt_tree_quoted(item).text);
    }
    enum kind kind = kind_of_item(item);
    vlt_status status = check_type(place, item, kind);
    const char *lost = find_lost(item, true);
    if (status == VLT_OK && lost) {
        status = vlt_fail(place->err, VLT_STATUS_INPUT,
                          "messages[%u]: content[%u] is %s: its key '%s' would be left out",
                          place->message, place->item, kind_names[kind], lost);
    }
    return status == VLT_OK && kind != KIND_TEXT ? check_media(place, item, kind) : status;
}

static vlt_status check_keys(const struct place *place, const vlt_tree *message)
{
    const char *lost = find_lost(message, false);
    return lost
               ? vlt_fail(place->err, VLT_STATUS_INPUT,
                          "messages[%u]: key '%s' would be left out, expected items of the content",
                          place->message, lost)
               : VLT_OK;
}

static vlt_status check_content(struct place *place, const vlt_tree *content)
{
    vlt_status status = VLT_OK;
    if (content && content->type == VLT_TREE_OBJECT) {
        return vlt_fail(place->err, VLT_STATUS_INPUT,
                        "messages[%u]: content is an object, expected a string or a list",
                        place->message);
    }
    if (!content || content->type != VLT_TREE_ARRAY) {
        return VLT_OK; /* a string, or what cannot be rendered */
    }
    for (place->item = 0; place->item < content->count && status == VLT_OK; place->item++) {
        status = check_item(place, &content->child[place->item]);
    }
    return status;
}

vlt_status vlt_chat_check(const vlt_tree *messages, const vlt_chat_options *options, vlt_error *err)
{
    static const struct {
        const char *role, *turn;
        bool media;
    } turns[] = {{"system", "a system turn", false},
                 {"user", "a user turn", true},
                 {"assistant", "an assistant turn", false},
                 {"tool", "a tool turn", true}};
    vlt_status status = VLT_OK;
    for (uint32_t i = 0;
         messages && messages->type == VLT_TREE_ARRAY && i < messages->count && status == VLT_OK;
         i++) {
        const vlt_tree *message = &messages->child[i], *role = vlt_tree_get(message, "role");
        if (message->type != VLT_TREE_OBJECT) {
            return vlt_fail(err, VLT_STATUS_INPUT, "messages[%u] is %s, expected an object",
                            (unsigned)i, vlt_tree_quoted(message).text);
        }
        for (size_t t = 0; t < sizeof turns / sizeof *turns && status == VLT_OK; t++) {
            struct place place = {.options = options,
                                  .message = (unsigned)i,
                                  .turn = turns[t].turn,
                                  .media = turns[t].media,
                                  .err = err};
            if (vlt_tree_is(role, turns[t].role)) {
                status = check_keys(&place, message);
                status = status == VLT_OK ? check_content(&place, vlt_tree_get(message, "content"))
                                          : status;
            }
        }
    }
    return status;
}

#include "harness/model/chat_media.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "optimizations/core/memory.h"
#include "optimizations/core/utf8_text.h"

static const double fps_default = 24; /* unknown (harness/model/README.md#time-stamps) */

/* Everything that the media point to, in a chain. */
struct piece {
    struct piece *next;
    max_align_t data[];
};

static void *take(vlt_chat *chat, size_t count, size_t element_bytes, vlt_error *err)
{
    size_t bytes;
    struct piece *piece = NULL;
    if (vlt_mul_size(count, element_bytes, &bytes) && vlt_add_size(bytes, sizeof *piece, &bytes)) {
        piece = malloc(bytes);
    }
    if (!piece) {
        vlt_fail(err, VLT_STATUS_NOMEM, "media of the messages: out of memory");
        return NULL;
    }
    piece->next = chat->memory;
    chat->memory = piece;
    return piece->data;
}

void vlt_chat_media_release(vlt_chat *chat)
{
    for (struct piece *piece = chat->memory, *next; piece; piece = next) {
        next = piece->next;
        free(piece);
    }
    free(chat->media);
    chat->memory = NULL;
    chat->media = NULL;
    chat->media_count = 0;
}

/* Notes the first thing that is wrong with an item. */
static vlt_status note(vlt_chat *chat, vlt_media *media, vlt_error *err, const char *format, ...)
    VLT_PRINTF(4, 5);

static vlt_status note(vlt_chat *chat, vlt_media *media, vlt_error *err, const char *format, ...)
{
    enum { ROOM = 512 };
    if (media->problem) {
        return VLT_OK;
    }
    char *text = take(chat, ROOM, 1, err);
    if (!text) {
        return VLT_STATUS_NOMEM;
    }
    va_list args;
    va_start(args, format);
    vlt_utf8_vformat(text, ROOM, format, args);
    va_end(args);
    media->problem = text;
    return VLT_OK;
}

/* A copy with a NUL behind. A name with a NUL inside would open another file. */
static vlt_status copy_text(vlt_chat *chat, vlt_media *media, const char *key, const vlt_tree *text,
                            const char **out, vlt_error *err)
{
    char *copy = take(chat, text->length + 1, 1, err);
    if (!copy) {
        return VLT_STATUS_NOMEM;
    }
    memcpy(copy, text->text, text->length);
    copy[text->length] = '\0';
    *out = copy;
    return strlen(copy) == text->length
               ? VLT_OK
               : note(chat, media, err, "key '%s' is %s, expected a name without NUL", key,
                      vlt_tree_quoted(text).text);
}

/* A name as vlt_json_set_bytes writes it. */
static vlt_status read_hex(vlt_chat *chat, vlt_media *media, const vlt_tree *hex, vlt_error *err)
{
    char *bytes = vlt_hex_decode(hex->text, hex->length);
    if (!bytes) {
        return note(chat, media, err, "key 'image" VLT_JSON_HEX "' is %s, expected hexadecimal",
                    vlt_tree_quoted(hex).text);
    }
    size_t room = strlen(bytes) + 1;
    char *copy = take(chat, room, 1, err);
    if (copy) {
        memcpy(copy, bytes, room);
        media->source = copy;
    }
    free(bytes);
    return copy ? VLT_OK : VLT_STATUS_NOMEM;
}

/* image: a string; image_url: a string or {"url"}; or the keys url and path. */
static vlt_status read_image(vlt_chat *chat, vlt_media *media, const vlt_tree *item, vlt_error *err)
{
    static const char *const keys[] = {"image", "image_url", "url", "path"};
    const vlt_tree *hex = chat->own_names ? vlt_tree_get(item, "image" VLT_JSON_HEX) : NULL;
    const vlt_tree *first = NULL;
    const char *first_key = keys[0];
    if (hex && hex->type == VLT_TREE_STRING) {
        return read_hex(chat, media, hex, err);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const vlt_tree *value = vlt_tree_get(item, keys[i]);
        const vlt_tree *url = vlt_tree_get(value, "url");
        value = url ? url : value;
        if (value && value->type == VLT_TREE_STRING) {
            return copy_text(chat, media, keys[i], value, &media->source, err);
        }
        first_key = value && !first ? keys[i] : first_key;
        first = first ? first : value;
    }
    return note(chat, media, err, "key '%s' is %s, expected a path, a URL or a data URI", first_key,
                vlt_tree_quoted(first).text);
}

static vlt_status read_frames(vlt_chat *chat, vlt_media *media, const vlt_tree *video,
                              vlt_error *err)
{
    bool list = video && video->type == VLT_TREE_ARRAY;
    if (list && !video->count) {
        return note(chat, media, err, "key 'video' has no frames, expected at least one path");
    }
    if (!list && !(video && video->type == VLT_TREE_STRING)) {
        return note(chat, media, err, "key 'video' is %s, expected a list of the frames' paths",
                    vlt_tree_quoted(video).text);
    }
    uint32_t count = list ? video->count : 1;
    const char **frames = take(chat, count, sizeof *frames, err);
    vlt_status status = frames ? VLT_OK : VLT_STATUS_NOMEM;
    for (uint32_t i = 0; i < count && status == VLT_OK; i++) {
        const vlt_tree *frame = list ? &video->child[i] : video;
        if (frame->type != VLT_TREE_STRING) {
            return note(chat, media, err, "key 'video': frame %u is %s, expected a path",
                        (unsigned)i, vlt_tree_quoted(frame).text);
        }
        status = copy_text(chat, media, "video", frame, &frames[i], err);
    }
    if (status == VLT_OK) {
        media->frames = frames;
        media->frame_count = (int)count;
    }
    return status;
}

static vlt_status read_fps(vlt_chat *chat, vlt_media *media, const vlt_tree *fps, vlt_error *err)
{
    if (!fps || fps->type == VLT_TREE_NULL) {
        return VLT_OK;
    }
    if (vlt_tree_double(fps, &media->fps) && media->fps > 0) {
        return VLT_OK;
    }
    media->fps = fps_default;
    return note(chat, media, err, "key 'fps' is %s, expected a number above 0",
                vlt_tree_quoted(fps).text);
}

/* A source frame number (value NULL: *out is one), and its time can be told. */
static vlt_status read_index(vlt_chat *chat, vlt_media *media, int frame, const vlt_tree *value,
                             int64_t *out, vlt_error *err)
{
    static const double seconds_max = 1e12;
    if (value && !vlt_tree_int(value, 0, INT64_C(1) << 53, out)) {
        return note(chat, media, err,
                    "key 'frames_indices': element %d is %s, expected a frame number, an integer "
                    "of 0 or more",
                    frame, vlt_tree_quoted(value).text);
    }
    if (!((double)*out / media->fps < seconds_max)) {
        return note(chat, media, err,
                    "frame %lld at fps %g would be at %g seconds, expected less "
                    "than %g",
                    (long long)*out, media->fps, (double)*out / media->fps, seconds_max);
    }
    return VLT_OK;
}

static vlt_status read_indices(vlt_chat *chat, vlt_media *media, const vlt_tree *list,
                               vlt_error *err)
{
    bool given = list && list->type != VLT_TREE_NULL;
    int64_t *indices = take(chat, (size_t)media->frame_count, sizeof *indices, err);
    vlt_status status = indices ? VLT_OK : VLT_STATUS_NOMEM;
    if (status == VLT_OK && given && list->type != VLT_TREE_ARRAY) {
        status = note(chat, media, err, "key 'frames_indices' is %s, expected a list of %d numbers",
                      vlt_tree_quoted(list).text, media->frame_count);
        given = false;
    }
    if (status == VLT_OK && given && (int64_t)list->count != media->frame_count) {
        status = note(chat, media, err,
                      "key 'frames_indices' has %u numbers, expected %d: one a frame",
                      (unsigned)list->count, media->frame_count);
        given = false;
    }
    for (int i = 0; i < media->frame_count && status == VLT_OK; i++) {
        indices[i] = i;
        status = read_index(chat, media, i, given ? &list->child[i] : NULL, &indices[i], err);
    }
    media->frame_indices = indices;
    return status;
}

static vlt_status read_video(vlt_chat *chat, vlt_media *media, const vlt_tree *item, vlt_error *err)
{
    vlt_status status = read_frames(chat, media, vlt_tree_get(item, "video"), err);
    if (status == VLT_OK) {
        status = read_fps(chat, media, vlt_tree_get(item, "fps"), err);
    }
    return status == VLT_OK ? read_indices(chat, media, vlt_tree_get(item, "frames_indices"), err)
                            : status;
}

vlt_status vlt_chat_media_add(vlt_chat *chat, vlt_media_kind kind, const vlt_tree *item,
                              vlt_error *err)
{
    size_t count = (size_t)chat->media_count;
    if ((count & (count - 1)) == 0) {
        /* Room doubles: at every power of two there is none left. */
        vlt_media *media = realloc(chat->media, (count ? count * 2 : 1) * sizeof *media);
        if (!media) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "media of the messages: out of memory");
        }
        chat->media = media;
    }
    vlt_media *media = &chat->media[chat->media_count++];
    *media = (vlt_media){.kind = kind, .fps = fps_default};
    return kind == VLT_MEDIA_IMAGE ? read_image(chat, media, item, err)
                                   : read_video(chat, media, item, err);
}

#include "harness/model/chat_media.h"

#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "optimizations/core/memory.h"

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

/* A copy with a NUL behind. A path with a NUL inside would name another file: a problem. */
static vlt_status copy_text(vlt_chat *chat, vlt_media *media, const vlt_tree *text,
                            const char **out, vlt_error *err)
{
    char *copy = take(chat, text->length + 1, 1, err);
    if (!copy) {
        return VLT_STATUS_NOMEM;
    }
    memcpy(copy, text->text, text->length);
    copy[text->length] = '\0';
    if (strlen(copy) != text->length) {
        media->problem = "its name holds a NUL";
    }
    *out = copy;
    return VLT_OK;
}

/* A name as vlt_json_set_bytes writes it. */
static vlt_status read_hex(vlt_chat *chat, vlt_media *media, const vlt_tree *hex, vlt_error *err)
{
    char *bytes = vlt_hex_decode(hex->text, hex->length);
    if (!bytes) {
        media->problem = "its name is not written in hexadecimal";
        return VLT_OK;
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
    if (hex && hex->type == VLT_TREE_STRING) {
        return read_hex(chat, media, hex, err);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const vlt_tree *value = vlt_tree_get(item, keys[i]);
        const vlt_tree *url = vlt_tree_get(value, "url");
        value = url ? url : value;
        if (value && value->type == VLT_TREE_STRING) {
            return copy_text(chat, media, value, &media->source, err);
        }
    }
    media->problem = "it names no file, URL or data URI";
    return VLT_OK;
}

static vlt_status read_frames(vlt_chat *chat, vlt_media *media, const vlt_tree *video,
                              vlt_error *err)
{
    bool list = video && video->type == VLT_TREE_ARRAY;
    if (!list && !(video && video->type == VLT_TREE_STRING)) {
        media->problem = "it names no frames";
        return VLT_OK;
    }
    uint32_t count = list ? video->count : 1;
    const char **frames = take(chat, count, sizeof *frames, err);
    vlt_status status = frames ? VLT_OK : VLT_STATUS_NOMEM;
    for (uint32_t i = 0; i < count && status == VLT_OK; i++) {
        const vlt_tree *frame = list ? &video->child[i] : video;
        if (frame->type != VLT_TREE_STRING) {
            media->problem = "one of its frames is no path";
            return VLT_OK;
        }
        status = copy_text(chat, media, frame, &frames[i], err);
    }
    if (status == VLT_OK) {
        media->frames = frames;
        media->frame_count = (int)count;
        media->problem = count ? media->problem : "it has no frames";
    }
    return status;
}

static vlt_status read_indices(vlt_chat *chat, vlt_media *media, const vlt_tree *list,
                               vlt_error *err)
{
    bool given = list && list->type != VLT_TREE_NULL;
    int64_t *indices = take(chat, (size_t)media->frame_count, sizeof *indices, err);
    if (!indices) {
        return VLT_STATUS_NOMEM;
    }
    if (given && (list->type != VLT_TREE_ARRAY || (int64_t)list->count != media->frame_count)) {
        media->problem = "frames_indices is not a list with one number a frame";
        given = false;
    }
    for (int i = 0; i < media->frame_count; i++) {
        indices[i] = i;
        if (given && !vlt_tree_int(&list->child[i], 0, INT64_C(1) << 53, &indices[i])) {
            media->problem = "one of its frames_indices is no frame number";
        }
    }
    media->frame_indices = indices;
    return VLT_OK;
}

static vlt_status read_video(vlt_chat *chat, vlt_media *media, const vlt_tree *item, vlt_error *err)
{
    const vlt_tree *fps = vlt_tree_get(item, "fps");
    vlt_status status = read_frames(chat, media, vlt_tree_get(item, "video"), err);
    if (status == VLT_OK) {
        status = read_indices(chat, media, vlt_tree_get(item, "frames_indices"), err);
    }
    if (fps && fps->type != VLT_TREE_NULL &&
        !(vlt_tree_double(fps, &media->fps) && media->fps > 0)) {
        media->fps = fps_default;
        media->problem = "fps is not a number above 0";
    }
    return status;
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

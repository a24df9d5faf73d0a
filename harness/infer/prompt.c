#include "harness/infer/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/infer/media.h"
#include "harness/infer/pictures.h"
#include "harness/infer/positions.h"
#include "harness/json/buffer.h"
#include "harness/json/json_make.h"
#include "harness/model/chat.h"
#include "optimizations/core/hash.h"

enum { TEXT_LIMIT = 256 << 20 };

vlt_status vlt_messages_append(const char *list, const json_t *message, char **out, vlt_error *err)
{
    char *text = vlt_json_dump(message, NULL);
    const char *end = list ? strrchr(list, ']') : NULL;
    bool empty = true; /* nothing between the brackets */
    for (const char *p = list ? strchr(list, '[') : NULL; p && p + 1 < end && empty; p++) {
        empty = strchr(" \t\r\n", p[1]) != NULL;
    }
    *out = NULL;
    vlt_buffer joined = {0};
    vlt_buffer_put(&joined, end ? list : "[", end ? (size_t)(end - list) : 1);
    vlt_buffer_text(&joined, empty ? "" : ", ");
    vlt_buffer_text(&joined, text ? text : "");
    vlt_buffer_put(&joined, "]", 1);
    if (text && !joined.failed) {
        *out = joined.data;
    } else {
        free(joined.data);
    }
    free(text);
    return *out ? VLT_OK : vlt_fail(err, VLT_STATUS_NOMEM, "messages: out of memory");
}

/* One user turn: the images in order, then the text. Paths are made absolute, because the turn may
 * be rendered again from another folder. */
static json_t *user_turn(const vlt_request *request)
{
    json_t *content = json_array();
    for (int i = 0; i < request->image_count; i++) {
        char *source = vlt_media_absolute(request->images[i], request->files);
        json_t *item = vlt_json_make("{s:s}", "type", source ? "image" : NULL);
        vlt_json_set_bytes(&item, "image", source);
        vlt_json_append(&content, item);
        free(source);
    }
    json_t *text = vlt_json_string(request->prompt, strlen(request->prompt));
    vlt_json_append(&content, vlt_json_make("{s:s, s:o}", "type", "text", "text", text));
    return vlt_json_make("{s:s, s:o}", "role", "user", "content", content);
}

/* prompt->messages: those of the request, or the conversation with the next turn. */
static vlt_status gather_messages(const vlt_request *request, const char *conversation,
                                  vlt_prompt *prompt, vlt_error *err)
{
    vlt_status status = VLT_OK;
    if (!request->messages == !request->prompt) {
        return vlt_fail(err, VLT_STATUS_USAGE, "expected either messages or a prompt");
    }
    if (request->messages && (request->image_count || request->system)) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "%s with messages, expected it in a message of theirs",
                        request->image_count ? "images" : "a system text");
    }
    if (request->messages) {
        if (request->messages_bytes > TEXT_LIMIT) {
            return vlt_fail(err, VLT_STATUS_LIMIT, "messages: %zu bytes, expected at most %d",
                            request->messages_bytes, TEXT_LIMIT);
        }
        prompt->messages = malloc(request->messages_bytes + 1);
        if (!prompt->messages) {
            return vlt_fail(err, VLT_STATUS_NOMEM, "messages: out of memory");
        }
        memcpy(prompt->messages, request->messages, request->messages_bytes);
        prompt->messages[request->messages_bytes] = '\0';
        prompt->messages_bytes = request->messages_bytes;
        return VLT_OK;
    }
    char *opened = NULL;
    if (request->system && !conversation) {
        json_t *content = vlt_json_string(request->system, strlen(request->system));
        json_t *turn = vlt_json_make("{s:s, s:o}", "role", "system", "content", content);
        status = vlt_messages_append(NULL, turn, &opened, err);
        json_decref(turn);
    } else if (request->system) {
        status = vlt_fail(err, VLT_STATUS_USAGE,
                          "a system message opens a conversation, this one has begun");
    }
    if (status == VLT_OK) {
        json_t *turn = user_turn(request);
        status = vlt_messages_append(opened ? opened : conversation, turn, &prompt->messages, err);
        json_decref(turn);
    }
    if (status == VLT_OK) {
        prompt->messages_bytes = strlen(prompt->messages);
    }
    free(opened);
    return status;
}

struct warned {
    const vlt_engine *engine;
    const char *name; /* of the request, or NULL */
};

static void chat_warning(void *user, const char *message)
{
    const struct warned *warned = user;
    const char *name = warned->name ? warned->name : "";
    vlt_engine_message(warned->engine, 0, "%s%s%s", name, *name ? ": " : "", message);
}

static vlt_status render(vlt_engine *engine, const vlt_request *request, const vlt_tree *messages,
                         const vlt_tree *tools, vlt_chat *chat, vlt_error *err)
{
    struct warned warned = {engine, request->name};
    vlt_chat_options options = {.add_generation_prompt = true,
                                .add_vision_id = request->add_vision_id,
                                .strict = true,
                                .own_names = request->prompt != NULL,
                                .warn = chat_warning,
                                .warn_user = &warned};
    vlt_status status = vlt_chat_tools_read(tools, &options, err);
    return status == VLT_OK ? vlt_chat_render(messages, &options, chat, err) : status;
}

/* Images of a request, while one of them is a pipe that gives nothing. */
struct loading {
    const vlt_request *request;
    int64_t total;
};

static bool loading_stopped(void *user, int done)
{
    const struct loading *loading = user;
    const vlt_request *request = loading->request;
    return request->on_progress &&
           !request->on_progress(request->user, "images", done, loading->total);
}

static vlt_status load_visuals(vlt_engine *engine, const vlt_request *request, const vlt_chat *chat,
                               vlt_prompt *prompt, vlt_error *err)
{
    vlt_visual_times times = {0};
    struct loading loading = {.request = request, .total = chat->media_count};
    const vlt_pictures_watch watch = {loading_stopped, &loading};
    prompt->visual = calloc((size_t)chat->media_count + 1, sizeof *prompt->visual);
    if (!prompt->visual) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d images", chat->media_count);
    }
    prompt->visual_count = chat->media_count;
    vlt_status status = vlt_pictures_load(engine->pictures, chat->media, chat->media_count,
                                          request->files, &watch, prompt->visual, &times, err);
    prompt->image_decode_ms = times.image_decode_ms;
    prompt->preprocess_ms = times.preprocess_ms;
    return status;
}

/* The text of a prompt on its way to ids. Images and videos apart, in the form that placeholders
 * want: of videos the text needs the time stamps, of both the ids need the grids. */
struct encoding {
    vlt_prompt_text written; /* videos written out */
    vlt_token_future *future;
    int64_t *image_tokens;
    vlt_video_layout *video;
    double *seconds; /* of all videos, one behind the other */
    vlt_prompt_media media;
    double ms;
};

static void release_encoding(struct encoding *encoding)
{
    vlt_placeholders_text_release(&encoding->written);
    free(encoding->image_tokens);
    free(encoding->video);
    free(encoding->seconds);
}

static int64_t group_count(const vlt_engine *engine, const vlt_media *item)
{
    const int64_t temporal = engine->config.vision.temporal;
    return (item->frame_count + temporal - 1) / temporal;
}

static vlt_status list_media(const vlt_engine *engine, const vlt_chat *chat,
                             struct encoding *encoding, vlt_error *err)
{
    size_t count = (size_t)chat->media_count + 1, groups = 1;
    for (int i = 0; i < chat->media_count; i++) {
        groups += (size_t)group_count(engine, &chat->media[i]);
    }
    encoding->image_tokens = calloc(count, sizeof *encoding->image_tokens);
    encoding->video = calloc(count, sizeof *encoding->video);
    double *seconds = encoding->seconds = calloc(groups, sizeof *encoding->seconds);
    if (!encoding->image_tokens || !encoding->video || !seconds) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %d images", chat->media_count);
    }
    vlt_prompt_media *media = &encoding->media;
    for (int i = 0; i < chat->media_count; i++) {
        const vlt_media *item = &chat->media[i];
        if (item->kind != VLT_MEDIA_VIDEO) {
            media->image_count++;
            continue;
        }
        vlt_video_seconds(item->frame_indices, item->frame_count, item->fps,
                          (int)engine->config.vision.temporal, seconds);
        encoding->video[media->video_count++] = (vlt_video_layout){
            .groups = group_count(engine, item), .seconds = seconds};
        seconds += group_count(engine, item);
    }
    media->image_tokens = encoding->image_tokens;
    media->video = encoding->video;
    media->dialect = engine->vision_options.dialect;
    return VLT_OK;
}

/* The text goes its way while the images go theirs. */
static vlt_status begin_encoding(vlt_engine *engine, const vlt_request *request,
                                 const vlt_chat *chat, struct encoding *encoding, vlt_error *err)
{
    double start_ms = vlt_now_ms();
    const size_t plain = request->no_special ? chat->outside_count : 0;
    const vlt_prompt_text text = {
        .text = chat->text, .bytes = chat->text_bytes, .plain = {chat->outside, plain}};
    vlt_status status = list_media(engine, chat, encoding, err);
    if (status == VLT_OK) {
        status = vlt_placeholders_text(vlt_tokenizer_vocab(engine->tokenizer),
                                       &engine->vision_tokens, &text, &encoding->media,
                                       &encoding->written, err);
    }
    if (status == VLT_OK && chat->media_count) {
        encoding->future = vlt_token_service_begin(engine->tokens, &encoding->written);
    }
    encoding->ms = vlt_now_ms() - start_ms;
    return status;
}

/* What the grids tell. */
static void measure_media(const vlt_engine *engine, const vlt_prompt *prompt,
                          struct encoding *encoding)
{
    int images = 0, videos = 0;
    for (int i = 0; i < prompt->visual_count; i++) {
        const vlt_grid *grid = &prompt->visual[i].grid;
        int64_t tokens = vlt_grid_tokens(grid, engine->config.vision.merge);
        if (grid->video) {
            encoding->video[videos++].tokens = tokens / grid->t;
        } else {
            encoding->image_tokens[images++] = tokens;
        }
    }
}

/* loaded: how the images fared; the text is waited for in any case. */
static vlt_status end_encoding(vlt_engine *engine, vlt_status loaded, struct encoding *encoding,
                               vlt_prompt *prompt, vlt_error *err)
{
    int32_t *ids = NULL;
    size_t id_count = 0, count = 0;
    double busy_ms;
    vlt_status status = vlt_token_service_collect(engine->tokens, encoding->future,
                                                  &encoding->written, &ids, &id_count, &busy_ms,
                                                  loaded == VLT_OK ? err : NULL);
    status = loaded == VLT_OK ? status : loaded;
    double start_ms = vlt_now_ms();
    if (status == VLT_OK) {
        measure_media(engine, prompt, encoding);
        status = vlt_placeholders_ids(&engine->vision_tokens, ids, id_count, &encoding->media,
                                      &prompt->ids, &count, err);
    }
    prompt->count = (int64_t)count;
    prompt->tokenize_ms = encoding->ms + busy_ms + vlt_now_ms() - start_ms;
    free(ids);
    return status;
}

static vlt_status load_and_encode(vlt_engine *engine, const vlt_request *request,
                                  const vlt_chat *chat, vlt_prompt *prompt, vlt_error *err)
{
    struct encoding encoding = {0};
    vlt_status status = begin_encoding(engine, request, chat, &encoding, err);
    if (status == VLT_OK) {
        status = load_visuals(engine, request, chat, prompt, err);
        status = end_encoding(engine, status, &encoding, prompt, err);
    }
    release_encoding(&encoding);
    return status;
}

/* What each row of a cache depends on besides the rows before it. */
static void make_keys(const vlt_engine *engine, vlt_prompt *prompt)
{
    const int64_t merge = engine->config.vision.merge;
    int visual = 0;
    int64_t row_first = 0, row_end = 0;
    for (int64_t i = 0; i < prompt->count; i++) {
        int64_t row = prompt->visual_row[i];
        prompt->key[i] = (uint64_t)prompt->ids[i];
        if (row < 0) {
            continue;
        }
        if (row < row_first) { /* images and videos need not be in one order */
            visual = 0;
            row_end = 0;
        }
        while (row >= row_end) {
            row_first = row_end;
            row_end += vlt_grid_tokens(&prompt->visual[visual++].grid, merge);
        }
        uint64_t in_visual = (uint64_t)(row - row_first);
        prompt->key[i] = vlt_hash_bytes(&in_visual, sizeof in_visual,
                                        prompt->visual[visual - 1].hash) |
                         (UINT64_C(1) << 63); /* no text id looks like this */
    }
}

static vlt_status locate(vlt_engine *engine, vlt_prompt *prompt, vlt_error *err)
{
    size_t count = (size_t)prompt->count;
    if (!count) {
        return vlt_fail(err, VLT_STATUS_INPUT, "the prompt is empty, nothing can follow it");
    }
    if (prompt->count > engine->config.text.position_max) {
        return vlt_fail(err, VLT_STATUS_LIMIT,
                        "prompt of %lld tokens, max_position_embeddings is %lld",
                        (long long)prompt->count, (long long)engine->config.text.position_max);
    }
    prompt->position = malloc(3 * count * sizeof *prompt->position);
    prompt->visual_row = malloc(count * sizeof *prompt->visual_row);
    prompt->key = malloc(count * sizeof *prompt->key);
    vlt_grid *grid = calloc((size_t)prompt->visual_count + 1, sizeof *grid);
    vlt_status status = VLT_OK;
    if (!prompt->position || !prompt->visual_row || !prompt->key || !grid) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "no memory for %zu tokens", count);
        goto done;
    }
    for (int i = 0; i < prompt->visual_count; i++) {
        grid[i] = prompt->visual[i].grid;
    }
    status = vlt_positions_of_prompt(&engine->config, prompt->ids, prompt->count, grid,
                                     prompt->visual_count, prompt->position, prompt->visual_row,
                                     &prompt->delta, err);
    if (status == VLT_OK) {
        make_keys(engine, prompt);
    }
done:
    free(grid);
    return status;
}

vlt_status vlt_prompt_build_tree(vlt_engine *engine, const vlt_request *request,
                                 const vlt_tree *messages, const vlt_tree *tools, vlt_prompt *out,
                                 vlt_error *err)
{
    vlt_chat chat = {0};
    vlt_status status = render(engine, request, messages, tools, &chat, err);
    if (status == VLT_OK) {
        status = load_and_encode(engine, request, &chat, out, err);
    }
    if (status == VLT_OK) {
        status = locate(engine, out, err);
    }
    vlt_chat_release(&chat);
    if (status != VLT_OK) {
        vlt_prompt_release(out);
    }
    return status;
}

vlt_status vlt_prompt_build(vlt_engine *engine, const vlt_request *request,
                            const char *conversation, const vlt_tree *tools, vlt_prompt *out,
                            vlt_error *err)
{
    vlt_tree_document *messages = NULL, *read_tools = NULL;
    *out = (vlt_prompt){0};
    vlt_status status = gather_messages(request, conversation, out, err);
    if (status == VLT_OK) {
        status = vlt_tree_parse_file(out->messages, out->messages_bytes, "messages", true,
                                     &messages, err);
    }
    if (status == VLT_OK && request->tools && !tools) {
        status = vlt_tree_parse_file(request->tools, request->tools_bytes, "tools", true,
                                     &read_tools, err);
        tools = status == VLT_OK ? vlt_tree_root(read_tools) : NULL;
    }
    if (status == VLT_OK) {
        status = vlt_prompt_build_tree(engine, request, vlt_tree_root(messages), tools, out, err);
    }
    vlt_tree_destroy(read_tools);
    vlt_tree_destroy(messages);
    if (status != VLT_OK) {
        vlt_prompt_release(out);
    }
    return status;
}

void vlt_prompt_release(vlt_prompt *prompt)
{
    for (int i = 0; i < prompt->visual_count; i++) {
        vlt_visual_release(&prompt->visual[i]);
    }
    free(prompt->visual);
    free(prompt->messages);
    free(prompt->ids);
    free(prompt->position);
    free(prompt->visual_row);
    free(prompt->key);
    *prompt = (vlt_prompt){0};
}

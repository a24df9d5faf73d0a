#include "harness/model/placeholders.h"

#include <stdlib.h>
#include <string.h>

#include "harness/json/buffer.h"
#include "optimizations/core/memory.h"

void vlt_video_seconds(const int64_t *frame_indices, int frame_count, double fps, int group_frames,
                       double *seconds)
{
    for (int first = 0, group = 0; first < frame_count; first += group_frames, group++) {
        int last = first + group_frames - 1;
        last = last < frame_count ? last : frame_count - 1;
        seconds[group] = ((double)frame_indices[first] / fps + (double)frame_indices[last] / fps) /
                         2;
    }
}

/* The texts of the four tokens. */
struct texts {
    vlt_token_text pad, start, end;
};

static vlt_status token_text(const vlt_vocab *vocab, int32_t id, const char *what,
                             vlt_token_text *out, vlt_error *err)
{
    *out = vlt_vocab_token(vocab, id);
    if (!out->bytes || !vlt_vocab_is_added(vocab, id)) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "%s %d is no added token of the vocabulary, which has %d ids", what, id,
                        vlt_vocab_size(vocab));
    }
    return VLT_OK;
}

static void put_token(vlt_buffer *out, vlt_token_text token)
{
    vlt_buffer_put(out, token.bytes, token.length);
}

static void put_video(vlt_buffer *out, const struct texts *texts, const vlt_video_layout *video)
{
    for (int64_t g = 0; g < video->groups; g++) {
        vlt_buffer_print(out, "<%.1f seconds>", video->seconds[g]);
        put_token(out, texts->start);
        put_token(out, texts->pad);
        put_token(out, texts->end);
    }
}

static bool ends_with(const char *text, size_t bytes, vlt_token_text token)
{
    return bytes >= token.length &&
           memcmp(text + bytes - token.length, token.bytes, token.length) == 0;
}

vlt_status vlt_placeholders_text(const vlt_vocab *vocab, const vlt_vision_tokens *tokens,
                                 const char *text, size_t bytes, const vlt_prompt_media *media,
                                 char **out, size_t *out_bytes, vlt_error *err)
{
    vlt_buffer buffer = {0};
    struct texts texts;
    int videos = 0;
    vlt_status status;
    *out = NULL;
    *out_bytes = 0;
    if ((status = token_text(vocab, tokens->video_pad, "video_token_id", &texts.pad, err)) !=
            VLT_OK ||
        (status = token_text(vocab, tokens->vision_start, "vision_start_token_id", &texts.start,
                             err)) != VLT_OK ||
        (status = token_text(vocab, tokens->vision_end, "vision_end_token_id", &texts.end, err)) !=
            VLT_OK) {
        return status;
    }
    const char *at = text, *end = text + bytes;
    vlt_buffer_put(&buffer, "", 0);
    while (at < end) {
        const char *pad = memmem(at, (size_t)(end - at), texts.pad.bytes, texts.pad.length);
        if (!pad) {
            break;
        }
        const char *next = pad + texts.pad.length;
        size_t before = (size_t)(pad - at);
        bool wrapped = ends_with(at, before, texts.start) &&
                       (size_t)(end - next) >= texts.end.length &&
                       memcmp(next, texts.end.bytes, texts.end.length) == 0;
        if (media->dialect == VLT_DIALECT_4_57 && wrapped) {
            before -= texts.start.length;
            next += texts.end.length;
        }
        vlt_buffer_put(&buffer, at, before);
        if (videos < media->video_count) {
            put_video(&buffer, &texts, &media->video[videos]);
        }
        videos++;
        at = next;
    }
    vlt_buffer_put(&buffer, at, (size_t)(end - at));
    if (buffer.failed) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "prompt: out of memory");
    } else if (videos != media->video_count) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "prompt: %d video placeholders for %d videos",
                          videos, media->video_count);
    }
    if (status != VLT_OK) {
        free(buffer.data);
        return status;
    }
    *out = buffer.data;
    *out_bytes = buffer.bytes;
    return VLT_OK;
}

/* Pads of one group of any video, by the running number of the group; -1 behind the last. */
static int64_t group_tokens(const vlt_prompt_media *media, int64_t number)
{
    for (int v = 0; v < media->video_count; v++) {
        if (number < media->video[v].groups) {
            return media->video[v].tokens;
        }
        number -= media->video[v].groups;
    }
    return -1;
}

/* Counts the pads in ids and sums up the expanded length. */
static vlt_status count_pads(const vlt_vision_tokens *tokens, const int32_t *ids, size_t id_count,
                             const vlt_prompt_media *media, size_t *length, vlt_error *err)
{
    int64_t images = 0, groups = 0, expected = 0;
    *length = 0;
    for (int v = 0; v < media->video_count; v++) {
        expected += media->video[v].groups;
    }
    for (size_t i = 0; i < id_count; i++) {
        int64_t copies = 1;
        if (ids[i] == tokens->image_pad) {
            copies = images < media->image_count ? media->image_tokens[images] : 0;
            images++;
        } else if (ids[i] == tokens->video_pad) {
            copies = groups < expected ? group_tokens(media, groups) : 0;
            groups++;
        }
        if (copies < 0 || !vlt_add_size(*length, (size_t)copies, length)) {
            return vlt_fail(err, VLT_STATUS_LIMIT, "prompt: a placeholder of %lld tokens",
                            (long long)copies);
        }
    }
    if (images != media->image_count) {
        return vlt_fail(err, VLT_STATUS_INPUT, "prompt: %lld image placeholders for %d images",
                        (long long)images, media->image_count);
    }
    if (groups != expected) {
        return vlt_fail(err, VLT_STATUS_INPUT,
                        "prompt: %lld video placeholders for %lld groups of frames",
                        (long long)groups, (long long)expected);
    }
    return VLT_OK;
}

vlt_status vlt_placeholders_ids(const vlt_vision_tokens *tokens, const int32_t *ids,
                                size_t id_count, const vlt_prompt_media *media, int32_t **out,
                                size_t *out_count, vlt_error *err)
{
    size_t length, bytes;
    *out = NULL;
    *out_count = 0;
    vlt_status status = count_pads(tokens, ids, id_count, media, &length, err);
    if (status != VLT_OK) {
        return status;
    }
    if (!vlt_mul_size(length + 1, sizeof **out, &bytes) || !(*out = malloc(bytes))) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "prompt of %zu tokens: out of memory", length);
    }
    int64_t images = 0, groups = 0;
    size_t used = 0;
    for (size_t i = 0; i < id_count; i++) {
        int64_t copies = ids[i] == tokens->image_pad   ? media->image_tokens[images++]
                         : ids[i] == tokens->video_pad ? group_tokens(media, groups++)
                                                       : 1;
        for (int64_t k = 0; k < copies; k++) {
            (*out)[used++] = ids[i];
        }
    }
    *out_count = used;
    return VLT_OK;
}

vlt_status vlt_placeholders_encode(const vlt_tokenizer *tokenizer, vlt_context *context,
                                   const vlt_vision_tokens *tokens, const char *text, size_t bytes,
                                   const vlt_prompt_media *media, int32_t **out, size_t *out_count,
                                   vlt_error *err)
{
    char *written = NULL;
    int32_t *ids = NULL;
    size_t written_bytes = 0, id_count = 0;
    bool videos = media->video_count > 0 ||
                  (vlt_vocab_token(vlt_tokenizer_vocab(tokenizer), tokens->video_pad).bytes);
    vlt_status status = VLT_OK;
    *out = NULL;
    *out_count = 0;
    if (videos) {
        status = vlt_placeholders_text(vlt_tokenizer_vocab(tokenizer), tokens, text, bytes, media,
                                       &written, &written_bytes, err);
    }
    if (status == VLT_OK) {
        status = vlt_tokenizer_encode(tokenizer, context, videos ? written : text,
                                      videos ? written_bytes : bytes, false, &ids, &id_count, err);
    }
    if (status == VLT_OK) {
        status = vlt_placeholders_ids(tokens, ids, id_count, media, out, out_count, err);
    }
    free(ids);
    free(written);
    return status;
}

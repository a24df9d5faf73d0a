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

static vlt_status find_texts(const vlt_vocab *vocab, const vlt_vision_tokens *tokens,
                             struct texts *texts, vlt_error *err)
{
    vlt_status status = token_text(vocab, tokens->video_pad, "video_token_id", &texts->pad, err);
    if (status == VLT_OK) {
        status = token_text(vocab, tokens->vision_start, "vision_start_token_id", &texts->start,
                            err);
    }
    return status == VLT_OK
               ? token_text(vocab, tokens->vision_end, "vision_end_token_id", &texts->end, err)
               : status;
}

/* The next pad at or behind `at` that lies in no plain stretch, of which `next` end before it; the
 * prompt's end where there is none. */
static size_t find_pad(const vlt_prompt_text *prompt, vlt_token_text pad, size_t at, size_t next)
{
    const vlt_text_ranges *plain = &prompt->plain;
    while (at < prompt->bytes) {
        const char *found = memmem(prompt->text + at, prompt->bytes - at, pad.bytes, pad.length);
        if (!found) {
            break;
        }
        size_t first = (size_t)(found - prompt->text);
        while (next < plain->count && plain->range[next].end <= first) {
            next++;
        }
        if (next == plain->count || plain->range[next].first >= first + pad.length) {
            return first;
        }
        at = plain->range[next].end;
    }
    return prompt->bytes;
}

/* The prompt on its way into a longer one. */
struct writing {
    const vlt_prompt_text *prompt;
    vlt_buffer text;
    vlt_text_range *range; /* [prompt->plain.count] */
    size_t ranges;         /* moved so far */
};

/* Copies prompt bytes [first, end) with the plain stretches in them. Between two calls only tokens
 * are passed over, so no stretch is cut. */
static void copy_part(struct writing *writing, size_t first, size_t end)
{
    const vlt_text_ranges *plain = &writing->prompt->plain;
    size_t to = writing->text.bytes;
    vlt_buffer_put(&writing->text, writing->prompt->text + first, end - first);
    for (; writing->ranges < plain->count && plain->range[writing->ranges].end <= end;
         writing->ranges++) {
        const vlt_text_range *from = &plain->range[writing->ranges];
        writing->range[writing->ranges] = (vlt_text_range){from->first - first + to,
                                                           from->end - first + to};
    }
}

static int write_videos(struct writing *writing, const struct texts *texts,
                        const vlt_prompt_media *media)
{
    const vlt_prompt_text *prompt = writing->prompt;
    int videos = 0;
    size_t at = 0, pad;
    while ((pad = find_pad(prompt, texts->pad, at, writing->ranges)) < prompt->bytes) {
        size_t next = pad + texts->pad.length, before = pad;
        bool wrapped = ends_with(prompt->text + at, pad - at, texts->start) &&
                       prompt->bytes - next >= texts->end.length &&
                       !memcmp(prompt->text + next, texts->end.bytes, texts->end.length);
        if (media->dialect == VLT_DIALECT_4_57 && wrapped) {
            before -= texts->start.length;
            next += texts->end.length;
        }
        copy_part(writing, at, before);
        if (videos < media->video_count) {
            put_video(&writing->text, texts, &media->video[videos]);
        }
        videos++;
        at = next;
    }
    copy_part(writing, at, prompt->bytes);
    return videos;
}

vlt_status vlt_placeholders_text(const vlt_vocab *vocab, const vlt_vision_tokens *tokens,
                                 const vlt_prompt_text *prompt, const vlt_prompt_media *media,
                                 vlt_prompt_text *out, vlt_error *err)
{
    struct writing writing = {.prompt = prompt};
    struct texts texts;
    *out = (vlt_prompt_text){0};
    /* a vocabulary without videos will do for a prompt without */
    bool none = !media->video_count && !vlt_vocab_token(vocab, tokens->video_pad).bytes;
    vlt_status status = none ? VLT_OK : find_texts(vocab, tokens, &texts, err);
    if (status != VLT_OK) {
        return status;
    }
    int videos = 0;
    writing.range = calloc(prompt->plain.count + 1, sizeof *writing.range);
    vlt_buffer_put(&writing.text, "", 0);
    if (writing.range && none) {
        copy_part(&writing, 0, prompt->bytes);
    } else if (writing.range) {
        videos = write_videos(&writing, &texts, media);
    }
    if (!writing.range || writing.text.failed) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "prompt: out of memory");
    } else if (videos != media->video_count) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "prompt: %d video placeholders for %d videos",
                          videos, media->video_count);
    }
    *out = (vlt_prompt_text){
        writing.text.data, writing.text.bytes, {writing.range, writing.ranges}};
    if (status != VLT_OK) {
        vlt_placeholders_text_release(out);
    }
    return status;
}

void vlt_placeholders_text_release(vlt_prompt_text *written)
{
    free((void *)written->text);
    free((void *)written->plain.range);
    *written = (vlt_prompt_text){0};
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
